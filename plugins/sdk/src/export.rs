//! What the macros expand to; not for authors.

use crate::bindings::exports::sealock::step::step;
use crate::bindings::sealock::step::base;
use crate::{EffectState, Error, Inputs, IntoOutcome, Step};

/// Reads the inputs and runs the step.
///
/// # Errors
///
/// What the step returned.
pub fn run<I: Inputs, O: IntoOutcome>(function: fn(I, &mut Step) -> O) -> Result<step::Outcome, base::Error> {
    let outcome = I::read().and_then(|inputs| function(inputs, &mut Step::new()).into_outcome());
    outcome.map(Into::into).map_err(Error::into_base)
}

/// Reads the inputs and probes.
///
/// # Errors
///
/// What the probe returned.
pub fn probe<I: Inputs>(function: fn(I, &mut Step) -> Result<EffectState, Error>) -> Result<EffectState, base::Error> {
    I::read().and_then(|inputs| function(inputs, &mut Step::new())).map_err(Error::into_base)
}

/// Reads the inputs and rolls back.
///
/// # Errors
///
/// What the rollback returned.
pub fn rollback<I: Inputs>(function: fn(I, &mut Step) -> Result<(), Error>) -> Result<(), base::Error> {
    I::read().and_then(|inputs| function(inputs, &mut Step::new())).map_err(Error::into_base)
}

/// How many bytes `parts` have together.
pub const fn length(parts: &[&str]) -> usize {
    let (mut total, mut at) = (0, 0);
    while at < parts.len() {
        total += parts[at].len();
        at += 1;
    }
    total
}

/// `parts`, one after the other.
pub const fn join<const N: usize>(parts: &[&str]) -> [u8; N] {
    let (mut joined, mut to, mut at) = ([0; N], 0, 0);
    while at < parts.len() {
        let (part, mut from) = (parts[at].as_bytes(), 0);
        while from < part.len() {
            joined[to] = part[from];
            to += 1;
            from += 1;
        }
        at += 1;
    }
    joined
}
