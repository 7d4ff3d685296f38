//! The rig of `tests/rig`: started, its environment read, and left as it was found.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::checkout::Checkout;
use crate::failure::Failure;
use crate::program;

const PREFIX: &str = "SEALOCK_RIG_";

/// A rig that is up.
pub(crate) struct Rig {
    entries: Vec<(String, String)>,
    down: PathBuf,
    stays_up: bool,
}

impl Rig {
    /// Starts it, or finds it up. What was down before goes down again when this is dropped.
    ///
    /// # Errors
    ///
    /// When it does not come up; what it said about it stands above.
    pub(crate) fn up(checkout: &Checkout) -> Result<Self, Failure> {
        program::heading("the rig");
        let stays_up = is_up();
        let folder = checkout.path("tests/rig");
        let started = Command::new(folder.join("up")).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let started = started.map_err(|error| Failure::failed(format!("tests/rig/up: {error}")))?;
        if !started.status.success() {
            return Err(Failure::failed(format!("tests/rig/up: {}; what is wrong stands above", started.status)));
        }
        let entries = entries(&String::from_utf8_lossy(&started.stdout));
        println!("{}", if stays_up { "it was up before" } else { "it is up now" });
        Ok(Self { entries, down: folder.join("down"), stays_up })
    }

    /// Leaves it up, to be looked at.
    pub(crate) fn keep(&mut self) {
        self.stays_up = true;
    }

    /// What `up` printed as `SEALOCK_RIG_<name>`.
    ///
    /// # Errors
    ///
    /// When it did not.
    pub(crate) fn get(&self, name: &str) -> Result<&str, Failure> {
        let found = self.entries.iter().find(|(key, _)| key.strip_prefix(PREFIX) == Some(name));
        let found = found.ok_or_else(|| Failure::failed(format!("tests/rig/up did not print {PREFIX}{name}")))?;
        Ok(&found.1)
    }

    /// Tells a command all of it, and puts the rig's `docker` first in its `PATH`.
    ///
    /// # Errors
    ///
    /// When `up` did not print where that is.
    pub(crate) fn tell(&self, command: &mut Command) -> Result<(), Failure> {
        command.envs(self.entries.iter().map(|(key, value)| (key, value)));
        command.env("PATH", program::path_with(Path::new(self.get("PATH")?)));
        Ok(())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if self.stays_up {
            return;
        }
        if let Err(failure) = program::run(&mut Command::new(&self.down)) {
            eprintln!("xtask: warning: the rig stayed up: {failure}");
        }
    }
}

/// As the rig's README says: this file is there while it is up. One from before a reboot has no engine behind it.
fn is_up() -> bool {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("SEALOCK_RIG_CACHE").or_else(|| {
        let caches = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
        Some(caches?.join("sealock-rig"))
    });
    cache.and_then(|cache| std::fs::read_to_string(cache.join("state/env")).ok()).is_some_and(|text| answers(&text))
}

/// Whether somebody listens at the Docker engine that the environment names.
fn answers(environment: &str) -> bool {
    let entries = entries(environment);
    let host = entries.iter().find(|(key, _)| key.strip_prefix(PREFIX) == Some("DOCKER_HOST"));
    let socket = host.and_then(|(_, value)| value.strip_prefix("unix://"));
    socket.is_some_and(|path| std::os::unix::net::UnixStream::connect(path).is_ok())
}

/// `KEY='value'` a line; no value holds a quote or a line break.
fn entries(text: &str) -> Vec<(String, String)> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.trim_matches('\'').to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_cut_at_the_first_equals_sign() {
        let read = entries("SEALOCK_RIG_A='ssh-ed25519 AAAA='\nnoise\nSEALOCK_RIG_B=''\n");
        let expected = [("SEALOCK_RIG_A", "ssh-ed25519 AAAA="), ("SEALOCK_RIG_B", "")];
        assert_eq!(read, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_rig_whose_engine_is_gone_is_not_up() {
        assert!(!answers("SEALOCK_RIG_DOCKER_HOST='unix:///nowhere/docker.sock'\n"));
        assert!(!answers(""));
    }
}
