//! Standard output and error of a guest: log lines, never commands.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use sealock_contract::limits::LOG_LINE_BYTES;
use sealock_contract::seam::Level;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::notes::Notes;

/// What one write may carry.
const WRITE_BYTES: usize = 64 << 10;

/// One of the two streams. All clones share the line that has not ended yet.
#[derive(Clone)]
pub(crate) struct LogStream {
    notes: Notes,
    level: Level,
    line: Arc<Mutex<Vec<u8>>>,
}

impl LogStream {
    pub(crate) fn new(notes: Notes, level: Level) -> Self {
        Self { notes, level, line: Arc::default() }
    }

    fn take(&self, bytes: &[u8]) -> StreamResult<()> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            for piece in part.chunks(LOG_LINE_BYTES) {
                line.extend_from_slice(piece);
                if line.len() >= LOG_LINE_BYTES || line.last() == Some(&b'\n') {
                    self.tell(&mut line)?;
                }
            }
        }
        Ok(())
    }

    fn tell(&self, line: &mut Vec<u8>) -> StreamResult<()> {
        let ended = line.strip_suffix(b"\n").unwrap_or(line);
        let ended = ended.strip_suffix(b"\r").unwrap_or(ended);
        let told = self.notes.log(self.level, &String::from_utf8_lossy(ended));
        line.clear();
        told.map_err(|hit| StreamError::Trap(hit.into()))
    }

    /// Tells the line that never ended.
    pub(crate) fn finish(&self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if !line.is_empty() {
            // A full log has already been the reason of the step's end.
            let _ = self.tell(&mut line);
        }
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.take(bytes).map(|()| bytes.len()).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
