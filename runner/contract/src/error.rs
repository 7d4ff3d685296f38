//! The error that a step sees and a step returns.

use serde::{Deserialize, Serialize};

/// What kind of thing went wrong, as `step.wit` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// It was not granted.
    Denied,
    /// It does not exist.
    NotFound,
    /// The request makes no sense.
    Invalid,
    /// Its time was up.
    Timeout,
    /// The run is being cancelled.
    Cancelled,
    /// A limit was hit.
    Quota,
    /// Reading or writing failed.
    Io,
    /// Something outside the run failed.
    Remote,
    /// The thing ran and said no.
    Failed,
    /// Closed sets cannot grow, hence this.
    Other,
}

/// Why something that a step asked for did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    /// Its kind.
    pub kind: ErrorKind,
    /// Stable, such as `E-GRANT-NETWORK`.
    pub code: String,
    /// One sentence without a full stop: what was found, what was expected.
    pub message: String,
    /// The next step; for `denied` the `allow` entry that would grant it.
    pub help: Option<String>,
    /// Whether the same call may work when made again.
    pub retryable: bool,
    /// More, by name.
    pub details: Vec<(String, String)>,
}

impl StepError {
    /// An error without help or details, not retryable.
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, code: code.into(), message: message.into(), help: None, retryable: false, details: Vec::new() }
    }

    /// Says what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says that the same call may work when made again.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Adds a detail.
    #[must_use]
    pub fn detail(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.details.push((name.into(), value.into()));
        self
    }
}
