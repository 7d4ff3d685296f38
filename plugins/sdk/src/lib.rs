//! Write a Sealock step in Rust.
//!
//! A step is a function from typed inputs to an [`Outcome`]. The struct of its inputs describes them in the
//! manifest; `plugin.toml` beside `Cargo.toml` says the name, the version, the world, and what the step asks for.
//!
//! ```no_run
//! use sealock_sdk::{Inputs, Outcome, Outputs, Step, WorkspacePath, step};
//!
//! #[derive(Inputs)]
//! struct LineGate {
//!     /// The file whose lines are counted.
//!     file: WorkspacePath,
//!     /// Fewest lines.
//!     #[input(default = 1, range = 0..)]
//!     minimum: u64,
//! }
//!
//! #[derive(Outputs)]
//! struct Counted {
//!     /// The lines found.
//!     lines: u64,
//! }
//!
//! # macro_rules! ignore { ($($t:tt)*) => {} } ignore! {
//! #[step(outputs = Counted)]
//! # }
//! fn run(inputs: LineGate, step: &mut Step) -> Result<Outcome, sealock_sdk::Error> {
//!     let lines = std::fs::read_to_string(&inputs.file)?.lines().count() as u64;
//!     step.outputs(&Counted { lines })?;
//!     Ok(Outcome::require(lines >= inputs.minimum, || format!("found {lines} lines, expected {}", inputs.minimum)))
//! }
//! ```
//!
//! Files are `std::fs` below `/workspace` and `/tmp`; [`http`] is what the manifest's `requests` and the author's
//! `allow` reach; everything else goes through [`process`], [`containers`], [`targets`], and [`secrets`]. What was
//! not granted answers an [`Error`] of the kind `Denied` that names the line which would grant it.

#[allow(unused_extern_crates, reason = "the macros name the crate, also in its own documentation")]
extern crate self as sealock_sdk;

pub mod bindings;
pub mod containers;
pub mod effect_bindings;
pub mod export;
pub mod http;
pub mod image;
pub mod input;
pub mod process;
pub mod secrets;
pub mod targets;

#[cfg(not(target_family = "wasm"))]
pub mod testing;

mod error;
mod host;
mod outcome;
mod step;
mod value;
mod workspace;

pub use error::{Error, ErrorKind};
pub use input::{Digest, ImageId, Inputs, Json, Secret, SecretMap, Size, TargetName, WorkspacePath};
pub use outcome::{EffectState, IntoOutcome, Outcome};
pub use sealock_sdk_macros::{Inputs, Outputs, step};
pub use step::{Annotation, Group, Level, Outputs, Step};
pub use value::Value;
pub use workspace::{temporary, workspace};
