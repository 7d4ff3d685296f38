//! Does things for steps, and checks the grant again.
//!
//! A run has one [`Broker`]. It makes a [`StepDesk`] for each step that runs: the only counter at which a
//! sandbox can ask. A request is looked at here as if nobody had looked at it before: the grant comes from
//! the broker's own table, by the step that the desk was made for; handles come from the desk's own table;
//! files are opened below the workspace's descriptor. Then the [`Handler`] of the request's [`Family`] acts.
//!
//! What others plug in: a [`Handler`] for containers and for targets, a [`place::Place`] where native
//! programs run, a [`NoteSink`] that hears what steps tell, a [`http::TargetAddresses`].
//!
//! # Invariants
//!
//! - A desk answers for one step and one epoch; once closed it answers `E-DESK-CLOSED`, and everything that
//!   was started through it is dead.
//! - A handle names something in one table only, its step's.
//! - Everything that leaves to a sink or to a step has passed the redactor; only bytes that a step
//!   captures while it holds `reveal` have not.
//! - Secret bytes go to a program's environment or standard input, a login, or a request, never to a step
//!   without `reveal`.

mod broker;
mod capture;
pub mod confine;
pub mod containers;
mod desk;
mod folder;
mod handler;
mod handles;
pub mod http;
mod log;
mod output;
pub mod place;
pub mod process;
mod produce;
pub mod remote;
mod running;
mod secrets;
mod sink;
pub mod ssh;
mod step;
mod used;

pub use broker::{Broker, BrokerBuilder};
pub use capture::Capture;
pub use desk::StepDesk;
pub use folder::WorkspaceDir;
pub use handler::{Family, Handler};
pub use handles::{Object, SecretHandle};
pub use output::OutputPump;
pub use running::{Running, Started};
pub use sink::NoteSink;
pub use step::{EnvText, PROBE, SecretInput, Step, StepDeskSpec};
