//! `targets`: what is asked of them is recorded and succeeds, unless the kit was told otherwise.

use std::cell::RefCell;

use crate::bindings::sealock::step::base;
use crate::bindings::sealock::step::targets as real;
use crate::testing::Reply;
use crate::testing::fake::process::{Running, Stdio};
use crate::testing::fake::secrets::Secret;
use crate::testing::state::{Machine, State, with};

pub use real::{Release, ReleaseState};

/// The release that a fake target makes.
const MADE: &str = "made";

pub(crate) fn names() -> Vec<String> {
    with(|state| state.targets.iter().map(|(name, _)| name.clone()).collect())
}

pub(crate) fn open(name: &str) -> Result<Target, base::Error> {
    with(|state| {
        if state.targets.iter().any(|(own, _)| own == name) {
            return Ok(Target { name: name.to_owned() });
        }
        Err(state.deny("E-GRANT-TARGET", &format!("the target {name}"), &format!("targets: [{name}]")))
    })
}

pub(crate) fn verify(names: &[String]) -> Result<(), base::Error> {
    with(|state| state.call(format!("verify {}", names.join(" "))))
}

/// A target.
#[derive(Debug)]
pub struct Target {
    name: String,
}

impl Target {
    fn call(&self, what: &str) -> Result<(), base::Error> {
        with(|state| state.call(format!("{} {what}", self.name)))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Machine) -> T) -> T {
        with(|state| {
            let own = state.targets.iter_mut().find(|(name, _)| *name == self.name);
            change(&mut own.expect("an open target is granted").1)
        })
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// The environment's folder.
    pub fn directory(&self) -> String {
        "/opt/app".to_owned()
    }

    /// Puts a file there.
    ///
    /// # Errors
    ///
    /// What the kit was told to refuse it with; so do all the others.
    pub fn upload(&self, local: &str, remote: &str, _: u32) -> Result<(), base::Error> {
        self.call(&format!("upload {local} {remote}"))
    }

    /// Gets a file.
    ///
    /// # Errors
    ///
    /// As [`Self::upload`].
    pub fn download(&self, remote: &str, local: &str) -> Result<(), base::Error> {
        self.call(&format!("download {remote} {local}"))
    }

    /// Puts a secret there.
    ///
    /// # Errors
    ///
    /// As [`Self::upload`].
    pub fn write_secret(&self, remote: &str, _: u32, value: &Secret) -> Result<(), base::Error> {
        self.call(&format!("write-secret {remote} {}", value.placeholder()))
    }

    /// Pulls an image.
    ///
    /// # Errors
    ///
    /// As [`Self::upload`].
    pub fn pull_image(&self, image: &str, _: Option<&str>, _: Option<&Secret>) -> Result<String, base::Error> {
        self.call(&format!("pull {image}"))?;
        Ok(image.rsplit_once('@').map_or_else(|| format!("sha256:{}", "c".repeat(64)), |(_, digest)| digest.to_owned()))
    }

    /// The current release.
    ///
    /// # Errors
    ///
    /// As [`Self::upload`].
    pub fn current(&self) -> Result<Option<Release>, base::Error> {
        Ok(self.change(|machine| machine.current.clone()))
    }

    /// The last verified release.
    ///
    /// # Errors
    ///
    /// As [`Self::upload`].
    pub fn previous(&self) -> Result<Option<Release>, base::Error> {
        Ok(self.change(|machine| machine.previous.clone()))
    }

    /// Makes a release.
    ///
    /// # Errors
    ///
    /// As [`Self::upload`].
    pub fn stage_release(
        &self,
        local: &str,
        images: &[(String, String)],
        details: &[(String, String)],
    ) -> Result<Release, base::Error> {
        self.call(&format!("stage {local}"))?;
        Ok(Release {
            id: MADE.to_owned(),
            run: String::new(),
            created_ms: 0,
            state: ReleaseState::Switching,
            images: images.to_vec(),
            details: details.to_vec(),
        })
    }

    /// Makes a release the current one.
    ///
    /// # Errors
    ///
    /// As [`Self::upload`].
    pub fn switch_to(&self, release: &str) -> Result<(), base::Error> {
        self.call(&format!("switch {release}"))
    }

    /// Removes old releases.
    ///
    /// # Errors
    ///
    /// As [`Self::upload`].
    pub fn prune(&self, keep: u32) -> Result<(), base::Error> {
        self.call(&format!("prune {keep}"))
    }
}

/// A script for a target.
#[derive(Debug)]
pub struct Script {
    target: String,
    text: String,
    args: RefCell<Vec<String>>,
}

impl Script {
    /// This text.
    pub fn new(target: &Target, text: &str) -> Self {
        Self { target: target.name(), text: text.to_owned(), args: RefCell::default() }
    }

    /// With this argument.
    pub fn arg(&self, value: &str) {
        self.args.borrow_mut().push(value.to_owned());
    }

    /// With this entry in its environment.
    pub fn env(&self, name: &str, value: &str) {
        with(|state| state.calls.push(format!("env {name}={value}")));
    }

    /// With this secret in its environment.
    pub fn secret_env(&self, name: &str, value: &Secret) {
        with(|state| state.calls.push(format!("env {name}={}", value.placeholder())));
    }

    /// In this folder.
    pub fn cwd(&self, _: &str) {}

    /// As this user.
    pub fn user(&self, _: &str) {}

    /// With this on standard input.
    pub fn stdin_bytes(&self, _: &[u8]) {}

    /// With this secret on standard input.
    pub fn stdin_secret(&self, _: &Secret) {}

    /// Its standard output goes there.
    pub fn stdout(&self, _: &Stdio) {}

    /// Its standard error goes there.
    pub fn stderr(&self, _: &Stdio) {}

    /// For so long.
    pub fn timeout_ms(&self, _: u64) {}

    /// Starts it.
    ///
    /// # Errors
    ///
    /// What the kit was told to refuse it with.
    ///
    /// # Panics
    ///
    /// When the kit was not told what it answers.
    pub fn start(&self) -> Result<Running, base::Error> {
        let first = self.text.lines().next().unwrap_or_default();
        let line = [vec![first.to_owned()], self.args.borrow().clone()].concat().join(" ");
        let reply = with(|state| {
            state.call(format!("{} script {line}", self.target))?;
            Ok::<_, base::Error>(self.reply(state))
        })?;
        Ok(Running::new(
            reply.unwrap_or_else(|| panic!("the kit was not told what this script answers: {}", self.text)),
        ))
    }

    fn reply(&self, state: &State) -> Option<Reply> {
        let fits = |rule: &str| {
            let own = rule.strip_prefix(&self.target).and_then(|rule| rule.strip_prefix(' '));
            own.is_some_and(|part| self.text.contains(part)) || self.text.contains(rule)
        };
        state.scripts.iter().find(|(rule, _)| fits(rule)).map(|(_, reply)| reply.clone())
    }
}
