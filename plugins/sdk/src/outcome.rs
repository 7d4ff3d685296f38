//! How a step ends.

use crate::Error;
use crate::bindings::exports::sealock::step::step;

/// How a step ended, when it could do what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did it.
    Success,
    /// There was nothing to do, and why.
    Skipped(String),
    /// It ran and says no: a failed test, a missed threshold.
    Failed(String),
}

impl Outcome {
    /// Success when `good`, else a failure with what `why` says.
    pub fn require(good: bool, why: impl FnOnce() -> String) -> Self {
        if good { Self::Success } else { Self::Failed(why()) }
    }

    /// A failure with this reason.
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }
}

impl From<Outcome> for step::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Self::Success,
            Outcome::Skipped(why) => Self::Skipped(why),
            Outcome::Failed(why) => Self::Failed(why),
        }
    }
}

/// What a step's function may return.
pub trait IntoOutcome {
    /// The outcome, or why there is none.
    ///
    /// # Errors
    ///
    /// What the step itself returned.
    fn into_outcome(self) -> Result<Outcome, Error>;
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Result<Outcome, Error> {
        Ok(self)
    }
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Result<Outcome, Error> {
        Ok(Outcome::Success)
    }
}

impl<T: IntoOutcome, E: Into<Error>> IntoOutcome for Result<T, E> {
    fn into_outcome(self) -> Result<Outcome, Error> {
        self.map_err(Into::into)?.into_outcome()
    }
}

/// How far an effect got, as `probe` found it.
pub use crate::effect_bindings::exports::sealock::step::effect::State as EffectState;
