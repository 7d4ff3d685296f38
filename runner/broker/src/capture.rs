//! What was captured of an output stream, until the step reads it.
//!
//! The first [`HOST_CALL_BYTES`] that nobody has read stay in memory; what comes on top goes to an unlinked
//! file, so that a program that prints much neither fills the memory nor waits for its reader.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealock_contract::limits::HOST_CALL_BYTES;
use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError};
use tokio::sync::Notify;

/// One captured stream; written by an [`crate::OutputPump`], read by the step.
pub struct Capture {
    folder: PathBuf,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    memory: VecDeque<u8>,
    spill: Option<Spill>,
    ended: bool,
}

struct Spill {
    file: File,
    read: u64,
    written: u64,
}

impl Capture {
    /// An empty one that puts what does not fit into memory below `folder`.
    pub(crate) fn new(folder: &Path) -> Arc<Self> {
        Arc::new(Self { folder: folder.to_owned(), state: Mutex::default(), changed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let room = HOST_CALL_BYTES.saturating_sub(state.memory.len());
        if state.spill.is_none() && bytes.len() <= room {
            state.memory.extend(bytes);
        } else {
            let spill = match &mut state.spill {
                Some(spill) => spill,
                none => none.insert(Spill { file: tempfile::tempfile_in(&self.folder)?, read: 0, written: 0 }),
            };
            spill.file.write_all_at(bytes, spill.written)?;
            spill.written += bytes.len() as u64;
        }
        self.changed.notify_waiters();
        Ok(())
    }

    pub(crate) fn end(&self) {
        self.state().ended = true;
        self.changed.notify_waiters();
    }

    /// At most `max` bytes that were not read before; waits for the first; empty at the end.
    ///
    /// # Errors
    ///
    /// `E-FILE-IO` when what did not fit into memory cannot be read back.
    pub async fn read(&self, max: usize) -> Result<Vec<u8>, Refusal> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(bytes) = self.take(max.min(HOST_CALL_BYTES))? {
                return Ok(bytes);
            }
            changed.await;
        }
    }

    /// `None` when there is nothing yet.
    fn take(&self, max: usize) -> Result<Option<Vec<u8>>, Refusal> {
        let mut state = self.state();
        if max == 0 {
            return Ok(Some(Vec::new()));
        }
        if !state.memory.is_empty() {
            let length = max.min(state.memory.len());
            return Ok(Some(state.memory.drain(..length).collect()));
        }
        if let Some(spill) = &mut state.spill {
            let bytes = spill.take(max).map_err(|error| unreadable(&error))?;
            if spill.read == spill.written {
                state.spill = None;
            }
            return Ok(Some(bytes));
        }
        Ok(state.ended.then(Vec::new))
    }
}

impl Spill {
    fn take(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.written - self.read).unwrap_or(usize::MAX);
        let mut bytes = vec![0; max.min(left)];
        self.file.read_exact_at(&mut bytes, self.read)?;
        self.read += bytes.len() as u64;
        Ok(bytes)
    }
}

fn unreadable(error: &io::Error) -> Refusal {
    StepError::new(ErrorKind::Io, "E-FILE-IO", format!("what was captured cannot be read back: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_into_memory_comes_back_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let capture = Capture::new(folder.path());
        let block = |byte: u8| vec![byte; HOST_CALL_BYTES / 2 + 1];
        for byte in 1..=4 {
            capture.write(&block(byte)).expect("written");
        }
        capture.end();
        let mut all = Vec::new();
        loop {
            let bytes = capture.read(1 << 20).await.expect("read");
            if bytes.is_empty() {
                break;
            }
            all.extend(bytes);
        }
        assert!(all == (1..=4).flat_map(block).collect::<Vec<_>>());
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0);
    }

    #[tokio::test]
    async fn reading_waits_for_the_first_bytes() {
        let capture = Capture::new(Path::new("/nonexistent"));
        let reader = tokio::spawn({
            let capture = capture.clone();
            async move { capture.read(10).await }
        });
        tokio::task::yield_now().await;
        capture.write(b"late").expect("in memory");
        assert_eq!(reader.await.expect("joined"), Ok(b"late".to_vec()));
    }
}
