//! One step in one wasmtime store, linked only to what was granted.
//!
//! A component is [`inspect`]ed while planning, [`Compiler::compile`]d in a child process, [`Sandbox::load`]ed into a
//! [`Program`] once, and [`Sandbox::run`] any number of times. A host function is decode → ask → encode: it asks the
//! call's [`sealock_contract::seam::Desk`] and does nothing by itself.
//!
//! # Invariants
//!
//! - [`Sandbox::run`] always returns, at the latest when the step's time or its grace after a stop is over.
//! - One store a call, dropped afterwards; nothing of one call is seen by the next.
//! - Every interface is linked. What was not granted answers `denied`, is an event, and reaches no desk.
//! - Folders arrive as open descriptors. No path, environment, or current folder is read; no thread is started.
//! - Nothing here compiles in the path of a run.

mod bindings;
mod call;
mod capability;
mod compile;
mod componentize;
mod constant;
mod convert;
mod ending;
mod engine;
mod format;
mod go_runtime;
mod limit;
mod limiter;
mod link;
mod notes;
mod program;
mod run;
mod sandbox;
mod state;
mod stdio;
mod step_out;

pub use call::{Entry, Facts, StepCall, Workspace};
pub use compile::{CompileError, Compiler, compile_between};
pub use componentize::{componentize, is_core_module};
pub use engine::{Ticker, engine_config};
pub use format::{FormatError, Inspection, ProgramKind, embed_manifest, inspect, read_manifest};
pub use program::Program;
pub use sandbox::{Sandbox, SandboxError};
pub use tokio_util::sync::CancellationToken;
