//! Targets, switched batch by batch.

use sealock_sdk::Error;

use crate::fleet::Fleet;

/// Something that stands for a target.
pub trait Named {
    /// The target's name.
    fn name(&self) -> &str;
}

/// Switches the targets of one batch, and gives what went wrong.
pub type Switch<'s, T> = &'s dyn Fn(&[T]) -> Result<Vec<String>, Error>;

/// Calls `switch` with `batch` targets at a time. Between two batches the stage's verifiers are asked about the one that
/// was switched. Gives the first problem; `switched` gets the names of all targets that `switch` was called with.
///
/// # Errors
///
/// What `switch` and the verifiers return.
pub fn in_batches<T: Named>(
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
