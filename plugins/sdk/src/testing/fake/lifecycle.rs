//! `lifecycle`. Nobody waits: what is slept is taken off the time that remains.

use std::time::Duration;

use crate::testing::state::with;

pub(crate) fn is_cancelled() -> bool {
    with(|state| state.facts.is_cancelled)
}

pub(crate) fn remaining_ms() -> Option<u64> {
    with(|state| state.facts.remaining).map(|left| left.as_millis().try_into().unwrap_or(u64::MAX))
}

pub(crate) fn sleep_ms(duration: u64) {
    with(|state| {
        state.calls.push(format!("sleep {duration}"));
        state.facts.remaining = state.facts.remaining.map(|left| left.saturating_sub(Duration::from_millis(duration)));
    });
}
