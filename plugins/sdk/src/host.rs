//! What the SDK asks: the real host in a component, the test kit's fake in an author's own process.
//!
//! Both have the same functions and types, so that a step's code is the same in both.

#[cfg(target_family = "wasm")]
pub(crate) use crate::bindings::sealock::step::{
    containers, facts, inputs, lifecycle, log, outputs, process, secrets, secrets_reveal, targets,
};
#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::testing::fake::{
    containers, facts, inputs, lifecycle, log, outputs, process, secrets, secrets_reveal, targets,
};
