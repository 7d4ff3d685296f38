//! A checked pipeline, the manifests of its plugins, and the facts of the repository become a [`Plan`].
//!
//! [`plan`] resolves every plugin, expands matrices, checks inputs against manifests, and fixes what each
//! step may touch: request ∩ allow. What it cannot settle before the run is kept as the author wrote it,
//! and [`evaluate`] and [`inputs`] settle it, by the same rules, when the engine asks.
//!
//! # Invariants
//!
//! - No clock, no environment, no file: everything comes in by [`Request`].
//! - All problems are reported together, each at its place: [`review`] looks through files with errors, too.
//!   It gives no plan: a [`Plan`] comes from a [`Pipeline`](sealock_pipeline::Pipeline), and from nothing else.
//! - What has no value is told once; what rests on it is not told again.
//! - A grant that rests on an input rests only on what is known now; anything else stands in `allow`.

mod catalogue;
mod check;
mod containers;
mod deploys;
mod env;
mod environments;
pub mod evaluate;
mod frozen;
mod given;
mod grants;
pub mod inputs;
mod late;
pub mod matrix;
mod not_yet;
mod planner;
pub mod policy;
mod request;
mod scripts;
mod settled;
mod stages;
mod steps;
pub mod text;
mod titles;
mod told;
pub mod triggers;
mod trust;
mod typed;
mod unset;
mod written;

pub use catalogue::{Catalogue, CatalogueError, Wanted};
pub use deploys::{Refusal, refuse_branch, refuse_dirty};
pub use frozen::*;
pub use not_yet::not_yet;
pub use planner::{Planned, environment, plan, review};
pub use policy::{Keep, Policy, PolicyError, RequiredSigner, SignatureRule};
pub use request::{Facts, Request, Review, Unset};
pub use steps::SHELL;
pub use trust::Trust;
