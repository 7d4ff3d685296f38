//! The real targets.

use std::cell::RefCell;
use std::time::Duration;

use sealock_sdk::process::{Exit, Stdio};
use sealock_sdk::targets::{self, Release, Target};
use sealock_sdk::{Error, Level, Secret, SecretMap, Step};

use crate::fleet::{Fleet, Machine, Started};
use crate::problem::remote;
use crate::script::Script;

/// The exit code of the target's own script when there is no Docker or no Compose.
const NO_DOCKER: i32 = 69;

/// The targets of the stage, through the host.
pub struct Targets<'a> {
    /// The call.
    pub step: RefCell<&'a mut Step>,
    /// Secrets of the release's services.
    pub env: &'a SecretMap,
    /// The account at the registry that images come from.
    pub username: Option<&'a str>,
    /// Its password.
    pub password: Option<&'a Secret>,
    /// The folder that becomes a release.
    pub staging: String,
}

struct Opened<'a> {
    target: Target,
    env: &'a SecretMap,
    username: Option<&'a str>,
    password: Option<&'a Secret>,
    staging: &'a str,
}

struct Running {
    target: String,
    running: sealock_sdk::process::Running,
}

impl Fleet for Targets<'_> {
    fn names(&self) -> Vec<String> {
        targets::names()
    }

    fn open(&self, name: &str) -> Result<Box<dyn Machine + '_>, Error> {
        let target = targets::open(name)?;
        let Self { env, username, password, .. } = *self;
        Ok(Box::new(Opened { target, env, username, password, staging: &self.staging }))
    }

    fn verify(&self, names: &[String]) -> Result<(), Error> {
        targets::verify(names)
    }

    fn tell(&self, level: Level, text: &str) {
        self.step.borrow_mut().log(level, text);
    }

    fn is_cancelled(&self) -> bool {
        self.step.borrow().is_cancelled()
    }

    fn pause(&self, seconds: u64) {
        self.step.borrow().sleep(Duration::from_secs(seconds));
    }
}

impl Machine for Opened<'_> {
    fn name(&self) -> String {
        self.target.name()
    }

    fn directory(&self) -> String {
        self.target.directory()
    }

    fn current(&self) -> Result<Option<Release>, Error> {
        Ok(self.target.current()?)
    }

    fn previous(&self) -> Result<Option<Release>, Error> {
        Ok(self.target.previous()?)
    }

    fn pull(&self, reference: &str) -> Result<(), Error> {
        self.target.pull_image(reference, self.username, self.password.map(Secret::handle))?;
        Ok(())
    }

    fn stage(&self, images: &[(String, String)], details: &[(String, String)]) -> Result<Release, Error> {
        Ok(self.target.stage_release(self.staging, images, details)?)
    }

    fn switch_to(&self, release: &str) -> Result<(), Error> {
        Ok(self.target.switch_to(release)?)
    }

    fn prune(&self, keep: u32) -> Result<(), Error> {
        Ok(self.target.prune(keep)?)
    }

    fn start(&self, script: &Script) -> Result<Box<dyn Started>, Error> {
        let draft = targets::Script::new(&self.target, &script.text);
        script.args.iter().for_each(|value| draft.arg(value));
        script.env.iter().for_each(|(name, value)| draft.env(name, value));
        if script.with_env {
            for (name, value) in self.env.iter() {
                draft.secret_env(&format!("SEALOCK_ENV_{name}"), value.handle());
            }
        }
        if !script.cwd.is_empty() {
            draft.cwd(&script.cwd);
        }
        draft.stdout(&Stdio::Capture);
        draft.stderr(&Stdio::Log);
        Ok(Box::new(Running { target: self.name(), running: targets::start(&draft)? }))
    }
}

impl Started for Running {
    fn finish(&self) -> Result<(i32, String), Error> {
        let output = self.running.output()?;
        match output.exit {
            Exit::Code(NO_DOCKER) => {
                let message = format!("{} has no Docker engine with Compose for the user that deploys", self.target);
                let help = "install docker and its Compose plugin on it, and put the user into the group docker";
                Err(remote("E-TARGET-DOCKER", message).help(help))
            }
            Exit::Code(code) => Ok((code, output.text())),
            Exit::Signal(signal) => {
                let message = format!("the script on {} was ended by signal {signal}", self.target);
                Err(remote("E-DEPLOY-SCRIPT", message))
            }
        }
    }
}
