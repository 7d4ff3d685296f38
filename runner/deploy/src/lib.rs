//! Targets: lock and fence, release ledger, releases, on-target script.
//!
//! A [`Deployment`] holds the locks of all targets of an environment from before its stage's first step until
//! after its last, and keeps each target's ledger. A [`TargetsHandler`] lets the stage's steps act on those
//! targets. [`status()`] looks without locking; [`unlock`] takes stale locks over. On the target there is one
//! POSIX shell script (`target.sh`), uploaded by its digest; no agent.
//!
//! # Invariants
//!
//! - Every change on a target carries the epoch that the target is held with; a target that has seen a higher
//!   one changes nothing anywhere any more ([`Deployment::check`]).
//! - No effect is started in the last [`MARGIN_SECONDS`] of a lease.
//! - A question that changes something has a nonce: asked again after a lost connection it changes nothing more.
//! - *Previous* is the last verified release of the ledger, never a file's time.
//! - Values reach a script as quoted words in a file, never as syntax and never as somebody's arguments.

mod action;
mod bundle;
mod deployment;
mod environment;
mod error;
mod frames;
mod handler;
mod held;
mod lease;
mod ledger;
mod link;
mod prune;
mod pull;
mod renewal;
mod script;
#[cfg(test)]
mod shell_tests;
mod sound;
mod state;
mod status;

pub use bundle::BundleError;
pub use deployment::{Deployment, DeploymentSpec};
pub use environment::{RunFacts, TargetSpec};
pub use error::TargetError;
pub use handler::{Chronicle, TargetsHandler, Verify};
pub use lease::{LEASE_SECONDS, LockEvent, MARGIN_SECONDS, QueuePlace, RENEW_SECONDS};
pub use ledger::{Ledger, LedgerError, Outcome, RECORD_VERSION, Record, Verifier};
pub use state::{Holder, TargetState};
pub use status::{Drift, LiveStatus, TargetStatus, status, unlock};
