//! Readers of a run.

use crate::Event;

/// Why a sink could not take an event.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Writing failed.
    #[error("could not write")]
    Write(#[from] std::io::Error),
    /// The event could not be put into the sink's form.
    #[error("could not write the event as JSON")]
    Json(#[from] serde_json::Error),
}

/// A sink that failed, once, with its reason.
#[derive(Debug)]
pub struct Retired {
    /// Its name.
    pub name: &'static str,
    /// Why.
    pub error: SinkError,
}

/// Receives a run, one event at a time, in order.
///
/// A sink describes the run and never changes it: it cannot stop a step, and its failure is reported
/// once and then ignored.
pub trait Sink: Send {
    /// The name used in messages about this sink, such as `jsonl`.
    fn name(&self) -> &'static str;

    /// Takes one event.
    ///
    /// # Errors
    ///
    /// An error retires this sink for the rest of the run; the other sinks go on.
    fn receive(&mut self, event: &Event) -> Result<(), SinkError>;

    /// Called a few times a second while nothing happens, for sinks that show elapsed time.
    ///
    /// # Errors
    ///
    /// As for [`Sink::receive`].
    fn tick(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}
