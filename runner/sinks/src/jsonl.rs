//! The stream as it is: one event a line.

use std::io::Write;

use sealock_events::{Event, Sink, SinkError};

use crate::plain::GITHUB_COMMAND;

/// Writes each event as one line of JSON and flushes it, so that a reader of a pipe is never behind.
///
/// A pipe that nobody reads any more retires it.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
}

impl<W: Write + Send> JsonLines<W> {
    /// To `out`, which needs no buffer of its own.
    pub fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write + Send> Sink for JsonLines<W> {
    fn name(&self) -> &'static str {
        "jsonl"
    }

    fn receive(&mut self, event: &Event) -> Result<(), SinkError> {
        let mut line = serde_json::to_string(event)?;
        if line.contains(GITHUB_COMMAND) {
            // The same string for a reader of JSON, and nothing for one that looks for commands.
            line = line.replace(GITHUB_COMMAND, "#\\u0023[");
        }
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        self.out.flush()?;
        Ok(())
    }
}
