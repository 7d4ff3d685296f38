//! Why a registry did not give what was asked for.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use sealock_contract::Digest;

use crate::Age;

/// What went wrong between here and a registry, or is wrong with what it gave.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Nobody listens there, the name is unknown, or TLS does not verify.
    #[error("the registry {host} cannot be reached: {why}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// What happened.
        why: String,
        /// Whether it may be another in a moment: a certificate does not verify better the second time.
        may_pass: bool,
    },
    /// It is there, and out of order.
    #[error("the registry {host} is out of order: {why}")]
    Unavailable {
        /// Host and port.
        host: String,
        /// What happened.
        why: String,
        /// When it wants to be asked again.
        after: Option<Duration>,
    },
    /// It refuses the login, or wants one.
    #[error("the registry {host} refused: {why}")]
    Login {
        /// Host and port.
        host: String,
        /// What happened.
        why: String,
        /// Whether a person gave the login that it refuses.
        is_given: bool,
    },
    /// It has no such plugin.
    #[error("the registry has no `{reference}`")]
    Missing {
        /// What was asked for.
        reference: String,
    },
    /// It speaks, but not as registries do.
    #[error("the registry {host} answered as no registry does: {why}")]
    Answer {
        /// Host and port.
        host: String,
        /// What was found, and expected.
        why: String,
    },
    /// What it gave is not what was asked for, or is no plugin.
    #[error("`{reference}` is not taken: {why}")]
    Integrity {
        /// What was asked for.
        reference: String,
        /// What was found, and expected.
        why: String,
    },
    /// The lockfile says something else of a plugin than the manifest that it names.
    #[error(
        "sealock.lock, [plugins.\"{reference}\"]: `{field}` is {written}, and the manifest {manifest} says {found}"
    )]
    Locked {
        /// What is locked.
        reference: String,
        /// Which value differs.
        field: &'static str,
        /// What stands in the lockfile.
        written: String,
        /// The digest of the manifest.
        manifest: Digest,
        /// What it says.
        found: String,
    },
    /// Every version of the line is younger than the cooldown, and none was named exactly.
    #[error("every version that `{reference}` stands for is younger than 7 days: `{newest}` was published {age}")]
    Young {
        /// What was asked for.
        reference: String,
        /// The newest version of the line.
        newest: String,
        /// How old it is.
        age: Age,
    },
    /// This machine's login cannot be read.
    #[error("the login for {host} cannot be read: {why}")]
    Credentials {
        /// Host and port.
        host: String,
        /// What happened.
        why: String,
    },
    /// The folder of fetched plugins cannot be used.
    #[error("the folder of fetched plugins `{}` cannot be used", path.display())]
    Store {
        /// Which folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl RegistryError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "E-REGISTRY-UNREACHABLE",
            Self::Unavailable { .. } => "E-REGISTRY-UNAVAILABLE",
            Self::Login { .. } => "E-REGISTRY-AUTH",
            Self::Missing { .. } => "E-PLUGIN-MISSING",
            Self::Answer { .. } => "E-REGISTRY-ANSWER",
            Self::Integrity { .. } => "E-OCI-INTEGRITY",
            Self::Locked { .. } => "E-LOCK-FORMAT",
            Self::Young { .. } => "E-PLUGIN-YOUNG",
            Self::Credentials { .. } => "E-REGISTRY-CREDENTIALS",
            Self::Store { .. } => "E-CACHE-FOLDER",
        }
    }

    /// What to do next.
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Self::Unreachable { host, .. } => format!("check the name and the port of {host}, and the way to it"),
            Self::Unavailable { .. } => "run it again later".to_owned(),
            Self::Login { is_given: true, .. } => {
                "check the name and the password that were given: a token may have ended, or not let its holder do this"
                    .to_owned()
            }
            Self::Login { host, .. } => {
                format!(
                    "log in with `docker login {host}`; many registries answer the same where there is no such plugin"
                )
            }
            Self::Missing { .. } => "check name and tag; what is pinned may have been deleted".to_owned(),
            Self::Answer { .. } => "check that a registry is there, and not a page of something between".to_owned(),
            Self::Integrity { .. } => "nothing of it was kept or run; ask whoever publishes it".to_owned(),
            Self::Locked { .. } => {
                "somebody changed the lockfile: take it back from git (`git checkout -- sealock.lock`), or remove the \
                 entry and run `sealock lock`"
                    .to_owned()
            }
            Self::Young { newest, .. } => format!("wait, or name the version exactly: `{newest}`"),
            Self::Credentials { .. } => "mend Docker's `config.json`, or give a login by options".to_owned(),
            Self::Store { .. } => "give another folder with `--cache DIR`".to_owned(),
        };
        Some(text)
    }

    /// Whether asking again can help.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Unreachable { may_pass: true, .. })
    }
}
