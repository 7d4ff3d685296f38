//! How a step's instance ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::StepError;

/// The limit that was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitName {
    /// Wall time of the step.
    WallTime,
    /// Linear memory.
    Memory,
    /// Elements of tables.
    Table,
    /// Bytes carried by one host call.
    HostCall,
    /// Live handles.
    Handles,
    /// The call stack.
    Stack,
    /// Bytes of log.
    Log,
    /// Bytes written into the workspace.
    WrittenBytes,
    /// Files written into the workspace.
    WrittenFiles,
    /// Instances within one component.
    Instances,
    /// Bytes or number of outputs.
    Outputs,
}

impl LimitName {
    /// As messages name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::WallTime => "wall time",
            Self::Memory => "memory",
            Self::Table => "table elements",
            Self::HostCall => "bytes per host call",
            Self::Handles => "handles",
            Self::Stack => "call stack",
            Self::Log => "log",
            Self::WrittenBytes => "written bytes",
            Self::WrittenFiles => "written files",
            Self::Instances => "instances",
            Self::Outputs => "outputs",
        }
    }

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::WallTime => "E-PLUGIN-TIMEOUT",
            Self::Memory => "E-LIMIT-MEMORY",
            Self::Table => "E-LIMIT-TABLE",
            Self::HostCall => "E-LIMIT-HOST-CALL",
            Self::Handles => "E-LIMIT-HANDLES",
            Self::Stack => "E-LIMIT-STACK",
            Self::Log => "E-LIMIT-LOG",
            Self::WrittenBytes => "E-LIMIT-WRITTEN-BYTES",
            Self::WrittenFiles => "E-LIMIT-WRITTEN-FILES",
            Self::Instances => "E-LIMIT-INSTANCES",
            Self::Outputs => "E-LIMIT-OUTPUTS",
        }
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why the runner stopped an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopCause {
    /// A limit was hit.
    Limit {
        /// Which.
        name: LimitName,
        /// What it is, with its unit.
        limit: String,
    },
    /// The run was cancelled and the step did not stop by itself.
    Cancelled,
}

/// How a step's instance ended. There is always one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what it is for.
    Success,
    /// There was nothing to do, and why.
    Skipped(String),
    /// It ran and says no: a failed test, a missed threshold.
    Failed(String),
    /// It could not do what it is for.
    Error(StepError),
    /// It trapped or panicked; what the trap was.
    Trapped(String),
    /// The runner stopped it.
    Stopped(StopCause),
    /// The process it ran in is gone.
    Lost {
        /// By this signal, when known.
        signal: Option<i32>,
    },
}

/// How far an effect got, as its plugin's `probe` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectState {
    /// It happened.
    Applied,
    /// It did not happen.
    NotApplied,
    /// A part of it happened.
    Partly(String),
    /// Nobody can say.
    Unknown(String),
}
