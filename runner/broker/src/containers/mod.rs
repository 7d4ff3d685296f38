//! Images and containers, through the Docker engine.
//!
//! One [`Engine`] is the way to the engine. What a run has there belongs to a [`Scope`]: containers,
//! networks, and their volumes carry its label, and go when it does. Three callers stand on that:
//!
//! - [`ContainersHandler`] builds, pushes, and runs for steps, and checks the grant of each;
//! - [`StageContainer`] is a stage's `container`, and the [`Place`](crate::place::Place) of its programs;
//! - [`Services`] are a stage's `services`, started on a [`StageNetwork`] and waited for.
//!
//! Containers, networks, and look-ups go through `bollard`. Builds, pushes, and pulls are requests of our
//! own over the same socket (`wire`): a build with BuildKit needs a session that hands out the context
//! file by file and secrets from memory, which `bollard` does not offer, and a connection of its own dies
//! with the future that asked, which is how a build is cancelled.
//!
//! # Invariants
//!
//! - No step sees the engine's socket; no container is privileged, or gets new privileges, or a path of the
//!   host outside its workspace.
//! - Passwords go in headers to the engine, secrets of a build over its session, and nothing of either into
//!   a log, a label, an image, or an error.
//! - Nothing reads the environment: the engine's address is given.

mod again;
mod base;
mod build;
mod context;
mod dockerfile;
mod engine;
mod exec;
mod filesync;
mod handler;
mod host_config;
mod ignore;
mod label;
mod login;
mod pull;
mod push;
mod reap;
mod reference;
mod registry;
mod run;
mod scope;
mod services;
mod session;
mod stage;
mod sweep;
mod tarball;
mod trace;
mod wire;

pub use engine::Engine;
pub use handler::ContainersHandler;
pub use host_config::HostMount;
pub use reap::Reaped;
pub use reference::{ImageName, ImageNameError};
pub use scope::{Scope, StageNetwork};
pub use services::{Health, Port, Service, ServiceSpec, Services};
pub use stage::{StageContainer, StageContainerSpec};

/// Hears what a stage's containers have to tell while they start: pulls, waits. Not redacted.
pub type Tell<'a> = &'a (dyn Fn(String) + Send + Sync);
