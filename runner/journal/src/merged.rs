//! A run as its sinks saw it: the journal and the log file in one order.

use std::iter::Peekable;

use sealock_events::Event;

use crate::{Events, Journal, LogLines, ReadError};

/// Events by `(seq, sub)`. What cannot be read comes as an error in its place.
pub struct Merged<'j> {
    journal: Peekable<Events<'j>>,
    log: Peekable<LogLines>,
}

impl Journal {
    /// All of `run`, transient events too, in the order in which they happened. A last line of the log that was
    /// torn by a power cut is left out.
    ///
    /// # Errors
    ///
    /// When there is no such run, or its log file cannot be opened.
    pub fn merged(&self, run: &str) -> Result<Merged<'_>, ReadError> {
        let journal = self.events(run)?.peekable();
        Ok(Merged { journal, log: LogLines::open(&self.state, run)?.peekable() })
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let place = |event: &Event| (event.seq, event.sub);
        let from_log = match (self.journal.peek(), self.log.peek()) {
            (Some(Ok(kept)), Some(Ok(line))) => place(line) < place(kept),
            // An error of the journal ends it: what the log has before it comes first.
            (Some(Err(_)), Some(_)) | (_, Some(Err(_))) | (None, _) => true,
            (Some(_), None) => false,
        };
        if from_log { self.log.next() } else { self.journal.next() }
    }
}
