//! Compiled components on disk.
//!
//! A folder that only its owner may enter holds a key and one file for each compiled component: an HMAC-SHA256 tag,
//! then machine code. The file's name says which component it is of and for which engine; the tag covers both names
//! and the code, so that a file which somebody else wrote, cut short, or renamed is never loaded: it is compiled
//! again. What compiles runs in a child process with limits ([`Compile`]).
//!
//! # Invariants
//!
//! - Bytes leave this crate only after their tag was verified, and are the very bytes that it was verified over.
//! - Files are written to a temporary name, synced, and renamed: a reader sees all of one or nothing.
//! - Of processes that compile the same component at once, one does; the others wait for it ([`Turn`]).
//! - A poisoned entry is a miss with a reason, never an error of the run.

mod child;
mod key;
mod store;

pub use child::{Compile, CompileFailure};
pub use store::{CacheError, CompiledCache, Entry, MissReason, Turn};
