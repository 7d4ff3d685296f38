//! What a step tells, gathered into batches.
//!
//! # Invariants
//!
//! - Notes reach the desk in the order in which the step told them, also between log and standard output.
//! - A batch never waits behind a request: whoever asks the desk flushes first.
//! - Every byte that reaches the desk has been counted against the log's limit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealock_contract::limits::{ANNOTATIONS, LOG_LINE_BYTES};
use sealock_contract::seam::{Annotation, Desk, Level, LimitName, Note};

use crate::limit::LimitHit;

/// Notes of one batch.
const BATCH_NOTES: usize = 64;
/// Bytes of one batch.
const BATCH_BYTES: usize = 64 << 10;
/// What a note costs besides its text: ten million empty lines must not fill a queue.
const NOTE_BYTES: usize = 32;

/// The notes of one step. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct Notes {
    shared: Arc<Shared>,
}

struct Shared {
    desk: Arc<dyn Desk>,
    gathered: Mutex<Gathered>,
}

struct Gathered {
    batch: Vec<Note>,
    batch_bytes: usize,
    log_bytes: u64,
    log_limit: u64,
    annotations: usize,
}

impl Notes {
    pub(crate) fn new(desk: Arc<dyn Desk>, log_limit: u64) -> Self {
        let gathered = Gathered { batch: Vec::new(), batch_bytes: 0, log_bytes: 0, log_limit, annotations: 0 };
        Self { shared: Arc::new(Shared { desk, gathered: Mutex::new(gathered) }) }
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.shared.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One message, as lines; long lines are split.
    pub(crate) fn log(&self, level: Level, message: &str) -> Result<(), LimitHit> {
        message
            .split('\n')
            .flat_map(pieces)
            .try_for_each(|piece| self.charged(piece.len(), Note::Log { level, message: piece.to_owned() }))
    }

    /// An annotation; past the limit it is only counted.
    pub(crate) fn annotate(&self, mut annotation: Annotation) -> Result<(), LimitHit> {
        let mut gathered = self.gathered();
        gathered.annotations += 1;
        if gathered.annotations > ANNOTATIONS {
            return Ok(());
        }
        drop(gathered);
        truncate(&mut annotation.message, LOG_LINE_BYTES);
        self.charged(annotation.message.len(), Note::Annotation(annotation))
    }

    /// A note whose text counts as log.
    pub(crate) fn charged(&self, bytes: usize, note: Note) -> Result<(), LimitHit> {
        let mut gathered = self.gathered();
        gathered.log_bytes += (bytes + NOTE_BYTES) as u64;
        if gathered.log_bytes > gathered.log_limit {
            return Err(LimitHit::bytes(LimitName::Log, gathered.log_limit));
        }
        self.push(gathered, bytes, note);
        Ok(())
    }

    /// A note that has its own limit elsewhere.
    pub(crate) fn tell(&self, bytes: usize, note: Note) {
        self.push(self.gathered(), bytes, note);
    }

    fn push(&self, mut gathered: MutexGuard<'_, Gathered>, bytes: usize, note: Note) {
        gathered.batch.push(note);
        gathered.batch_bytes += bytes;
        if gathered.batch.len() >= BATCH_NOTES || gathered.batch_bytes >= BATCH_BYTES {
            self.send(gathered);
        }
    }

    /// Hands over what is gathered.
    pub(crate) fn flush(&self) {
        let gathered = self.gathered();
        if !gathered.batch.is_empty() {
            self.send(gathered);
        }
    }

    /// The lock is held while the desk queues: two threads must not swap their batches.
    fn send(&self, mut gathered: MutexGuard<'_, Gathered>) {
        gathered.batch_bytes = 0;
        let batch = std::mem::take(&mut gathered.batch);
        self.shared.desk.note(batch);
    }

    /// Says how many annotations were not kept, and hands over the rest.
    pub(crate) fn finish(&self) {
        let dropped = self.gathered().annotations.saturating_sub(ANNOTATIONS);
        if dropped > 0 {
            let message = format!("{dropped} more annotations were not kept; {ANNOTATIONS} are the most");
            self.tell(message.len(), Note::Log { level: Level::Warning, message });
        }
        self.flush();
    }
}

/// A line in pieces of at most [`LOG_LINE_BYTES`], cut between characters.
fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let cut = text.floor_char_boundary(LOG_LINE_BYTES);
        let (piece, after) = text.split_at(cut);
        rest = (!after.is_empty()).then_some(after);
        Some(piece)
    })
}

/// Cuts `text` to at most `bytes`, between characters.
pub(crate) fn truncate(text: &mut String, bytes: usize) {
    text.truncate(text.floor_char_boundary(bytes));
}
