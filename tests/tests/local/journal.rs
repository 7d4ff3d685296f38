//! The record of runs.

use std::collections::HashSet;
use std::fs;
use std::process::{Command, Stdio};

use super::support::{Scene, Told, finish, script, sealock, text};

#[test]
fn runs_are_listed_and_shown_by_the_start_of_their_name() {
    let scene = Scene::new(&script("echo hello"));
    let first = scene.run(&[]);
    first.exits(0);
    let run = text(&first.of("run-started")[0]["run"]);
    scene.call(&["runs"]).exits(0).says(&run).says("scene");
    for name in [run.as_str(), &run[..run.len() - 2]] {
        let shown = scene.call(&["show", "--format", "jsonl", name]);
        shown.exits(0);
        assert_eq!(shown.stdout, first.stdout);
    }
    scene.call(&["show", &run, "--logs", "only/1"]).exits(0).says("hello");
    scene.run(&[]).exits(0);
    scene.call(&["show", "0"]).exits(2).says("E-RUN-AMBIGUOUS");
    scene.call(&["show", "ZZZZ"]).exits(2).says("E-RUN-UNKNOWN");
    scene.call(&["show", &run, "--logs", "only/9"]).exits(2);
}

#[test]
fn a_state_without_runs_says_so() {
    let scene = Scene::new(&script("true"));
    scene.call(&["runs"]).exits(0);
    scene.call(&["show"]).exits(2).says("E-RUN-UNKNOWN");
}

/// Runs the scene with its state on a disk of its own that has this size, mounted in a namespace of its own, so that
/// nothing has to be unmounted. What is left of the record stands behind the run's own lines.
fn on_a_disk_of(size: &str, scene: &Scene) -> Told {
    fs::create_dir(scene.state()).expect("the scratch folder is ours");
    let inner = "mount -t tmpfs -o size=\"$1\" tmpfs \"$SEALOCK_STATE\" || exit 99
        \"$2\" run --format jsonl; code=$?
        rm -rf \"$SEALOCK_STATE/checkouts\"; echo; echo shown; echo shown >&2; \"$2\" show --format jsonl; exit $code";
    let own = scene.command(&["run"]);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", inner, "sh", size]).arg(sealock());
    command.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(scene.repo());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().expect("unshare is there"))
}

#[test]
fn a_full_disk_is_one_clear_message() {
    let chatty = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo \"a line that takes room on the disk $i\"; done";
    for (size, then) in [("64k", ""), ("256k", "; sleep 300"), ("2m", ""), ("9m", "")] {
        let chatty = format!("{chatty}{then}");
        let scene =
            Scene::new(&format!("{}  later: {{ needs: only, steps: [{{ run: \"true\" }}] }}\n", script(&chatty)));
        let told = on_a_disk_of(size, &scene);
        let (ran, shown) = told.stdout.split_once("shown\n").expect("the record is asked for");
        let of_run = told.stderr.lines().take_while(|line| *line != "shown");
        let errors = of_run.filter(|line| line.starts_with("error[")).collect::<Vec<_>>();
        let finished = ran.lines().filter(|line| line.contains(r#""kind":"run-finished""#)).collect::<Vec<_>>();
        assert_eq!(errors.len() + finished.len(), 1, "{size}: {errors:?} {finished:?}");
        let message = errors.first().or(finished.first()).expect("there is one");
        for word in ["-FULL", "is full", "KiB are free", &scene.state().display().to_string()] {
            assert!(message.contains(word), "{size}: no `{word}` in {message}");
        }
        told.exits(4).says("--state");
        // Whatever was told is in the record.
        let kept: HashSet<&str> = shown.lines().collect();
        for line in ran.lines().filter(|line| !line.is_empty()) {
            assert!(kept.contains(line), "{size}: lost {line}\n{}", told.stderr);
        }
    }
}
