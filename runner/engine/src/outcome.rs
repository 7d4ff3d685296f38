//! How a sandbox's outcome counts, and what the process would exit with for it.

use sealock_contract::seam::{Outcome, StopCause};
use sealock_contract::{ErrorKind, StepError};
use sealock_diagnostics::codes;
use sealock_events::Cause;

use crate::exit;
use crate::machine::Why;

/// The kind of end, its cause, and why there was nothing to do. A step that fails after it was `asked` to stop has
/// stopped.
pub(crate) fn judge(outcome: Outcome, asked: bool) -> (Why, Option<Cause>, Option<String>) {
    match outcome {
        Outcome::Failed(_) if asked => (Why::Cancelled, Some(cancelled()), None),
        Outcome::Success => (Why::Fine, None, None),
        Outcome::Skipped(why) => (Why::Fine, None, Some(why)),
        Outcome::Failed(message) => failed("E-STEP-FAILED", message),
        Outcome::Error(error) => (why_of(&error), Some(cause_of(error)), None),
        Outcome::Trapped(message) => {
            let cause = Cause {
                code: "E-PLUGIN-TRAP".into(),
                message: format!("the plugin trapped: {message}"),
                help: None,
                exit: exit::FAILED,
            };
            (Why::Trap, Some(cause), None)
        }
        Outcome::Stopped(StopCause::Limit { name, limit }) => {
            let why = if name.code() == "E-PLUGIN-TIMEOUT" { Why::Timeout } else { Why::Limit };
            let message = format!("the step hit its limit of {}: {limit}", name.word());
            let cause = Cause { code: name.code().into(), message, help: None, exit: exit::LIMIT };
            (why, Some(cause), None)
        }
        Outcome::Stopped(StopCause::Cancelled) => (Why::Cancelled, Some(cancelled()), None),
        Outcome::Lost { signal } => {
            let by = signal.map(|signal| format!(" by signal {signal}")).unwrap_or_default();
            let cause = Cause {
                code: "E-PLUGIN-LOST".into(),
                message: format!("the step's worker was ended{by}"),
                help: None,
                exit: exit::LIMIT,
            };
            (Why::Limit, Some(cause), None)
        }
    }
}

fn failed(code: &str, message: String) -> (Why, Option<Cause>, Option<String>) {
    (Why::Failure, Some(Cause { code: code.into(), message, help: None, exit: exit::FAILED }), None)
}

fn why_of(error: &StepError) -> Why {
    match error.kind {
        ErrorKind::Timeout => Why::Timeout,
        ErrorKind::Quota => Why::Limit,
        ErrorKind::Cancelled => Why::Cancelled,
        ErrorKind::Remote => Why::Remote,
        _ => Why::Failure,
    }
}

/// An error that a step returned; its exit code is its code's when that is one of ours, else its kind's.
pub(crate) fn cause_of(error: StepError) -> Cause {
    let by_kind = match error.kind {
        ErrorKind::Denied => exit::REFUSED,
        ErrorKind::Timeout | ErrorKind::Quota => exit::LIMIT,
        ErrorKind::Remote => exit::REMOTE,
        ErrorKind::Cancelled => exit::CANCELLED,
        _ => exit::FAILED,
    };
    let exit = codes::find(&error.code).map_or(by_kind, |code| code.exit);
    Cause { code: error.code, message: error.message, help: error.help, exit }
}

fn cancelled() -> Cause {
    Cause {
        code: "E-CANCELLED".into(),
        message: "the step was stopped because the run was".into(),
        help: None,
        exit: exit::CANCELLED,
    }
}
