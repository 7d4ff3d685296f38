//! What the scenarios share: the built binary, the rig with its two targets and its registry, and scratch repositories.
//!
//! Everything here looks from outside: by `ssh` and `curl` of its own, never through Sealock. What goes wrong is a
//! panic with what was found: a scenario has nobody to hand an error to.

pub mod authority;
pub mod canary;
pub mod depot;
pub mod dice;
pub mod ended;
pub mod guests;
pub mod loopback;
pub mod program;
pub mod registry;
pub mod repository;
pub mod rig;
pub mod scratch;
pub mod sealock;
pub mod service;
pub mod target;
pub mod workflow;

pub use authority::Authority;
pub use depot::Depot;
pub use dice::Dice;
pub use ended::Ended;
pub use guests::guest;
pub use loopback::Loopback;
pub use registry::Registry;
pub use repository::Repository;
pub use rig::Rig;
pub use scratch::Scratch;
pub use sealock::{Running, Sealock};
pub use service::Killed;
pub use target::Target;
pub use workflow::Workflow;
