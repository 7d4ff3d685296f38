//! Where what steps tell goes.

use sealock_contract::StepName;
use sealock_contract::seam::Note;

/// Hears what steps tell: logs, annotations, outputs, of the sandbox and of what the broker runs for it.
/// Everything has passed the redactor.
pub trait NoteSink: Send + Sync {
    /// Takes a batch, in order. Called from many tasks, also inside an asynchronous one: it queues and
    /// returns.
    fn note(&self, step: &StepName, notes: Vec<Note>);
}
