//! One call of a step: everything that its instance gets, besides the desk where it asks.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::time::Duration;

use sealock_contract::limits::CANCEL_GRACE_MS;
use sealock_contract::manifest::OutputSpec;
use sealock_contract::{Grant, StepLimits, Value};

/// Which function of the component is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Entry {
    /// `run`, of a step or of a plain `wasi:cli` program.
    #[default]
    Run,
    /// `rollback`, of a step with effects.
    Rollback,
}

/// What a step may know of its own call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The run's id.
    pub run: String,
    /// The stage, as it is shown.
    pub stage: String,
    /// The step's id.
    pub step: String,
    /// From 1.
    pub attempt: u32,
    /// Marks the effect.
    pub idempotency_key: Option<String>,
    /// The stage's environment.
    pub environment: Option<String>,
    /// In a deployment, the release being made or verified.
    pub release: Option<String>,
}

/// A folder that the step sees as `/workspace`.
#[derive(Debug)]
pub struct Workspace {
    /// The folder, open.
    pub folder: OwnedFd,
    /// Whether the step may write at all; which files, its grant says.
    pub writable: bool,
}

/// One call of a step.
#[derive(Debug)]
pub struct StepCall {
    /// Which function.
    pub entry: Entry,
    /// What it may know of itself.
    pub facts: Facts,
    /// Its inputs, in order. Secrets are not among them; a `map of secret` is the list of its keys.
    pub inputs: Vec<(String, Value)>,
    /// Names of the inputs that its manifest declares, given or not; `None` for a component without a manifest.
    pub declared: Option<BTreeSet<String>>,
    /// The outputs that its manifest declares; `None` for a component without a manifest.
    pub outputs: Option<BTreeMap<String, OutputSpec>>,
    /// What it may touch. Checked here so that a denial costs nothing; the broker checks again.
    pub grant: Grant,
    /// How much of everything.
    pub limits: StepLimits,
    /// Whether its result may be kept: constant clock and dice, no facts, and nothing but files is ever granted.
    pub hermetic: bool,
    /// `/workspace`; none for a step that sees nothing of it.
    pub workspace: Option<Workspace>,
    /// `/tmp`, of this call alone.
    pub tmp: Option<OwnedFd>,
    /// `/step/out`, for plain programs: each file in it becomes an output.
    pub step_out: Option<OwnedFd>,
    /// Arguments of a plain program, its own name first.
    pub args: Vec<String>,
    /// Environment of a plain program.
    pub env: Vec<(String, String)>,
    /// Between being asked to stop and being stopped.
    pub grace: Duration,
}

impl Default for StepCall {
    fn default() -> Self {
        Self {
            entry: Entry::Run,
            facts: Facts { attempt: 1, ..Facts::default() },
            inputs: Vec::new(),
            declared: None,
            outputs: None,
            grant: Grant::default(),
            limits: StepLimits::default(),
            hermetic: false,
            workspace: None,
            tmp: None,
            step_out: None,
            args: Vec::new(),
            env: Vec::new(),
            grace: Duration::from_millis(CANCEL_GRACE_MS),
        }
    }
}
