//! `facts`.

use crate::testing::state::with;

pub(crate) fn run() -> String {
    "01J00000000000000000000000".to_owned()
}

pub(crate) fn stage() -> String {
    "test".to_owned()
}

pub(crate) fn step() -> String {
    "step".to_owned()
}

pub(crate) fn attempt() -> u32 {
    with(|state| state.facts.attempt)
}

pub(crate) fn idempotency_key() -> Option<String> {
    with(|state| state.facts.key.clone())
}

pub(crate) fn environment() -> Option<String> {
    with(|state| state.facts.environment.clone())
}

pub(crate) fn release() -> Option<String> {
    with(|state| state.facts.release.clone())
}
