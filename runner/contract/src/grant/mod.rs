//! What one step may touch: request ∩ allow ∩ policy ∩ trust, fixed in the plan.
//!
//! The same value is checked twice: by the sandbox, so that a denial costs nothing and names its line,
//! and by the broker, which trusts no sandbox. The rules for matching are here, once.

mod capability;
mod containers;
mod files;
mod network;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use capability::Capability;
pub use containers::{ContainerGrant, ImagePattern, repository};
pub use files::{FileGrant, Pattern, plain};
pub use network::{Endpoint, HostPattern, NetworkGrant, NetworkPatternError, Reach};

use crate::{ErrorKind, StepError, StepName};

/// Everything that one step may touch. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grant {
    /// Hosts and ports for HTTP, and for native commands where their wall can hold it.
    pub network: Vec<NetworkGrant>,
    /// Programs that it may start through the broker; `*` for a step whose script the author wrote.
    pub exec: Vec<String>,
    /// Files of the workspace.
    pub files: FileGrant,
    /// Secrets that it may hold handles of, by name.
    pub secrets: Vec<String>,
    /// Whether it may see the bytes of its secrets.
    pub reveal: bool,
    /// Images and containers.
    pub containers: ContainerGrant,
    /// Targets of the stage's environment, by name.
    pub targets: Vec<String>,
}

/// The grants of a whole run, by step. The broker holds its own copy.
pub type GrantTable = BTreeMap<StepName, Grant>;

/// The error that everything not granted answers, with the entry that would grant it.
pub fn denied(capability: Capability, what: &str, entry: &str) -> StepError {
    StepError::new(ErrorKind::Denied, capability.code(), format!("{} {what} is not granted", capability.word()))
        .help(format!("allow: {{ {entry} }}"))
        .detail("capability", capability.word())
        .detail("what", what)
}

impl Grant {
    /// Whether the step may start `program`.
    ///
    /// # Errors
    ///
    /// `E-GRANT-EXEC` with the entry that would grant it.
    pub fn check_exec(&self, program: &str) -> Result<(), StepError> {
        if self.exec.iter().any(|granted| granted == "*" || granted == program) {
            return Ok(());
        }
        Err(denied(Capability::Exec, program, &format!("exec: [{program}]")))
    }

    /// Whether the step may hold the secret called `name`.
    ///
    /// # Errors
    ///
    /// `E-GRANT-SECRET`.
    pub fn check_secret(&self, name: &str) -> Result<(), StepError> {
        if self.secrets.iter().any(|granted| granted == name) {
            return Ok(());
        }
        Err(denied(Capability::Secrets, name, &format!("secrets: [{name}]")))
    }

    /// Whether the step may see bytes of secrets.
    ///
    /// # Errors
    ///
    /// `E-GRANT-REVEAL`.
    pub fn check_reveal(&self, name: &str) -> Result<(), StepError> {
        if self.reveal {
            return Ok(());
        }
        Err(denied(Capability::Reveal, name, "reveal: true"))
    }

    /// Whether the step may touch the target called `name`.
    ///
    /// # Errors
    ///
    /// `E-GRANT-TARGET`.
    pub fn check_target(&self, name: &str) -> Result<(), StepError> {
        if self.targets.iter().any(|granted| granted == name) {
            return Ok(());
        }
        Err(denied(Capability::Targets, name, &format!("targets: [{name}]")))
    }

    /// The grant that reaches `endpoint` with `method` and `path`, before any name is resolved.
    ///
    /// # Errors
    ///
    /// `E-GRANT-NETWORK`.
    pub fn check_network(&self, endpoint: &Endpoint, method: &str, path: &str) -> Result<&NetworkGrant, StepError> {
        let found = self.network.iter().find(|grant| grant.covers(endpoint, method, path));
        found.ok_or_else(|| {
            denied(Capability::Network, &format!("{method} {endpoint}"), &format!("network: [\"{endpoint}\"]"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_granted_by_default_and_each_denial_names_its_entry() {
        let grant = Grant::default();
        let endpoint = Endpoint::new("api.example.org", 443);
        let denials = [
            grant.check_exec("npm").expect_err("no programs"),
            grant.check_secret("TOKEN").expect_err("no secrets"),
            grant.check_reveal("TOKEN").expect_err("no bytes"),
            grant.check_target("web1").expect_err("no targets"),
            grant.check_network(&endpoint, "GET", "/").expect_err("no hosts"),
        ];
        let entries: Vec<_> = denials.iter().filter_map(|denial| denial.help.as_deref()).collect();
        assert_eq!(
            entries,
            [
                "allow: { exec: [npm] }",
                "allow: { secrets: [TOKEN] }",
                "allow: { reveal: true }",
                "allow: { targets: [web1] }",
                "allow: { network: [\"api.example.org:443\"] }",
            ]
        );
        assert!(denials.iter().all(|denial| denial.kind == ErrorKind::Denied));
    }
}
