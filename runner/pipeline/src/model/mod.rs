//! What a pipeline file says, as types, with a place on every value.
//!
//! # Invariants
//!
//! A [`Pipeline`] can only be made by [`crate::parse`], and only from a file without errors. So every
//! name that it mentions exists (stages, steps, secrets, targets, networks of the file, environments
//! that are written literally), its graph has no cycle, its budgets are kept, and its expressions
//! parse and stand where they may. What only manifests and policy know is not checked yet: whether a
//! [`PluginName::Named`] exists, what its inputs are called, and which of them are secret.
//!
//! A [`Draft`] promises nothing of that: it is what could be read, for those who look for more mistakes.
//! Nothing makes a [`Pipeline`] of it.

mod allow;
mod draft;
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
pub(crate) use draft::Lost;
pub use draft::{Defaults, Draft, Pipeline};
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
