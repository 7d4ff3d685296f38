//! Makes events durable, then shows them.
//!
//! One thread takes everything that the engine and the steps tell, in order. It takes what has gathered,
//! commits it as one group, writes what is transient to the run's log file, hands all of it to the sinks, and
//! only then lets those go on who wait for a commit. While it commits, the next group gathers.
//!
//! # Invariants
//!
//! - Numbers are given in the order of telling: `seq` without gaps, `sub` after each.
//! - A sink sees an event only after it is in the journal or in the log file.
//! - When the journal fails, nothing more is shown, and everybody who waits hears of it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use sealock_events::{Event, EventKind, FanOut, Retired, Timestamp, VERSION};
use sealock_journal::{CommitError, Journal, RunLog};
use tokio::sync::oneshot;

/// Between two ticks of sinks that show elapsed time.
const TICK: Duration = Duration::from_millis(80);
/// Events of one group: a flood must not delay those who wait without end.
const GROUP_EVENTS_MAX: usize = 4_096;

/// Why the record cannot be kept: the run must not go on.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct RecordError {
    /// The stable code.
    pub code: &'static str,
    /// What failed.
    pub message: String,
}

struct Told {
    kind: EventKind,
    durable: Option<oneshot::Sender<Result<(), RecordError>>>,
}

/// Where everything that happens is told. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Recorder {
    tell: Sender<Told>,
    failure: Arc<Mutex<Option<RecordError>>>,
}

/// The thread behind a [`Recorder`].
pub(crate) struct Recording {
    thread: JoinHandle<(FanOut, Vec<Retired>)>,
}

impl Recorder {
    /// Starts the thread for `run`.
    pub(crate) fn start(run: String, journal: Journal, log: RunLog, sinks: FanOut) -> (Self, Recording) {
        let (tell, told) = channel();
        let failure = Arc::new(Mutex::new(None));
        let mut writer = Writer { run, journal, log, sinks, seq: 0, sub: 0, failure: failure.clone() };
        let thread = std::thread::spawn(move || {
            writer.write_all(&told);
            let retired = writer.sinks.take_retired();
            (writer.sinks, retired)
        });
        (Self { tell, failure }, Recording { thread })
    }

    /// Tells what happened, without waiting.
    pub(crate) fn tell(&self, kind: EventKind) {
        let _ = self.tell.send(Told { kind, durable: None });
    }

    /// Tells what happened and waits until it, and everything before it, is durable.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written: then nothing may be begun that it should know of.
    pub(crate) async fn commit(&self, kind: EventKind) -> Result<(), RecordError> {
        let (durable, done) = oneshot::channel();
        let sent = self.tell.send(Told { kind, durable: Some(durable) });
        match (sent, done.await) {
            (Ok(()), Ok(result)) => result,
            _ => Err(self.failure().unwrap_or_else(|| RecordError {
                code: "E-JOURNAL-WRITE",
                message: "the journal's writer has ended".to_owned(),
            })),
        }
    }

    /// Why the record could not be kept, when that happened.
    pub(crate) fn failure(&self) -> Option<RecordError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Recording {
    /// Waits until everything told is written and shown; every [`Recorder`] must be gone. Gives the sinks that
    /// failed.
    pub(crate) fn finish(self) -> Vec<Retired> {
        self.thread.join().map(|(_, retired)| retired).unwrap_or_default()
    }
}

struct Writer {
    run: String,
    journal: Journal,
    log: RunLog,
    sinks: FanOut,
    seq: u64,
    sub: u64,
    failure: Arc<Mutex<Option<RecordError>>>,
}

impl Writer {
    fn write_all(&mut self, told: &Receiver<Told>) {
        loop {
            match told.recv_timeout(TICK) {
                Ok(first) => self.group(first, told),
                Err(RecvTimeoutError::Timeout) => self.sinks.tick(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn group(&mut self, first: Told, told: &Receiver<Told>) {
        let mut events = Vec::new();
        let mut waiting = Vec::new();
        let mut next = Some(first);
        while let Some(one) = next {
            waiting.extend(one.durable);
            events.push(self.number(one.kind));
            next = if events.len() < GROUP_EVENTS_MAX { told.try_recv().ok() } else { None };
        }
        let written = self.write(&events);
        if written.is_ok() {
            for event in &events {
                self.sinks.send(event);
            }
        }
        for one in waiting {
            let _ = one.send(written.clone());
        }
    }

    fn number(&mut self, kind: EventKind) -> Event {
        if kind.is_transient() {
            self.sub += 1;
        } else {
            self.seq += 1;
            self.sub = 0;
        }
        let time = Timestamp::from_unix_ms(unix_ms());
        Event { v: VERSION, seq: self.seq, sub: self.sub, time, run: self.run.clone(), kind }
    }

    fn write(&mut self, events: &[Event]) -> Result<(), RecordError> {
        if let Some(failure) = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Err(failure);
        }
        let (transient, journaled): (Vec<_>, Vec<_>) = events.iter().partition(|event| event.kind.is_transient());
        let result = self.journal.commit(journaled).and_then(|()| self.log.append(transient));
        result.map_err(|error| self.fail(&error))
    }

    fn fail(&self, error: &CommitError) -> RecordError {
        let failure = RecordError { code: error.code(), message: error.to_string() };
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.clone());
        failure
    }
}

/// Milliseconds since 1970, for people who read the record; nothing is decided by it.
pub(crate) fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
