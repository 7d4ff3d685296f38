//! What the plugins that deploy to targets share: the targets, the scripts that run there, and the way back.
//!
//! Two traits stand between a plugin and its targets, so that the order of what it does can be tested without any:
//! [`Fleet`] and [`Machine`]. [`Targets`] are the real ones.
//!
//! # Invariants
//!
//! - Values reach scripts as arguments and environment only; nothing is ever pasted into them.
//! - A rollback asks every target, last one first, whatever became of the others.

mod env;
mod fleet;
mod key;
mod probe;
mod problem;
mod releases;
mod rollback;
mod script;
mod staged;
mod targets;
#[cfg(feature = "testing")]
pub mod testing;
mod told;

pub use env::env_names;
pub use fleet::{Fleet, Machine, NO_RELEASE, Started, detail_of};
pub use key::key;
pub use probe::probe;
pub use problem::{invalid, remote};
pub use releases::{KEY, Releases};
pub use rollback::roll_back;
pub use script::{AS_ROOT, ENTRIES, SECONDS, Script, TELL};
pub use staged::{Running, Staged, Switch, in_batches, prune, start, switch, target_names};
pub use targets::Targets;
pub use told::{last_lines, told};
