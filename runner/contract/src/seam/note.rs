//! What a step tells: logs, annotations, outputs.

use serde::{Deserialize, Serialize};

use crate::grant::Capability;
use crate::{StepError, Value};

/// How much a log line or an annotation matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
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

/// Where in the workspace an annotation belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Location {
    /// A file of the workspace.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: Option<u32>,
    /// From 1.
    pub end_line: Option<u32>,
    /// From 1.
    pub end_column: Option<u32>,
}

/// Something to show at a line of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// A few words.
    pub title: Option<String>,
    /// Where it belongs.
    pub location: Option<Location>,
}

/// One thing that a step tells. Notes go over in batches and in order, and are never answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    /// A log line, without its end.
    Log {
        /// How much it matters.
        level: Level,
        /// The line, or a piece of a long one.
        message: String,
    },
    /// A foldable group starts.
    GroupStart {
        /// Counted by the step.
        group: u32,
        /// Its title.
        title: String,
    },
    /// A foldable group ends.
    GroupEnd {
        /// As it was started.
        group: u32,
    },
    /// Something to show at a line.
    Annotation(Annotation),
    /// How far the step is.
    Progress {
        /// So much is done.
        done: u64,
        /// Of so much.
        total: Option<u64>,
        /// What is being done.
        message: String,
    },
    /// An output, checked against the manifest.
    Output {
        /// Its name.
        name: String,
        /// Its value.
        value: Value,
    },
    /// Markdown for the run's summary.
    Summary {
        /// The Markdown.
        markdown: String,
    },
    /// Something not granted was asked for.
    Denied(StepError),
    /// The broker acted on a grant; told by the broker alone.
    GrantUsed {
        /// The kind of thing.
        capability: Capability,
        /// Which, as an entry of `allow` would name it.
        what: String,
    },
}
