//! The machines of an environment, as the engine hands them over.

use sealock_broker::ssh::{SshClient, SshLimits, SshTarget};

use crate::bundle::is_directory;
use crate::error::TargetError;
use crate::link::Link;

/// One machine of an environment.
#[derive(Clone, Debug)]
pub struct TargetSpec {
    /// Its name, address, pinned keys, and login.
    pub ssh: SshTarget,
    /// The environment's directory on it: absolute, or below the login's home.
    pub directory: String,
    /// Users that scripts may become.
    pub sudo: Vec<String>,
}

impl TargetSpec {
    pub(crate) fn link(&self, limits: SshLimits) -> Result<Link, TargetError> {
        if is_directory(&self.directory) {
            return Ok(Link::new(SshClient::new(self.ssh.clone(), limits), &self.directory));
        }
        let found = format!("the directory `{}` is not a plain path", self.directory.escape_debug());
        Err(TargetError::Failed { target: self.ssh.name.clone(), found })
    }
}

/// The run that deploys.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// Its id.
    pub run: String,
    /// The process and machine that runs it, for people: `ci@runner-1`.
    pub who: String,
    /// The commit that is deployed.
    pub commit: Option<String>,
    /// Whether files that are not committed are deployed with it.
    pub dirty: bool,
}
