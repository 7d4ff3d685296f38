//! Where the output of something that runs goes: through the redactor, then into the log, a capture, a
//! file of the workspace, or nowhere.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use sealock_contract::limits::LOG_LINE_BYTES;
use sealock_contract::seam::{Level, LimitName, Note, Refusal, Stdio};
use sealock_contract::{ErrorKind, StepError};
use sealock_secrets::RedactingStream;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::capture::Capture;
use crate::step::Step;

/// Read from a program at once; what the redactor likes.
const CHUNK_BYTES: usize = 64 << 10;

/// Takes one output stream of a program, a container, or a script.
///
/// Push chunks with [`write`](Self::write) and end with [`finish`](Self::finish), or hand it a reader with
/// [`drain`](Self::drain). An error means that a limit was hit or a file cannot be written: what produces
/// the stream is then to be killed, and the error is its end. Dropped early, it counts as finished.
pub struct OutputPump {
    step: Arc<Step>,
    /// `None` for a capture of a step that may reveal.
    stream: Option<RedactingStream>,
    destination: Destination,
    /// Reused between writes.
    out: Vec<u8>,
}

enum Destination {
    Nowhere,
    Log(Lines),
    Capture(Arc<Capture>),
    File(String, File),
}

impl OutputPump {
    /// For `to`, as a step asked for it.
    ///
    /// # Errors
    ///
    /// When `to` is a file that the step may not write, or that cannot be created.
    pub fn new(step: &Arc<Step>, to: &Stdio) -> Result<Self, Refusal> {
        let destination = match to {
            Stdio::Discard => Destination::Nowhere,
            Stdio::Log => Destination::Log(Lines::default()),
            Stdio::Capture => Destination::Capture(Capture::new(step.temporary())),
            Stdio::File(path) => Destination::File(path.clone(), step.create_file(path)?),
        };
        let reveals = step.grant().reveal && matches!(destination, Destination::Capture(_));
        let stream = (!reveals).then(|| step.redactor().stream());
        Ok(Self { step: step.clone(), stream, destination, out: Vec::new() })
    }

    /// The capture, for [`crate::Started`], when the step asked for one.
    pub fn capture(&self) -> Option<Arc<Capture>> {
        match &self.destination {
            Destination::Capture(capture) => Some(capture.clone()),
            _ => None,
        }
    }

    /// Whether nobody wants the output, so that it need not be produced at all.
    pub fn discards(&self) -> bool {
        matches!(self.destination, Destination::Nowhere)
    }

    /// Takes the next bytes. Blocks for no longer than a write to a file.
    ///
    /// # Errors
    ///
    /// `E-LIMIT-LOG`, `E-LIMIT-WRITTEN-BYTES`, `E-FILE-IO`.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        if self.discards() {
            return Ok(());
        }
        match &mut self.stream {
            None => self.out.extend_from_slice(bytes),
            Some(stream) => {
                stream.push(bytes, &mut self.out);
                stream.flush_safe(&mut self.out);
            }
        }
        self.deliver()
    }

    /// Gives out what the redactor still held: the stream is at its end.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn finish(mut self) -> Result<(), Refusal> {
        self.end()
    }

    /// Takes everything that `reader` gives.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write); reading stops there.
    pub async fn drain(mut self, mut reader: impl AsyncRead + Unpin) -> Result<(), Refusal> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            // A reader that fails is at its end: a terminal whose last writer is gone says EIO.
            match reader.read(&mut chunk).await {
                Ok(0) | Err(_) => return self.end(),
                Ok(length) => self.write(&chunk[..length])?,
            }
        }
    }

    fn end(&mut self) -> Result<(), Refusal> {
        if let Some(stream) = &mut self.stream {
            stream.finish(&mut self.out);
        }
        self.deliver()?;
        if let Destination::Log(lines) = &mut self.destination {
            let rest = lines.rest();
            return self.step.tell(rest.map(log_line).into_iter().collect());
        }
        Ok(())
    }

    fn deliver(&mut self) -> Result<(), Refusal> {
        let delivered = match &mut self.destination {
            Destination::Nowhere => Ok(()),
            Destination::Log(lines) => {
                lines.push(&self.out);
                let notes: Vec<Note> = lines.map(log_line).collect();
                if notes.is_empty() { Ok(()) } else { self.step.tell(notes) }
            }
            Destination::Capture(capture) => {
                self.step.count_written(self.out.len())?;
                capture.write(&self.out).map_err(|error| unwritable("what was captured", &error))
            }
            Destination::File(path, file) => {
                self.step.count_written(self.out.len())?;
                file.write_all(&self.out).map_err(|error| unwritable(path, &error))
            }
        };
        self.out.clear();
        delivered
    }
}

impl Drop for OutputPump {
    fn drop(&mut self) {
        let _ = self.end();
        if let Destination::Capture(capture) = &self.destination {
            capture.end();
        }
    }
}

fn log_line(message: String) -> Note {
    Note::Log { level: Level::Info, message }
}

fn unwritable(what: &str, error: &std::io::Error) -> Refusal {
    StepError::new(ErrorKind::Io, "E-FILE-IO", format!("`{what}` cannot be written: {error}"))
}

/// The refusal when a step told more than it may.
pub(crate) fn log_full(limit: u64) -> Refusal {
    StepError::new(ErrorKind::Quota, LimitName::Log.code(), format!("the step's log has reached its {limit} bytes"))
}

/// Bytes on their way to becoming lines of at most [`LOG_LINE_BYTES`].
#[derive(Default)]
pub(crate) struct Lines {
    buffer: Vec<u8>,
    at: usize,
}

impl Lines {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// What is left without a line end.
    pub(crate) fn rest(&mut self) -> Option<String> {
        let rest = self.buffer.split_off(self.at);
        self.buffer.clear();
        self.at = 0;
        (!rest.is_empty()).then(|| to_text(&rest))
    }
}

impl Iterator for Lines {
    type Item = String;

    /// The next whole line, or the next piece of one that is too long.
    fn next(&mut self) -> Option<String> {
        let waiting = &self.buffer[self.at..];
        let window = &waiting[..waiting.len().min(LOG_LINE_BYTES)];
        if let Some(end) = window.iter().position(|&byte| byte == b'\n') {
            let line = to_text(&waiting[..end]);
            self.at += end + 1;
            return Some(line);
        }
        if waiting.len() < LOG_LINE_BYTES {
            return None;
        }
        let end = piece_end(window);
        let piece = to_text(&waiting[..end]);
        self.at += end;
        Some(piece)
    }
}

/// Where to cut so that no character is cut in two, when there are characters at all.
fn piece_end(window: &[u8]) -> usize {
    let is_start = |&byte: &u8| byte & 0b1100_0000 != 0b1000_0000;
    let last_start = window.iter().rposition(is_start).unwrap_or(0);
    if last_start > 0 && window.len() - last_start < 4 { last_start } else { window.len() }
}

fn to_text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_without_their_ends() {
        let mut lines = Lines::default();
        lines.push(b"one\r\ntw");
        assert_eq!(lines.by_ref().collect::<Vec<_>>(), ["one"]);
        lines.push(b"o\n\nthree");
        assert_eq!(lines.by_ref().collect::<Vec<_>>(), ["two", ""]);
        assert_eq!(lines.rest().as_deref(), Some("three"));
        assert_eq!(lines.rest(), None);
    }

    #[test]
    fn a_line_without_an_end_is_split_between_characters() {
        let mut lines = Lines::default();
        let long = "a".repeat(LOG_LINE_BYTES - 1) + "é" + &"b".repeat(10);
        lines.push(long.as_bytes());
        let piece = lines.next().expect("a piece");
        assert_eq!(piece.len(), LOG_LINE_BYTES - 1);
        assert_eq!(lines.rest().expect("the rest"), "é".to_owned() + &"b".repeat(10));
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_anything() {
        let mut lines = Lines::default();
        lines.push(&vec![0x80; LOG_LINE_BYTES * 2]);
        lines.push(b"\n");
        assert!(lines.by_ref().count() >= 2);
        assert_eq!(lines.rest(), None);
    }
}
