//! One file per interface: decode, ask the desk, encode. No host function acts by itself.

#![expect(unreachable_pub, reason = "the generated traits name these types, and demand that they are public")]

pub(crate) mod artifacts;
pub(crate) mod cache;
pub(crate) mod containers;
pub(crate) mod facts;
pub(crate) mod file_watch;
pub(crate) mod files;
pub(crate) mod git;
pub(crate) mod http;
pub(crate) mod inputs;
pub(crate) mod lifecycle;
pub(crate) mod log;
pub(crate) mod outputs;
pub(crate) mod process;
pub(crate) mod reveal;
pub(crate) mod secrets;
pub(crate) mod targets;

use crate::bindings::sealock::step::base;
use crate::state::StepState;

impl base::Host for StepState {}
