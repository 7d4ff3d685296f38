//! Between the words of `step.wit` and those of the contract.

use sealock_contract::grant::{Capability, denied};
use sealock_contract::seam::{Exit, Level, Release, ReleaseState, Stdio};
use sealock_contract::{Digest, ErrorKind, StepError, Value};

use crate::bindings::sealock::step::{base, log, process, targets};
use crate::notes::truncate;

/// Longest text of an error or a reason: what a guest says of itself must not fill a journal.
pub(crate) const REASON_BYTES: usize = 64 << 10;
/// Details of an error.
const DETAILS: usize = 100;

impl From<StepError> for base::Error {
    fn from(error: StepError) -> Self {
        let StepError { kind, code, message, help, retryable, details } = error;
        Self { kind: kind.into(), code, message, help, retryable, details }
    }
}

impl From<base::Error> for StepError {
    fn from(error: base::Error) -> Self {
        let base::Error { kind, mut code, mut message, mut help, retryable, mut details } = error;
        truncate(&mut code, 100);
        truncate(&mut message, REASON_BYTES);
        details.truncate(DETAILS);
        help.iter_mut().chain(details.iter_mut().flat_map(|(name, value)| [name, value])).for_each(|text| {
            truncate(text, REASON_BYTES);
        });
        Self { kind: kind.into(), code, message, help, retryable, details }
    }
}

/// Two enums with the same names.
macro_rules! same {
    ($left:path, $right:path, [$($name:ident),*]) => {
        impl From<$left> for $right {
            fn from(value: $left) -> Self {
                match value {
                    $(<$left>::$name => Self::$name),*
                }
            }
        }

        impl From<$right> for $left {
            fn from(value: $right) -> Self {
                match value {
                    $(<$right>::$name => Self::$name),*
                }
            }
        }
    };
}

same!(ErrorKind, base::ErrorKind, [Denied, NotFound, Invalid, Timeout, Cancelled, Quota, Io, Remote, Failed, Other]);
same!(Level, log::Level, [Trace, Debug, Info, Notice, Warning, Error]);
same!(ReleaseState, targets::ReleaseState, [Switching, Verified, RolledBack, Failed]);

impl From<Value> for base::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(text),
            Value::Flag(flag) => Self::Flag(flag),
            Value::Integer(number) => Self::Integer(number),
            Value::Number(number) => Self::Number(number),
            Value::Items(items) => Self::Items(items),
            Value::Json(json) => Self::Json(json),
        }
    }
}

impl From<base::Value> for Value {
    fn from(value: base::Value) -> Self {
        match value {
            base::Value::Text(text) => Self::Text(text),
            base::Value::Flag(flag) => Self::Flag(flag),
            base::Value::Integer(number) => Self::Integer(number),
            base::Value::Number(number) => Self::Number(number),
            base::Value::Items(items) => Self::Items(items),
            base::Value::Json(json) => Self::Json(json),
        }
    }
}

impl From<process::Stdio> for Stdio {
    fn from(stdio: process::Stdio) -> Self {
        match stdio {
            process::Stdio::Discard => Self::Discard,
            process::Stdio::Log => Self::Log,
            process::Stdio::Capture => Self::Capture,
            process::Stdio::File(path) => Self::File(path),
        }
    }
}

impl From<Exit> for process::Exit {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Code(code) => Self::Code(code),
            Exit::Signal(signal) => Self::Signal(signal),
        }
    }
}

impl From<Release> for targets::Release {
    fn from(release: Release) -> Self {
        let Release { id, run, created_ms, state, images, details } = release;
        let images = images.into_iter().map(|(name, digest)| (name, digest.to_string())).collect();
        Self { id, run, created_ms, state: state.into(), images, details }
    }
}

/// Digests that a guest named.
pub(crate) fn digests(images: Vec<(String, String)>) -> Result<Vec<(String, Digest)>, StepError> {
    let digest = |text: String| {
        text.parse::<Digest>().map_err(|error| StepError::new(ErrorKind::Invalid, "E-DIGEST", error.to_string()))
    };
    images.into_iter().map(|(name, text)| Ok((name, digest(text)?))).collect()
}

/// The denial of everything that a hermetic step asks for.
pub(crate) fn hermetic_denial(capability: Capability, what: &str) -> StepError {
    let mut error = denied(capability, what, "");
    error.message = format!("{} {what} is not for a hermetic step", capability.word());
    error.help = Some("the plugin's `world` would have to be `sealock:step/full-step@0.1.0`".to_owned());
    error
}

/// The error of an interface that comes with a later version.
pub(crate) fn not_yet(interface: &str) -> base::Error {
    StepError::new(ErrorKind::Other, "E-NOT-YET", format!("the interface `{interface}` is not built yet")).into()
}

/// The error of a broker that answered something else than what was asked for.
pub(crate) fn strange_answer(asked: &str) -> StepError {
    StepError::new(ErrorKind::Other, "E-BROKER-ANSWER", format!("the broker's answer to {asked} makes no sense"))
}
