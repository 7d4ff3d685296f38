//! Steps: one call of one plugin.

use sealock_diagnostics::Span;

use super::{Allow, Condition, Duration, Entries, Env, Late, Spanned, Text, Value};

/// One call of one plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name in `steps.<id>`.
    pub id: Option<Spanned<String>>,
    /// What people see.
    pub name: Option<Spanned<Text>>,
    /// What is called.
    pub call: Call,
    /// For this step.
    pub env: Env,
    /// `if`
    pub condition: Option<Spanned<Condition>>,
    /// In place of the stage's, whole.
    pub allow: Option<Spanned<Allow>>,
    /// For one attempt.
    pub timeout: Option<Spanned<Late<Duration>>>,
    /// How often to try again.
    pub retry: Option<Spanned<Retry>>,
    /// Whether the stage goes on when this step fails; false when the file does not say.
    pub allow_failure: Late<bool>,
    /// Below the workspace.
    pub working_directory: Option<Spanned<Text>>,
    /// Whether an earlier result may answer.
    pub cache: Cache,
    /// The whole entry.
    pub span: Span,
}

/// What a step calls.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// `run: SCRIPT`, short for `uses: shell`.
    Run {
        /// Literal text; it holds no expression.
        script: Spanned<String>,
        /// What runs it.
        shell: Shell,
    },
    /// `uses: PLUGIN`
    Uses {
        /// Which one.
        plugin: Spanned<PluginName>,
        /// Its inputs.
        with: Entries<Spanned<Value>>,
    },
}

/// What runs a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shell {
    /// `sh -eu`
    #[default]
    Sh,
    /// `bash -eo pipefail`
    Bash,
    /// A program and its arguments; never empty.
    Program(Vec<Spanned<String>>),
}

/// What stands behind `uses` or under `plugins`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginName {
    /// A builtin's name, or a short name of `plugins`.
    Named(String),
    /// A file or folder of the repository: `./…`, relative to its root; never leaves it.
    Path(String),
    /// A reference into a registry, by tag or digest.
    Reference(String),
}

/// How often to try again, and after which kinds of failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// All tries together, from 1.
    pub attempts: Spanned<u32>,
    /// Before the second try; doubled before each further one.
    pub backoff: Option<Spanned<Late<Duration>>>,
    /// What is tried again; empty: every kind.
    pub on: Vec<Spanned<RetryOn>>,
}

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryOn {
    /// The step said so.
    Failure,
    /// It took too long.
    Timeout,
    /// The component trapped.
    Trap,
    /// Something outside failed.
    Remote,
}

/// Whether an earlier result may answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cache {
    /// Where the step is hermetic.
    #[default]
    Auto,
    /// Never.
    Off,
}
