//! A [`Plan`](sealock_plan::Plan) becomes a run, told as events.
//!
//! Two halves: [`machine`] decides everything and touches nothing; the *driver* gives it time, tasks, and a
//! journal. The driver's parts are one file each: what a stage needs before its first step, one try of a step,
//! a deployment's locks and its way back.
//!
//! # Invariants
//!
//! - An event exists once its commit has returned; only then do sinks see it.
//! - Nothing here prints, fetches a plugin, or knows of GitHub.

mod addresses;
mod attempt;
mod by_hand;
mod cleaning;
mod closing;
mod contexts;
mod deployments;
mod driver;
pub mod env_names;
mod exit;
mod groups;
pub mod handover;
mod known;
pub mod machine;
mod opening;
mod outcome;
mod past;
mod prepare;
mod probing;
mod recorder;
mod retention;
mod rollback_steps;
mod room;
mod run;
mod scripts;
mod shared;
mod stage_spec;
mod telling;
mod try_folder;
mod verifying;
mod wanted;

pub use deployments::targets;
pub use past::Past;
pub use retention::{RetentionError, prune};
pub use run::{LastLook, RunEnd, RunSpec, resume, roll_back, run};
pub use shared::Settings;
