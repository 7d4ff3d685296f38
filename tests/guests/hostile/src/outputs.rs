//! Each hides the error and claims success.

use sealock_sdk::{Error, Outcome, Step, Value};

pub(crate) fn unknown(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    drop(step.output("undeclared", "x"));
    Ok(Outcome::Success)
}

pub(crate) fn wrong_type(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    drop(step.output("number", "seven"));
    Ok(Outcome::Success)
}

pub(crate) fn bad_json(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    drop(step.output("map", Value::Json("{\"open\": ".to_owned())));
    Ok(Outcome::Success)
}

pub(crate) fn huge(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    drop(step.output("text", "x".repeat(2 << 20)));
    Ok(Outcome::Success)
}

pub(crate) fn summary(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    step.summary(&"x".repeat(2 << 20))?;
    Ok(Outcome::Success)
}
