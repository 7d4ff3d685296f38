//! One target of the rig, looked at through ssh and HTTP of our own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Answer, ask, must};
use crate::rig::{Rig, tests_folder};

/// How often a target is asked, every 50 ms, whether it is in the state that a scenario waits for.
const WAIT_TRIES: u32 = 2400;

/// A whole machine that is deployed to.
pub struct Target<'rig> {
    /// `web1` or `web2`.
    pub name: &'static str,
    /// Its IP address.
    pub address: String,
    pub(crate) known_hosts: PathBuf,
    pub(crate) rig: &'rig Rig,
}

impl Target<'_> {
    /// Works the power button or the cable: `reset`, `cut`, `mend`, `power-off`, `power-on`, `reboot`.
    pub fn power(&self, command: &str) {
        must(Command::new(tests_folder().join("rig/target")).args([self.name, command]));
    }

    /// What a shell command prints there as the user `deploy`.
    pub fn sh(&self, script: &str) -> String {
        must(&mut self.ssh("deploy", script))
    }

    /// The same as root, for looking at the machine from inside.
    pub fn sh_root(&self, script: &str) -> String {
        must(&mut self.ssh("root", script))
    }

    /// The same as `deploy`, for commands that may fail.
    pub fn try_sh(&self, script: &str) -> Answer {
        ask(&mut self.ssh("deploy", script))
    }

    fn ssh(&self, user: &str, script: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "/dev/null",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "ConnectTimeout=5",
        ]);
        ssh.arg("-o").arg(format!("UserKnownHostsFile={}", self.known_hosts.display()));
        ssh.args(["-o", "LogLevel=ERROR", "-i", &self.rig.setting("SSH_KEY")]);
        ssh.arg(format!("{user}@{}", self.address)).arg(script);
        ssh
    }

    /// Waits until it takes connections: a cable that was just plugged in carries nothing yet.
    ///
    /// # Panics
    /// When it does not within two minutes.
    pub fn wait_to_be_reached(&self) {
        let start = Instant::now();
        while !self.try_sh("true").good {
            assert!(start.elapsed() < Duration::from_mins(2), "{} is not reached", self.name);
            sleep(Duration::from_millis(100));
        }
    }

    /// Waits, over there, until a shell command succeeds.
    ///
    /// # Panics
    /// When it does not within two minutes.
    pub fn wait_for(&self, script: &str) {
        self.sh(&format!("n=0; until {script}; do n=$((n + 1)); [ $n -lt {WAIT_TRIES} ] || exit 1; sleep 0.05; done"));
    }

    /// The digests that the running containers of a Compose service have in the registry; empty when none runs.
    pub fn running(&self, service: &str) -> BTreeSet<String> {
        let list = self.sh(&format!(
            "for c in $(docker ps -q --filter label=com.docker.compose.service={service}); do \
               docker image inspect --format '{{{{range .RepoDigests}}}}{{{{println .}}}}{{{{end}}}}' \
                 $(docker inspect --format '{{{{.Image}}}}' $c); done"
        ));
        list.lines().filter_map(|line| line.split_once('@')).map(|(_, digest)| digest.to_owned()).collect()
    }

    /// How many containers there are, running or not.
    pub fn containers(&self) -> usize {
        self.sh("docker ps --all --quiet").lines().count()
    }

    /// How many images its store holds.
    pub fn images(&self) -> usize {
        self.sh("docker images --all --quiet").lines().count()
    }

    /// The records of the ledger in this folder, oldest first; none when there is no ledger.
    ///
    /// # Panics
    /// When a line is not JSON.
    pub fn ledger(&self, directory: &str) -> Vec<Value> {
        let text = self.sh(&format!("cat {directory}/.sealock/ledger 2>/dev/null || true"));
        text.lines().map(|line| serde_json::from_str(line).expect("a ledger record is JSON")).collect()
    }

    /// Outcome and release of the ledger's last records, oldest first.
    pub fn ledger_tail(&self, directory: &str, count: usize) -> Vec<String> {
        let ledger = self.ledger(directory);
        let word = |record: &Value, key: &str| record[key].as_str().unwrap_or("?").to_owned();
        let tail = ledger.iter().skip(ledger.len().saturating_sub(count));
        tail.map(|record| format!("{} {}", word(record, "outcome"), word(record, "release"))).collect()
    }

    /// Outcome and release of the ledger's last record, such as `verified r1`.
    pub fn ledger_end(&self, directory: &str) -> String {
        self.ledger_tail(directory, 1).pop().unwrap_or_else(|| "nothing".to_owned())
    }

    /// The release that the ledger's last `verified` names.
    pub fn last_verified(&self, directory: &str) -> Option<String> {
        let ledger = self.ledger(directory);
        let last = ledger.iter().rfind(|record| record["outcome"] == "verified")?;
        last["release"].as_str().map(str::to_owned)
    }

    /// The release that `current` names, if any.
    pub fn current(&self, directory: &str) -> Option<String> {
        let answer = self.try_sh(&format!("readlink {directory}/current"));
        answer.good.then(|| answer.out.trim().trim_start_matches("releases/").to_owned())
    }

    /// Status and body that its nginx answers, from outside.
    ///
    /// # Panics
    /// When nothing answers.
    pub fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.address);
        let out = must(Command::new("curl").args(["-sS", "--max-time", "10", "-w", "\n%{http_code}", &url]));
        let (body, status) = out.rsplit_once('\n').expect("curl writes the status");
        (status.parse().expect("a status is a number"), body.to_owned())
    }
}
