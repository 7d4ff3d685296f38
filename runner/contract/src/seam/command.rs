//! Native programs.

use serde::{Deserialize, Serialize};

use super::Handle;

/// Where an output stream goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stdio {
    /// Nowhere.
    Discard,
    /// Into the step's log.
    #[default]
    Log,
    /// Kept for the step to read, through the redactor unless the step may reveal.
    Capture,
    /// Into a file of the workspace.
    File(String),
}

/// One native program to start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// A name looked up in `PATH`, or a path in the workspace.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Plain environment entries.
    pub env: Vec<(String, String)>,
    /// Environment entries that are secrets.
    pub secret_env: Vec<(String, Handle)>,
    /// In the workspace; its top when empty.
    pub cwd: String,
    /// Bytes for its standard input.
    pub stdin_bytes: Option<Vec<u8>>,
    /// A file of the workspace for its standard input.
    pub stdin_file: Option<String>,
    /// A secret for its standard input.
    pub stdin_secret: Option<Handle>,
    /// Its standard output.
    pub stdout: Stdio,
    /// Its standard error.
    pub stderr: Stdio,
    /// Killed after so long.
    pub timeout_ms: Option<u64>,
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}
