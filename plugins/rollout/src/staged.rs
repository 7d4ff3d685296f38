//! Targets on which a release is staged, worked on together.

use sealock_sdk::{Error, Level};

use crate::fleet::{Fleet, Machine, Started};
use crate::problem::invalid;
use crate::script::Script;

/// A target on which a release is staged.
pub trait Staged {
    /// The target's name.
    fn name(&self) -> &str;
    /// The target.
    fn machine(&self) -> &dyn Machine;
    /// The release.
    fn release(&self) -> &str;
}

/// A script that runs on one of them.
pub struct Running<'t, T> {
    /// Where.
    pub target: &'t T,
    started: Box<dyn Started>,
}

impl<T: Staged> Running<'_, T> {
    /// Waits for its end: its exit code and standard output.
    ///
    /// # Errors
    ///
    /// When nobody knows how it ended, with the target's name.
    pub fn finish(&self) -> Result<(i32, String), Error> {
        self.started.finish().map_err(|error| error.while_doing(self.target.name()))
    }
}

/// Switches the targets of one batch, and gives what went wrong.
pub type Switch<'s, T> = &'s dyn Fn(&[T]) -> Result<Vec<String>, Error>;

/// The names of the stage's targets.
///
/// # Errors
///
/// `E-TARGET-NONE`.
pub fn target_names(fleet: &dyn Fleet) -> Result<Vec<String>, Error> {
    let names = fleet.names();
    if names.is_empty() {
        let error = invalid("E-TARGET-NONE", "this stage has no targets");
        return Err(error.help("give the stage an `environment` that has targets"));
    }
    Ok(names)
}

/// Moves `current` of these targets to their releases, one after the other.
///
/// # Errors
///
/// What the first target said that could not be switched; those before it are.
pub fn switch<'t, T: Staged + 't>(targets: impl IntoIterator<Item = &'t T>) -> Result<(), Error> {
    for target in targets {
        target.machine().switch_to(target.release()).map_err(|error| error.while_doing(target.name()))?;
    }
    Ok(())
}

/// Starts a script on each of these targets, without waiting for any.
///
/// # Errors
///
/// When one cannot be started.
pub fn start<'t, T: Staged>(
    targets: impl IntoIterator<Item = &'t T>,
    script: impl Fn(&T) -> Script,
) -> Result<Vec<Running<'t, T>>, Error> {
    let start = |target: &'t T| Ok(Running { target, started: target.machine().start(&script(target))? });
    targets.into_iter().map(start).collect()
}

/// Calls `switch` with `batch` targets at a time. Between two batches the stage's verifiers are asked about the one that
/// was switched. Gives the first problem; `switched` gets the names of all targets that `switch` was called with.
///
/// # Errors
///
/// What `switch` and the verifiers return.
pub fn in_batches<T: Staged>(
    fleet: &dyn Fleet,
    ready: &[T],
    batch: usize,
    switch: Switch<'_, T>,
    switched: &mut Vec<String>,
) -> Result<Option<String>, Error> {
    let batches: Vec<&[T]> = ready.chunks(batch.max(1)).collect();
    for (index, batch) in batches.iter().enumerate() {
        if fleet.is_cancelled() {
            return Ok(Some(format!("cancelled with {} of {} targets switched", switched.len(), ready.len())));
        }
        let names: Vec<String> = batch.iter().map(|ready| ready.name().to_owned()).collect();
        switched.extend(names.iter().cloned());
        let problems = switch(batch)?;
        if !problems.is_empty() {
            return Ok(Some(problems.join("\n")));
        }
        if index + 1 < batches.len() {
            fleet.verify(&names).map_err(|error| error.while_doing(format_args!("verifying {}", names.join(", "))))?;
        }
    }
    Ok(None)
}

/// Has old releases removed on all of these targets once the deployment is verified. Where that cannot be had, people are
/// told, and the deployment is what it is.
pub fn prune<T: Staged>(fleet: &dyn Fleet, targets: &[T], keep: u32) {
    for target in targets {
        if let Err(error) = target.machine().prune(keep) {
            fleet.tell(Level::Warning, &format!("{}: old releases will not be removed: {error}", target.name()));
        }
    }
}
