//! What a deployment costs beyond its commands: the time of a stage that locks a target, runs a script there, writes the
//! ledger, and lets go, less the time of the same script typed over an SSH connection that is open already; the same of a
//! playbook of `ansible-core` (a container of the rig's engine, packages fetched anew); and how soon after the verifier's last
//! attempt two targets begin to go back.
//!
//! Runs against the rig with `SEALOCK_BINARY` (a release build). Those that are compared take turns, so that a busy machine
//! slows all of them; the medians count. Connecting and logging in is part of a deployment's own time. The playbook's tasks are
//! `raw`, which is its fastest module: others start Python on the target. Prints one JSON object a figure.

#![expect(clippy::print_stdout, reason = "a bench speaks through its output")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use e2e::program::must;
use e2e::rig::search_path;
use e2e::{Repository, Rig, Sealock};
use serde_json::Value;

const OVERHEAD_MAX: Duration = Duration::from_millis(250);
/// Of the playbook's own time.
const ANSIBLE_RATIO_MAX: f64 = 1.0 / 5.0;
/// From the verifier's last attempt to the rollback's begin.
const ROLLBACK_MAX: Duration = Duration::from_secs(1);
/// What the pipeline's step does.
const TYPED: &str = "docker ps --quiet >/dev/null && docker image ls --quiet >/dev/null && sleep 0.1";

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let rig = Rig::take();
    rig.reset();
    let held = [overhead(&rig, if is_quick { 5 } else { 21 }), rollback(&rig, if is_quick { 1 } else { 5 })];
    assert!(held.iter().all(|held| *held), "a bound does not hold: see the figures above");
}

fn overhead(rig: &Rig, rounds: usize) -> bool {
    let repository = Repository::of("scenarios/overhead");
    let sealock = Sealock::new(rig, repository.path());
    let connection = Open::to(rig);
    let ansible = Ansible::start(rig);
    let (mut deployed, mut typed, mut played) = (Vec::new(), Vec::new(), Vec::new());
    // The first deployment of all uploads the script and compiles the plugin.
    deploy(&sealock);
    for _ in 0..rounds {
        deployed.push(deploy(&sealock));
        typed.push(connection.run(TYPED));
        played.push(ansible.play());
    }
    let [deployed, typed, played] = [deployed, typed, played].map(median);
    let [own, theirs] = [deployed, played].map(|time| time.saturating_sub(typed));
    let ratio = own.as_secs_f64() / theirs.as_secs_f64();
    println!(
        "{}",
        serde_json::json!({
            "deployment": shown(deployed),
            "the same commands over one open connection": shown(typed),
            "the deployment's own": shown(own),
            "at most": shown(OVERHEAD_MAX),
            "the playbook's own": shown(theirs),
            "ratio": format!("{ratio:.2}"),
            "ratio at most": ANSIBLE_RATIO_MAX,
        })
    );
    own <= OVERHEAD_MAX && ratio <= ANSIBLE_RATIO_MAX
}

/// Two targets whose verifier says no to a release that is live on both.
fn rollback(rig: &Rig, rounds: usize) -> bool {
    rig.reset();
    let repository = Repository::of("scenarios/small");
    let sealock = Sealock::new(rig, repository.path());
    sealock.command(&["run", "small", "--input", "release=good"]).expect(0);
    repository.write("app/fault.txt", "proxy-500");
    repository.commit("A bad release");
    let times = (0..rounds).map(|round| {
        let release = format!("release=bad{round}");
        let ended = sealock.command(&["run", "small", "--input", &release, "--format", "jsonl"]).expect(10);
        let events = events(&ended.text);
        let is_verifier = |event: &&Value| event["step"] == "smoke-test" && event["kind"] != "rollback-step";
        let begun = events.iter().position(|event| event["kind"] == "rollback-started").expect("it was rolled back");
        let last = events[..begun].iter().rev().filter(is_verifier).find(|event| event["kind"] == "log");
        at(&events[begun]).saturating_sub(at(last.expect("the verifier told of its attempts")))
    });
    let worst = Duration::from_millis(times.max().expect("a round"));
    println!(
        "{}",
        serde_json::json!({
            "two targets begin to go back, after the verifier's last attempt": shown(worst),
            "at most": shown(ROLLBACK_MAX),
        })
    );
    worst <= ROLLBACK_MAX
}

fn events(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Milliseconds within the day.
fn at(event: &Value) -> u64 {
    day_ms(event["time"].as_str().expect("every event has its time"))
}

/// The time of the stage, as its events tell it.
fn deploy(sealock: &Sealock) -> Duration {
    let ended = sealock.command(&["run", "overhead", "--format", "jsonl"]).expect(0);
    let mut ends = [None, None];
    for event in events(&ended.text) {
        match event["kind"].as_str() {
            Some("stage-started") => ends[0] = Some(at(&event)),
            Some("stage-finished") => ends[1] = Some(at(&event)),
            _ => {}
        }
    }
    let [Some(begun), Some(ended)] = ends else { panic!("the stage was not told of") };
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

/// A container with `ansible-core`, a playbook, and the key.
struct Ansible<'rig> {
    rig: &'rig Rig,
    container: String,
}

impl<'rig> Ansible<'rig> {
    /// The release of the peer.
    const PACKAGE: &'static str = "ansible-core==2.18.6";
    const IMAGE: &'static str = "python:3.11-slim";

    fn start(rig: &'rig Rig) -> Self {
        let key = format!("{}:/key:ro", rig.setting("SSH_KEY"));
        let run = ["run", "--detach", "--rm", "--network", "host", "--volume", &key, Self::IMAGE, "sleep", "900"];
        let container = must(Command::new("docker").env("PATH", search_path()).args(run)).trim().to_owned();
        let this = Self { rig, container };
        let setup = format!(
            "pip install --quiet {} && apt-get update --quiet --quiet && apt-get install --quiet --quiet --yes openssh-client >/dev/null \
             && cp /key /root/key && chmod 600 /root/key && cat >/root/play.yml",
            Self::PACKAGE
        );
        let mut child = this.command(&["sh", "-c", &setup]).stdin(Stdio::piped()).spawn().expect("docker starts");
        child.stdin.take().expect("piped").write_all(this.playbook().as_bytes()).expect("it reads");
        assert!(child.wait().expect("it ends").success(), "{} cannot be installed: the peer is missing", Self::PACKAGE);
        this.play();
        this
    }

    /// What the deployment does: a lock, the script, a line of the ledger, and the lock away.
    fn playbook(&self) -> String {
        let tasks = [
            "mkdir -p /tmp/played && mkdir /tmp/played/lock",
            TYPED,
            "echo verified >>/tmp/played/ledger",
            "rmdir /tmp/played/lock",
        ];
        let tasks: String = tasks.map(|task| ["    - raw: ", task, "\n"].concat()).concat();
        format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut docker = Command::new("docker");
        docker.env("PATH", search_path()).args(["exec", "--interactive", "--env", "ANSIBLE_HOST_KEY_CHECKING=False"]);
        // Each play connects anew, as each deployment does, and keeps its connection for all its tasks.
        let sockets = unix_nanos();
        docker.arg("--env").arg(format!("ANSIBLE_SSH_CONTROL_PATH_DIR=/tmp/{sockets}"));
        docker.arg(&self.container).args(words);
        docker
    }

    /// The time of a play, less what it takes to start a program in the container.
    fn play(&self) -> Duration {
        let inventory = format!("{},", self.rig.setting("WEB1"));
        let words =
            ["ansible-playbook", "-i", &inventory, "-u", "deploy", "--private-key", "/root/key", "/root/play.yml"];
        let [started, played] = [&["true"][..], &words].map(|words| {
            let begun = Instant::now();
            must(&mut self.command(words));
            begun.elapsed()
        });
        played.saturating_sub(started)
    }
}

fn unix_nanos() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_nanos()
}

impl Drop for Ansible<'_> {
    fn drop(&mut self) {
        let _ = Command::new("docker").env("PATH", search_path()).args(["rm", "--force", &self.container]).output();
    }
}
