//! Why something over SSH did not happen, and what a step is told of it.

use std::io;
use std::time::Duration;

use sealock_contract::{ErrorKind, StepError};

use super::address::AddressError;
use super::host_key::HostKeyError;
use super::limits::Phase;

/// Why something over SSH did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SshError {
    /// The address is not one.
    #[error("target `{target}` has no usable address")]
    Name {
        /// The target.
        target: String,
        /// What is wrong with it.
        source: AddressError,
    },
    /// A pinned key is not one.
    #[error("target `{target}` has an unusable host key")]
    Pin {
        /// The target.
        target: String,
        /// What is wrong with it.
        source: HostKeyError,
    },
    /// No key is pinned, so the server cannot be told from another.
    #[error("target `{target}` has no pinned host key; the server showed {fingerprint}")]
    HostKeyUnknown {
        /// The target.
        target: String,
        /// Of the key shown.
        fingerprint: String,
        /// The line that would pin it.
        line: String,
    },
    /// The server showed another key than those pinned.
    #[error("target `{target}` showed another host key than the pinned one: found {fingerprint}, expected {expected}")]
    HostKeyChanged {
        /// The target.
        target: String,
        /// Of the key shown.
        fingerprint: String,
        /// Of the keys pinned.
        expected: String,
        /// The line that would pin the key shown.
        line: String,
    },
    /// Nobody answers there.
    #[error("failed to connect to target `{target}` at {address}")]
    Connect {
        /// The target.
        target: String,
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// A phase took too long.
    #[error("target `{target}` did not answer within {} s while {phase}", limit.as_secs_f32())]
    Timeout {
        /// The target.
        target: String,
        /// While doing what.
        phase: Phase,
        /// How long was waited.
        limit: Duration,
    },
    /// The server took none of our keys.
    #[error("target `{target}` refused the login of `{user}`")]
    Auth {
        /// The target.
        target: String,
        /// The login name.
        user: String,
    },
    /// The private key cannot be used.
    #[error("the private key `{secret}` of target `{target}` cannot be used: {why}")]
    Key {
        /// The target.
        target: String,
        /// The secret's name.
        secret: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The agent cannot be used.
    #[error("the agent for target `{target}` cannot be used: {why}")]
    Agent {
        /// The target.
        target: String,
        /// What it said.
        why: String,
    },
    /// The server does not keep to the protocol, or offers only what is too weak.
    #[error("target `{target}` broke the protocol: {found}")]
    Protocol {
        /// The target.
        target: String,
        /// What was found.
        found: String,
    },
    /// The server would not open a channel or start a command.
    #[error("target `{target}` refused to start a command")]
    Refused {
        /// The target.
        target: String,
    },
    /// The connection is gone.
    #[error("the connection to target `{target}` was lost")]
    Lost {
        /// The target.
        target: String,
    },
}

impl SshError {
    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "E-SSH-NAME",
            Self::Pin { .. } => "E-SSH-HOSTKEY-FORM",
            Self::HostKeyUnknown { .. } => "E-SSH-HOSTKEY-UNKNOWN",
            Self::HostKeyChanged { .. } => "E-SSH-HOSTKEY-CHANGED",
            Self::Connect { .. } => "E-SSH-CONNECT",
            Self::Timeout { .. } => "E-SSH-TIMEOUT",
            Self::Auth { .. } | Self::Agent { .. } => "E-SSH-AUTH",
            Self::Key { .. } => "E-SSH-KEY",
            Self::Protocol { .. } => "E-SSH-PROTOCOL",
            Self::Refused { .. } => "E-SSH-REFUSED",
            Self::Lost { .. } => "E-SSH-LOST",
        }
    }

    /// Whether the same call may work when made again: the network failed, not the target's say.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Timeout { .. } | Self::Lost { .. })
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::Name { .. } | Self::Pin { .. } | Self::Key { .. } => ErrorKind::Invalid,
            Self::Timeout { .. } => ErrorKind::Timeout,
            _ => ErrorKind::Remote,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::HostKeyUnknown { line, .. } => Some(format!(
                "compare the fingerprint with the machine's own (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), then pin it:\nhost-key: \"{line}\""
            )),
            Self::HostKeyChanged { line, .. } => Some(format!(
                "somebody may be in between; if the machine was set up anew, compare the fingerprint on it and write:\nhost-key: \"{line}\""
            )),
            Self::Auth { user, .. } => {
                Some(format!("add the public key to `~{user}/.ssh/authorized_keys` on the target"))
            }
            Self::Name { .. } => Some("write `ssh: user@host` or `ssh: user@host:port`".to_owned()),
            _ => None,
        }
    }
}

impl From<SshError> for StepError {
    fn from(error: SshError) -> Self {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        let mut told = Self::new(error.kind(), error.code(), format!("{error}{source}"));
        told.help = error.help();
        told.retryable = error.retryable();
        told
    }
}
