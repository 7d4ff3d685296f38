//! What the plugins that deploy to targets share: the targets, the scripts that run there, and the way back.
//!
//! Two traits stand between a plugin and its targets, so that the order of what it does can be tested without any:
//! [`Fleet`] and [`Machine`]. [`Targets`] are the real ones.
//!
//! # Invariants
//!
//! - Values reach scripts as arguments and environment only; nothing is ever pasted into them.
//! - A rollback asks every target, last one first, whatever became of the others.

mod batches;
mod env;
mod fleet;
mod problem;
mod script;
mod switched;
mod targets;
#[cfg(feature = "testing")]
pub mod testing;
mod undo;

pub use batches::{Named, Switch, in_batches};
pub use env::env_names;
pub use fleet::{Fleet, Machine, NO_RELEASE, Started, detail_of};
pub use problem::{invalid, remote};
pub use script::{AS_ROOT, Script, TELL};
pub use switched::{KEY, Switched, switched};
pub use targets::Targets;
pub use undo::{Undoing, roll_back};
