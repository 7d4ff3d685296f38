//! Steps of a plan.

use sealock_contract::StepLimits;
use serde::{Deserialize, Serialize};

use super::{EnvEntry, LateFlag, TextOrSecret, WithValue};

/// One call of one plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Its id, or its place in the stage from 1.
    pub key: String,
    /// Whether `key` is an id that expressions may name.
    pub has_id: bool,
    /// What people see.
    pub title: TextOrSecret,
    /// The name under [`super::Plan::plugins`].
    pub plugin: String,
    /// Its inputs, as written; defaults are not filled in.
    pub with: Vec<(String, WithValue)>,
    /// For this step.
    pub env: Vec<EnvEntry>,
    /// The expression of `if`, without its braces.
    pub condition: Option<String>,
    /// How often to try again.
    pub retry: Option<Retry>,
    /// Whether the stage goes on when it fails.
    pub allow_failure: LateFlag,
    /// Below the workspace.
    pub working_directory: Option<TextOrSecret>,
    /// Time and sizes.
    pub limits: StepLimits,
    /// Whether it asked for network as a native command, which no wall here can hold to hosts yet.
    pub wants_unconfined_network: bool,
    /// The line of the file.
    pub line: u64,
}

/// How often to try again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// All tries together.
    pub attempts: u32,
    /// Before the second try, in milliseconds; doubled before each further one.
    pub backoff_ms: u64,
    /// After which kinds of failure; empty: every kind.
    pub on: Vec<RetryKind>,
}

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryKind {
    /// The step said so.
    Failure,
    /// It took too long.
    Timeout,
    /// The component trapped.
    Trap,
    /// Something outside failed.
    Remote,
}
