//! The kinds of things that a step may touch.

use serde::{Deserialize, Serialize};

/// A kind of thing that a step may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// HTTP to a host and port.
    Network,
    /// Native programs.
    Exec,
    /// Files of the workspace beyond its `path` inputs.
    Files,
    /// Handles of secrets.
    Secrets,
    /// The bytes of secrets.
    Reveal,
    /// Building images.
    #[serde(rename = "containers.build")]
    Build,
    /// Running containers.
    #[serde(rename = "containers.run")]
    Run,
    /// Pushing images.
    #[serde(rename = "containers.push")]
    Push,
    /// Machines deployed to.
    Targets,
    /// Other repositories.
    Git,
    /// The cache between runs.
    Cache,
    /// Artifacts of the run.
    Artifacts,
}

impl Capability {
    /// Its name in manifests and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Exec => "exec",
            Self::Files => "files",
            Self::Secrets => "secrets",
            Self::Reveal => "reveal",
            Self::Build => "containers.build",
            Self::Run => "containers.run",
            Self::Push => "containers.push",
            Self::Targets => "targets",
            Self::Git => "git",
            Self::Cache => "cache",
            Self::Artifacts => "artifacts",
        }
    }

    /// The word that messages use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Exec => "exec",
            Self::Files => "files",
            Self::Secrets => "secret",
            Self::Reveal => "reveal of",
            Self::Build => "building",
            Self::Run => "running",
            Self::Push => "pushing to",
            Self::Targets => "target",
            Self::Git => "git",
            Self::Cache => "cache",
            Self::Artifacts => "artifact",
        }
    }

    /// The code of its denial.
    pub fn code(self) -> &'static str {
        match self {
            Self::Network => "E-GRANT-NETWORK",
            Self::Exec => "E-GRANT-EXEC",
            Self::Files => "E-GRANT-FILES",
            Self::Secrets => "E-GRANT-SECRET",
            Self::Reveal => "E-GRANT-REVEAL",
            Self::Build | Self::Run | Self::Push => "E-GRANT-CONTAINERS",
            Self::Targets => "E-GRANT-TARGET",
            Self::Git => "E-GRANT-GIT",
            Self::Cache => "E-GRANT-CACHE",
            Self::Artifacts => "E-GRANT-ARTIFACTS",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_manifests_write() {
        use Capability::{Artifacts, Build, Cache, Exec, Files, Git, Network, Push, Reveal, Run, Secrets, Targets};
        for one in [Network, Exec, Files, Secrets, Reveal, Build, Run, Push, Targets, Git, Cache, Artifacts] {
            assert_eq!(serde_json::to_value(one).expect("a name"), one.name());
        }
    }
}
