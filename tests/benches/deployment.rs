//! What a deployment costs beyond its commands: the time of a stage that locks a target, runs a script there, writes the
//! ledger, and lets go, less the time of the same script typed over an SSH connection that is open already.
//!
//! Runs against the rig's `web1` with `SEALOCK_BINARY` (a release build). Both take turns, so that a busy machine slows both;
//! the medians count. Connecting and logging in is part of the deployment's own time. Prints one JSON object.

#![expect(clippy::print_stdout, reason = "a bench speaks through its output")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use e2e::{Repository, Rig, Sealock};
use serde_json::Value;

const OVERHEAD_MAX: Duration = Duration::from_millis(250);
/// What the pipeline's step does.
const TYPED: &str = "docker ps --quiet >/dev/null && docker image ls --quiet >/dev/null && sleep 0.1";

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "--quick") { 5 } else { 21 };
    let rig = Rig::take();
    rig.reset();
    let repository = Repository::of("scenarios/overhead");
    let sealock = Sealock::new(&rig, repository.path());
    let connection = Open::to(&rig);
    let (mut deployed, mut typed) = (Vec::new(), Vec::new());
    // The first deployment of all uploads the script and compiles the plugin.
    deploy(&sealock);
    for _ in 0..rounds {
        deployed.push(deploy(&sealock));
        typed.push(connection.run(TYPED));
    }
    let [deployed, typed] = [median(deployed), median(typed)];
    let overhead = deployed.saturating_sub(typed);
    println!(
        "{}",
        serde_json::json!({
            "deployment": shown(deployed),
            "the same commands over one open connection": shown(typed),
            "the deployment's own": shown(overhead),
            "at most": shown(OVERHEAD_MAX),
        })
    );
    assert!(overhead <= OVERHEAD_MAX, "the bound does not hold: see the figures above");
}

/// The time of the stage, as its events tell it.
fn deploy(sealock: &Sealock) -> Duration {
    let ended = sealock.command(&["run", "overhead", "--format", "jsonl"]).expect(0);
    let events = ended.text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut ends = [None, None];
    for event in events {
        let end = match event["kind"].as_str() {
            Some("stage-started") => 0,
            Some("stage-finished") => 1,
            _ => continue,
        };
        ends[end] = event["time"].as_str().map(day_ms);
    }
    let [Some(begun), Some(ended)] = ends else { panic!("the stage was not told of: {}", ended.text) };
    Duration::from_millis(ended.checked_sub(begun).expect("it ends after it began, and not at midnight"))
}

/// Of a time such as `2026-11-21T06:58:17.123Z`, within its day.
fn day_ms(time: &str) -> u64 {
    let clock = time.split('T').nth(1).expect("a time of day").trim_end_matches('Z');
    let mut parts = clock.split([':', '.']).map(|part| part.parse::<u64>().expect("a number"));
    let mut next = || parts.next().expect("hours, minutes, seconds, milliseconds");
    ((next() * 60 + next()) * 60 + next()) * 1000 + next()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn shown(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// An SSH connection that stays open.
struct Open<'rig> {
    rig: &'rig Rig,
    folder: tempfile::TempDir,
}

impl<'rig> Open<'rig> {
    fn to(rig: &'rig Rig) -> Self {
        let this = Self { rig, folder: tempfile::tempdir().expect("a temporary folder") };
        this.run("true");
        this
    }

    fn run(&self, script: &str) -> Duration {
        let control = |path: &Path| format!("ControlPath={}", path.join("control").display());
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]);
        ssh.args(["-o", "UserKnownHostsFile=/dev/null", "-o", "ControlMaster=auto", "-o", "ControlPersist=60"]);
        ssh.arg("-o").arg(control(self.folder.path())).args(["-i", &self.rig.setting("SSH_KEY")]);
        ssh.arg(format!("deploy@{}", self.rig.setting("WEB1"))).arg(script);
        let begun = Instant::now();
        assert!(ssh.status().expect("ssh starts").success(), "{script}");
        begun.elapsed()
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let control = self.folder.path().join("control");
        let mut ssh = Command::new("ssh");
        ssh.arg("-S").arg(control).args(["-O", "exit", &format!("deploy@{}", self.rig.setting("WEB1"))]);
        let _ = ssh.stderr(std::process::Stdio::null()).status();
    }
}
