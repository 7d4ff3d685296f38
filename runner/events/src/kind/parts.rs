//! The smaller types that events are made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// For people who look for a bug in the step.
    Trace,
    /// For people who look for a bug in their pipeline.
    Debug,
    /// The usual.
    Info,
    /// Worth reading.
    Notice,
    /// Probably wrong.
    Warning,
    /// Wrong.
    Error,
}

/// How a stage or step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Conclusion {
    /// It succeeded.
    Success,
    /// It was not run.
    Skipped,
    /// It was stopped because the run was.
    Cancelled,
    /// It failed.
    Failure,
}

impl Conclusion {
    /// The word that expressions use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
            Self::Failure => "failure",
        }
    }
}

/// A line of the pipeline file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Relative to the repository.
    pub file: String,
    /// From 1.
    pub line: u64,
}

/// The code of whatever was ended by an interruption of the run: it goes on when the run is resumed.
pub const INTERRUPTED: &str = "E-INTERRUPTED";
/// The code of a stage that waits until somebody has found out how far an effect got.
pub const NEEDS_RECOVERY: &str = "E-NEEDS-RECOVERY";

/// Why something did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// Stable, such as `E-STEP-FAILED`.
    pub code: String,
    /// One sentence without a full stop.
    pub message: String,
    /// The next step.
    pub help: Option<String>,
    /// What the process exits with when this is what ends the run.
    pub exit: u8,
}

impl Cause {
    /// Whether what ended so is not over: it goes on when the run is resumed.
    pub fn is_interruption(&self) -> bool {
        self.code == INTERRUPTED || self.code == NEEDS_RECOVERY
    }
}

/// What a run is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// To carry out its plan.
    #[default]
    Plan,
    /// To bring an environment back, as a person asked.
    RollBack,
}

impl Goal {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(crate) fn is_plan(&self) -> bool {
        *self == Self::Plan
    }
}

/// One stage of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedStage {
    /// Its key in all events: its id, with the cell in parentheses.
    pub stage: String,
    /// What its author calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The stages that it waits for.
    pub needs: Vec<String>,
    /// The environment that it deploys to.
    pub environment: Option<String>,
    /// Its steps.
    pub steps: Vec<PlannedStep>,
}

/// One step of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedStep {
    /// Its id or place.
    pub step: String,
    /// What it is called for people.
    pub name: String,
    /// The plugin.
    pub plugin: String,
}

/// The wall that native commands of this run get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wall {
    /// As `security.md` numbers them.
    pub tier: u8,
    /// What it is made of, for people: `Landlock 7, own process namespace`.
    pub made_of: Vec<String>,
    /// Whether `--unconfined-network` was given.
    pub unconfined_network: bool,
}

/// What a service is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// Its container is being started.
    Starting,
    /// It answers its health command, or has none.
    Healthy,
    /// It never got healthy, or died.
    Failed,
    /// It is stopped and removed.
    Stopped,
}

/// What something waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "for", rename_all = "kebab-case")]
pub enum Waiting {
    /// A place among the stages that run at once.
    Jobs,
    /// Another stage of its concurrency group.
    Concurrency {
        /// The group.
        group: String,
    },
    /// The lock of a target.
    Lock {
        /// The target.
        target: String,
        /// The run that holds it.
        holder: String,
        /// Since when, as the target says.
        since: String,
        /// The place among those who wait, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<u32>,
        /// How many wait.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<u32>,
        /// The run right before this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        behind: Option<String>,
    },
    /// The time between two attempts.
    Retry {
        /// Milliseconds.
        ms: u64,
    },
    /// A port of the host that another stage's service uses.
    Port {
        /// The port.
        port: u16,
    },
}

/// What is true of an environment at the end of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeploymentResult {
    /// The new release is live and verified.
    Verified,
    /// The old release is live again and verified.
    RolledBackVerified,
    /// The old release is live again and was not verified.
    RolledBackUnverified,
    /// Going back failed on a target.
    RollbackFailed,
    /// Nothing was changed.
    Unchanged,
    /// The run ended in the middle of it: what is true is found out when it is resumed.
    Interrupted,
}

/// How far an effect got, as its plugin says after an interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeState {
    /// It happened.
    Applied,
    /// It did not.
    NotApplied,
    /// A part of it did.
    Partly,
    /// Nobody can say.
    Unknown,
}

impl ProbeState {
    /// The word that people use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NotApplied => "not applied",
            Self::Partly => "partly applied",
            Self::Unknown => "unknown",
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunResult {
    /// Everything that ran succeeded.
    Success,
    /// Something failed.
    Failure,
    /// It was cancelled.
    Cancelled,
    /// An effect's outcome is unknown.
    NeedsRecovery,
    /// It was ended in the middle, and can be resumed.
    Interrupted,
}

impl RunResult {
    /// Whether the run stopped before everything in it had come to an end.
    pub fn is_open(self) -> bool {
        matches!(self, Self::NeedsRecovery | Self::Interrupted)
    }
}
