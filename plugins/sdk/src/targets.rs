//! Machines deployed to.
//!
//! The interfaces are the host's own; [`start`] gives a script the same face as a native program.

pub use crate::host::targets::{Release, ReleaseState, Script, Target};

use crate::Error;
use crate::host::targets;
use crate::process::Running;

/// The targets of this stage's environment, in the pipeline's order.
pub fn names() -> Vec<String> {
    targets::names()
}

/// Opens the target called `name`.
///
/// # Errors
///
/// Denied when it is not granted; remote when it cannot be reached.
pub fn open(name: &str) -> Result<Target, Error> {
    Ok(targets::open(name)?)
}

/// Runs the stage's verifying steps against these targets now.
///
/// # Errors
///
/// When one of them says no.
pub fn verify(names: &[String]) -> Result<(), Error> {
    Ok(targets::verify(names)?)
}

/// Starts `script`.
///
/// # Errors
///
/// Remote when the target cannot be reached.
pub fn start(script: &Script) -> Result<Running, Error> {
    Ok(Running::from_handle(script.start()?))
}
