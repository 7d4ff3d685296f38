//! The stream as it is: one event a line.

use std::io::Write;

use sealock_events::{Event, Sink, SinkError};

/// Writes each event as one line of JSON and flushes it, so that a reader of a pipe is never behind.
///
/// A pipe that nobody reads any more retires it.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write + Send> JsonLines<W> {
    /// To `out`, which needs no buffer of its own.
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new() }
    }
}

impl<W: Write + Send> Sink for JsonLines<W> {
    fn name(&self) -> &'static str {
        "jsonl"
    }

    fn receive(&mut self, event: &Event) -> Result<(), SinkError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, event)?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)?;
        self.out.flush()?;
        Ok(())
    }
}
