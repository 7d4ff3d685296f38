//! Why something on a target did not happen, and what a step is told of it.

use sealock_broker::ssh::SshError;
use sealock_contract::{ErrorKind, StepError};

use crate::frames::FrameError;
use crate::ledger::LedgerError;

/// Why something on a target did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The connection failed.
    #[error(transparent)]
    Ssh(#[from] SshError),
    /// The script on the target does not answer like one.
    #[error("target `{target}` gave no usable answer: {found}")]
    Answer {
        /// The target.
        target: String,
        /// What came instead.
        found: String,
    },
    /// Another run holds the target now.
    #[error("another run has taken target `{target}` over: {found}")]
    Fenced {
        /// The target.
        target: String,
        /// What the target said.
        found: String,
    },
    /// The lease could not be renewed in time, so another run may hold the target.
    #[error("the lease of target `{target}` could not be renewed in time")]
    LeaseLost {
        /// The target.
        target: String,
    },
    /// The target's state is older than this run's: it was restored from a backup, or somebody changed it.
    #[error("the state of target `{target}` went back in time: {found}")]
    Regress {
        /// The target.
        target: String,
        /// What the target said.
        found: String,
    },
    /// Its disk is full. Nothing was switched.
    #[error("the disk of target `{target}` is full: {found}")]
    Disk {
        /// The target.
        target: String,
        /// What the target said.
        found: String,
    },
    /// A program that every deployment needs is not there.
    #[error("target `{target}` has no `{tool}`")]
    Tool {
        /// The target.
        target: String,
        /// The program.
        tool: String,
    },
    /// There is no Docker engine, or no Compose.
    #[error("target `{target}` has no usable Docker: {found}")]
    Docker {
        /// The target.
        target: String,
        /// What was found.
        found: String,
    },
    /// An earlier command is still changing the same thing.
    #[error("target `{target}` is busy: {found}")]
    Busy {
        /// The target.
        target: String,
        /// What the target said.
        found: String,
    },
    /// `current` is not what the target's own ledger says.
    #[error("`current` of target `{target}` names {}, and its ledger says {}: somebody moved it by hand",
        .found.as_deref().unwrap_or("nothing"), .expected.as_deref().unwrap_or("nothing"))]
    Moved {
        /// The target.
        target: String,
        /// What the ledger says.
        expected: Option<String>,
        /// What `current` names.
        found: Option<String>,
        /// What one may go back to, oldest first.
        usable: Vec<String>,
    },
    /// The folder of the release that is live is not there.
    #[error("release `{release}` is live on target `{target}`, and somebody deleted its folder")]
    Gone {
        /// The target.
        target: String,
        /// The release.
        release: String,
        /// The newest verified one whose folder is there.
        other: String,
    },
    /// A release is not on the target.
    #[error("release `{release}` is not on target `{target}`")]
    NoRelease {
        /// The target.
        target: String,
        /// The release.
        release: String,
    },
    /// A release of this name with other content is on the target: releases never change.
    #[error("release `{release}` is on target `{target}` already, with other content")]
    ReleaseExists {
        /// The target.
        target: String,
        /// The release.
        release: String,
    },
    /// A file of the target's state is not what it must be.
    #[error("the state of target `{target}` is damaged: {found}")]
    Damaged {
        /// The target.
        target: String,
        /// What was found.
        found: String,
    },
    /// The ledger cannot be read.
    #[error("the ledger of target `{target}` cannot be read")]
    Ledger {
        /// The target.
        target: String,
        /// Why.
        source: LedgerError,
    },
    /// A file is not there.
    #[error("target `{target}` has no file `{path}`")]
    NoFile {
        /// The target.
        target: String,
        /// Below the environment's directory.
        path: String,
    },
    /// A file is larger than what is handed over.
    #[error("`{path}` has {found} bytes; {limit} are the most that is copied")]
    Large {
        /// The file or folder.
        path: String,
        /// Its size.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A script cannot run as the other user.
    #[error("target `{target}` does not let this login run scripts as `{user}`: {found}")]
    Sudo {
        /// The target.
        target: String,
        /// The other user.
        user: String,
        /// What `sudo` said.
        found: String,
    },
    /// Something was started and its end is not known.
    #[error("it is not known how `{what}` ended on target `{target}`")]
    Unknown {
        /// The target.
        target: String,
        /// What was started.
        what: String,
    },
    /// The target said no.
    #[error("target `{target}` failed: {found}")]
    Failed {
        /// The target.
        target: String,
        /// What the target said.
        found: String,
    },
    /// Somebody else holds the lock, and it is not stale.
    #[error(
        "target `{target}` is locked by run {run} of {who} since {since}, for {left_seconds} s more unless renewed"
    )]
    Locked {
        /// The target.
        target: String,
        /// Who holds it.
        run: String,
        /// On which machine.
        who: String,
        /// Since when, Unix time in seconds.
        since: u64,
        /// Until its lease ends.
        left_seconds: u64,
    },
    /// The wait for a lock was cancelled.
    #[error("waiting for target `{target}` was cancelled")]
    Cancelled {
        /// The target.
        target: String,
    },
}

impl TargetError {
    pub(crate) fn answer(target: &str, error: &FrameError) -> Self {
        Self::Answer { target: target.to_owned(), found: error.to_string() }
    }

    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ssh(error) => error.code(),
            Self::Answer { .. } => "E-TARGET-ANSWER",
            Self::Fenced { .. } => "E-FENCED",
            Self::LeaseLost { .. } => "E-LEASE-LOST",
            Self::Regress { .. } => "E-TARGET-REGRESS",
            Self::Disk { .. } => "E-TARGET-DISK",
            Self::Tool { .. } => "E-TARGET-TOOL",
            Self::Docker { .. } => "E-TARGET-DOCKER",
            Self::Busy { .. } => "E-TARGET-BUSY",
            Self::Moved { .. } => "E-TARGET-MOVED",
            Self::Gone { .. } => "E-RELEASE-GONE",
            Self::NoRelease { .. } => "E-RELEASE-MISSING",
            Self::ReleaseExists { .. } => "E-RELEASE-EXISTS",
            Self::Damaged { .. } | Self::Ledger { .. } => "E-TARGET-DAMAGED",
            Self::NoFile { .. } => "E-TARGET-FILE",
            Self::Large { .. } => "E-TARGET-LARGE",
            Self::Sudo { .. } => "E-TARGET-SUDO",
            Self::Unknown { .. } => "E-OUTCOME-UNKNOWN",
            Self::Failed { .. } => "E-TARGET-FAILED",
            Self::Locked { .. } => "E-TARGET-LOCKED",
            Self::Cancelled { .. } => "E-TARGET-CANCELLED",
        }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoRelease { .. } | Self::NoFile { .. } => ErrorKind::NotFound,
            Self::ReleaseExists { .. } | Self::Moved { .. } | Self::Gone { .. } => ErrorKind::Invalid,
            Self::Large { .. } => ErrorKind::Quota,
            Self::Sudo { .. } => ErrorKind::Denied,
            Self::Cancelled { .. } => ErrorKind::Cancelled,
            Self::Disk { .. } => ErrorKind::Io,
            _ => ErrorKind::Remote,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Disk { .. } => Some("free space on the target; nothing was switched".to_owned()),
            Self::Tool { tool, .. } => Some(format!("install the package that has `{tool}`")),
            Self::Docker { .. } => {
                Some("install Docker and Compose, and put the login into the group `docker`".to_owned())
            }
            Self::Unknown { .. } => Some("look at the target, then `sealock resume` or `sealock rollback`".to_owned()),
            Self::Locked { left_seconds, .. } => Some(format!(
                "wait for that run or cancel it; if it is dead: `sealock unlock ENVIRONMENT` in {left_seconds} s"
            )),
            Self::Moved { expected, found, usable, .. } => {
                let ways = back_to((expected, found), usable);
                Some(format!("nothing was changed; look with `sealock status ENVIRONMENT`, then {ways}"))
            }
            Self::Gone { other, .. } => {
                Some(format!("nothing was changed; `sealock rollback ENVIRONMENT --to {other}` goes to one that is there"))
            }
            Self::Damaged { .. } | Self::Ledger { .. } => Some(
                "nothing was changed; put the file in `.sealock` right from a copy. When that cannot be, and you know what \
                 is live: `mv .sealock/ledger .sealock/ledger.damaged` there, and deploy; nothing before is known then"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// Commands that are not refused: to either of both that it may be, else to the newest other one.
fn back_to((expected, found): (&Option<String>, &Option<String>), usable: &[String]) -> String {
    let command = |id: &String| format!("`sealock rollback ENVIRONMENT --to {id}`");
    let to = |id: &Option<String>, what: &str| {
        let id = id.as_ref().filter(|id| usable.contains(id))?;
        Some(format!("{} for {what}", command(id)))
    };
    let ways: Vec<String> =
        [to(expected, "what the ledger says"), to(found, "what is there now")].into_iter().flatten().collect();
    match (ways.as_slice(), usable.last()) {
        ([], Some(other)) => command(other),
        ([], None) => "put `current` right by hand: no verified release is there".to_owned(),
        (ways, _) => ways.join(", or "),
    }
}

impl From<TargetError> for StepError {
    fn from(error: TargetError) -> Self {
        let error = match error {
            TargetError::Ssh(error) => return error.into(),
            other => other,
        };
        let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        let mut told = Self::new(error.kind(), error.code(), format!("{error}{source}"));
        told.help = error.help();
        told.retryable = matches!(error, TargetError::Busy { .. } | TargetError::Locked { .. });
        told
    }
}
