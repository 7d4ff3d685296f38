//! The key of a step that changes targets.

use sealock_sdk::{Error, Step};

use crate::problem::invalid;

/// The same in every attempt, in `probe`, and in `rollback`.
///
/// # Errors
///
/// `E-DEPLOY-KEY` when the host gave none.
pub fn key(step: &Step) -> Result<String, Error> {
    step.idempotency_key().ok_or_else(|| invalid("E-DEPLOY-KEY", "the host gave no key for this step"))
}
