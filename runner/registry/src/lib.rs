//! Plugins of registries: a reference becomes verified bytes, and a component becomes something that others can refer to.
//!
//! # Invariants
//!
//! - Nothing is kept, and nothing handed on, before its size and its digest are what was asked for.
//! - No body is read further than what it may have; no credential goes to a host that it does not belong to.
//! - Nothing here runs a plugin, prints, or reads the environment.

mod reference;

pub use reference::{Reference, ReferenceError, Repository};
