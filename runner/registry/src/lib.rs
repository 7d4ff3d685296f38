//! Plugins of registries: a reference becomes verified bytes, and a component becomes something that others can refer to.
//!
//! [`Registry`] speaks to registries, [`Store`] keeps what was fetched, [`Lockfile`] says which bytes a reference stands for.
//!
//! # Invariants
//!
//! - Nothing is kept, and nothing handed on, before its size and its digest are what was asked for.
//! - No body is read further than what it may have; no credential goes to a host that it does not belong to.
//! - Nothing here runs a plugin, prints, or reads the environment.

mod artifact;
mod asks;
mod challenge;
mod component;
mod error;
mod fetch;
mod host;
mod json;
mod lists;
mod lockfile;
mod login;
mod patience;
mod publish;
mod reference;
mod refusal;
mod registry;
mod resolve;
pub mod signature;
mod store;
mod transport;
mod version;

pub use artifact::{Artifact, CREATED, DESCRIPTION, Descriptor, MANIFEST, TITLE, VERSION};
pub use asks::{Ask, Asks};
pub use component::{Fetching, Telling};
pub use error::RegistryError;
pub use lockfile::{LOCKFILE, Locked, Lockfile, LockfileError};
pub use login::{Login, Logins};
pub use patience::Patience;
pub use publish::{Publication, Published};
pub use reference::{Reference, ReferenceError, Repository};
pub use registry::{Registry, RegistrySettings};
pub use resolve::Resolved;
pub use store::{Incoming, Store, Verified};
pub use version::{Age, COOLDOWN, is_lower_version, is_whole_version};
