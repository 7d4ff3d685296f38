//! Stages in containers and with services, on the rig's engine: what they wait for, and what is left of them. And the
//! GitHub Action in the workflow runner that the rig builds. And plugins that other programs read, write, and sign, too,
//! and plugins in every language, by the real toolchains.

mod containers {
    mod action;
    mod languages;
    mod peers;
    mod signatures;
}

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::program::must;
use e2e::{Repository, Rig, Sealock};

/// A repository with this pipeline, and somebody who runs it.
fn with(rig: &Rig, pipeline: &str) -> (Repository, Sealock) {
    let repository = Repository::of("scenarios/small");
    repository.write("pipelines/containers.yml", pipeline);
    repository.commit("Run in containers");
    let sealock = Sealock::new(rig, repository.path());
    (repository, sealock)
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed().as_secs() < 60, "waited for {what} for a minute");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn stages_that_fix_the_same_port_wait_for_each_other() {
    let rig = Rig::take();
    let stage = "services: { cache: { image: redis:7, ports: [\"16399:6379\"] } }\n    steps: [{ run: sleep 1 }]";
    let pipeline = format!("name: ports\nstages:\n  one:\n    {stage}\n  two:\n    {stage}\n");
    let (_repository, sealock) = with(&rig, &pipeline);
    sealock.run(&["containers", "--jobs", "2"]).expect(0).saying("waits for port 16399 of this machine");
}

#[test]
fn an_unhealthy_service_says_why_without_its_secrets() {
    let rig = Rig::take();
    let pipeline = "
name: unhealthy
secrets: [DB_PASSWORD]
stages:
  only:
    services:
      db:
        image: redis:7
        env: { WORD: \"${{ secrets.DB_PASSWORD }}\" }
        health: { command: 'echo \"not with $WORD\"; exit 1', interval: 1s, timeout: 1s, retries: 2 }
    steps: [{ run: echo never }]
";
    let (_repository, sealock) = with(&rig, pipeline);
    // A secret in what was printed would fail this by itself.
    let told = sealock.run(&["containers"]).expect(1).saying("E-SERVICE-UNHEALTHY").saying("not with ***");
    assert!(!told.text.contains("|   never"), "{}", told.text);
}

#[test]
fn a_command_in_a_container_is_asked_to_stop_before_it_is_ended() {
    let rig = Rig::take();
    let pipeline = "
name: asked
stages:
  only:
    container: debian:bookworm-slim
    steps:
      - run: |
          trap 'echo put in order; exit 3' TERM
          echo ready
          while :; do sleep 0.1 || true; done
";
    let (_repository, sealock) = with(&rig, pipeline);
    let running = sealock.start(&["containers"]);
    until("the command to be ready", || running.text().contains("|   ready"));
    let start = Instant::now();
    running.interrupt();
    running.end().expect(130).saying("put in order");
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[test]
fn containers_of_a_killed_run_are_gone_with_the_next_run() {
    let rig = Rig::take();
    let pipeline = "
name: killed
inputs: { seconds: { default: \"60\" } }
stages:
  only:
    container: debian:bookworm-slim
    services: { cache: { image: redis:7 } }
    env: { SECONDS_TO_SLEEP: \"${{ inputs.seconds }}\" }
    steps: [{ run: 'echo ready; sleep \"$SECONDS_TO_SLEEP\"' }]
";
    let (_repository, sealock) = with(&rig, pipeline);
    let running = sealock.start(&["containers"]);
    until("the command to be ready", || running.text().contains("|   ready"));
    let text = running.text();
    let run = text.split("run ").nth(1).and_then(|rest| rest.split(['…', '\n', ' ']).next()).expect("its first line");
    drop(running);
    let left = |start: &str| {
        let mut docker = Command::new("docker");
        docker.env("DOCKER_HOST", rig.setting("DOCKER_HOST"));
        docker.args(["ps", "--all", "--filter", "label=dev.sealock.run", "--format", "{{.Label \"dev.sealock.run\"}}"]);
        must(&mut docker).lines().filter(|label| label.starts_with(start)).count()
    };
    assert_eq!(left(run), 2, "the kill came too late: {text}");
    sealock.run(&["containers", "--input", "seconds=0"]).expect(0);
    assert_eq!(left(run), 0);
}
