//! Why a command stopped.

use std::fmt;
use std::process::ExitCode;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is not one of ours.
    Usage(String),
    /// This machine lacks something; each entry says what, and how to get it.
    Missing(Vec<Missing>),
    /// Something was tried and failed.
    Failed(String),
}

/// Something that this machine lacks.
#[derive(Debug)]
pub(crate) struct Missing {
    /// What it is, and what for.
    pub(crate) what: String,
    /// How to get it.
    pub(crate) get: String,
}

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::Missing(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Failed(text) => f.write_str(text),
            Self::Missing(entries) => {
                writeln!(f, "missing on this machine; nothing was built")?;
                entries.iter().try_for_each(|entry| write!(f, "\n  {}\n    get it: {}", entry.what, entry.get))
            }
        }
    }
}
