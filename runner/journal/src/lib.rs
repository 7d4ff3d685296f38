//! The durable record of runs: one SQLite file, append-only, a hash chain for each run, and a log file beside it
//! for what is transient.
//!
//! ```text
//! <state>/journal.db        events, in WAL mode, synced at each commit (with `-wal` and `-shm` beside it)
//! <state>/journal.lock      held while a process opens the journal
//! <state>/journal.reserve   room that is given back when the disk is full
//! <state>/runs/<run>/log.jsonl   log lines, groups, progress; written after the record of what stands before them
//! ```
//!
//! A record is the event as it stands on the wire, with `hash = SHA-256(hash before ‖ record)`; before the first
//! stands the hash of the run's head, the plan included. So a record that was changed, left out, or added shows
//! at its place, and runs can be removed without breaking others.
//!
//! # Invariants
//!
//! - What [`Journal::commit`] answered with success is on the disk, and a reader sees it after any kill.
//! - A group is there whole or not at all.
//! - Several processes may hold one file open and write their own runs; one run has one writer.
//! - After a failed write nothing more is written: a sync that failed once says nothing when tried again.
//! - Nothing here decides what happens next.

mod chain;
mod commit;
mod examine;
mod file_system;
mod full_disk;
mod log;
mod merged;
mod open;
mod ownership;
mod read;
mod removal;
mod reserve;
mod salvage;

pub use chain::ChainBreak;
pub use commit::{CommitError, Moment, RunHead};
pub use examine::{Examined, Problem};
pub use full_disk::FullDisk;
pub use log::{LogLines, RunLog};
pub use merged::Merged;
pub use open::{Journal, OpenError, make_state_folder};
pub use read::{Events, ReadError, RunSummary};
pub use salvage::Salvaged;
