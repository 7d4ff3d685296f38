//! A program of the rig that is killed and started again by its own recorded command: the registry with a login, or the engine that builds.

use std::path::PathBuf;
use std::process::Command;

use crate::program::must;
use crate::rig::{Rig, tests_folder};

/// One that is dead until this is dropped.
pub struct Killed {
    name: &'static str,
    /// What says, in the rig's own words, that it answers again.
    answers: &'static str,
    words: Vec<String>,
    record: PathBuf,
}

impl Killed {
    /// Kills the registry that asks for a login.
    ///
    /// # Panics
    /// When it does not run.
    pub fn registry(rig: &Rig) -> Self {
        Self::kill(rig, "registry-login", "registry_listens \"$REGISTRY_LOGIN\"")
    }

    /// Kills the engine that images are built by: only where the rig has one of its own, and nobody else builds.
    ///
    /// # Panics
    /// When it does not run.
    pub fn engine(rig: &Rig) -> Self {
        Self::kill(rig, "engine", "engine_docker version")
    }

    fn kill(rig: &Rig, name: &'static str, answers: &'static str) -> Self {
        let record = PathBuf::from(rig.setting("STATE")).join("run").join(name);
        let line = std::fs::read_to_string(&record).expect("the rig records its processes");
        let pid = line.split(' ').next().expect("a pid").to_owned();
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).expect("it runs");
        let words = words.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        let words = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        must(Command::new("kill").args(["-s", "KILL", &pid]));
        Self { name, answers, words, record }
    }
}

impl Drop for Killed {
    /// The rig's own way to start a program, so that it is found and stopped like any other.
    fn drop(&mut self) {
        let script = format!(
            "RIG=$1; source \"$RIG/lib/rig.sh\"; shift; rm -f \"$RIG_STATE/$1/pid\"; process_start \"$@\"; \
             process_wait 30 \"$1\" {}",
            self.answers
        );
        let mut bash = Command::new("bash");
        bash.args(["-c", &script, "bash"]).arg(tests_folder().join("rig")).arg(self.name).args(&self.words);
        let is_up = bash.status().is_ok_and(|status| status.success());
        assert!(is_up || std::thread::panicking(), "it was not started again; its record is {}", self.record.display());
    }
}
