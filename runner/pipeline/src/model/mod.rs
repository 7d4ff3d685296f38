//! What a pipeline file says, as types, with a place on every value.
//!
//! # Invariants
//!
//! A [`Pipeline`] can only be made by [`crate::parse`], and only from a file without errors. So every
//! name that it mentions exists (stages, steps, secrets, targets, networks of the file, environments
//! that are written literally), its graph has no cycle, its budgets are kept, and its expressions
//! parse and stand where they may. What only manifests and policy know is not checked yet: whether a
//! [`PluginName::Named`] exists, what its inputs are called, and which of them are secret.

mod allow;
mod environment;
mod input;
mod matrix;
mod quantity;
mod spanned;
mod stage;
mod step;
mod text;
mod trigger;
mod value;

pub use allow::{Allow, Containers, Files, NetworkEntry};
pub use environment::{Environment, Login, SshAddress, SshAddressError, Target, Verify};
pub use input::{Input, InputError, InputKind, InputValue};
pub use matrix::{Axes, Axis, Cells, Matrix};
pub use quantity::{Duration, QuantityError, Size};
pub use spanned::{Entries, Entry, Spanned};
pub use stage::{Concurrency, Container, Health, HealthCommand, OnConflict, Port, PortError, Service, Stage};
pub use step::{Cache, Call, PluginName, Retry, RetryOn, Shell, Step};
pub use text::{Condition, Env, Late, Text};
pub use trigger::{PullRequestFilter, PushFilter, Schedule, Triggers};
pub use value::{Scalar, Value};

/// A pipeline file without errors.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// What it is called.
    pub name: Spanned<String>,
    /// What starts it by itself.
    pub on: Triggers,
    /// What is passed to it.
    pub inputs: Entries<Input>,
    /// For every step.
    pub env: Env,
    /// Every secret that it may name.
    pub secrets: Vec<Spanned<String>>,
    /// Where it deploys to.
    pub environments: Entries<Environment>,
    /// Groups of hosts.
    pub networks: Entries<Vec<Spanned<NetworkEntry>>>,
    /// Plugins by short name; never [`PluginName::Named`].
    pub plugins: Entries<Spanned<PluginName>>,
    /// For every step that does not say otherwise.
    pub defaults: Defaults,
    /// What must not run at the same time.
    pub concurrency: Option<Spanned<Concurrency>>,
    /// In the order of the file; at least one.
    pub stages: Entries<Stage>,
}

/// For every step that does not say otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Defaults {
    /// For one attempt.
    pub timeout: Option<Spanned<Late<Duration>>>,
    /// How often to try again.
    pub retry: Option<Spanned<Retry>>,
    /// Below the workspace.
    pub working_directory: Option<Spanned<Text>>,
}
