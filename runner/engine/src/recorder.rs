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
//! - When the disk is full, the log ends and the journal goes on in its reserve: what is transient is neither kept nor
//!   shown from then on, and the driver hears of it, to end the run. A log that fails or is too long is the same.
//! - No text of an event holds a secret (`cleaning.rs`).
//! - When the journal fails, nothing more is shown, and everybody who waits hears of it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use sealock_events::{Event, EventKind, FanOut, Retired, Timestamp, VERSION};
use sealock_journal::{CommitError, FullDisk, Journal, RunLog};
use sealock_secrets::Vault;
use tokio::sync::{oneshot, watch};

use crate::cleaning::Cleaning;

/// Between two ticks of sinks that show elapsed time.
const TICK: Duration = Duration::from_millis(80);
/// Events of one group: a flood must not delay those who wait without end.
const GROUP_EVENTS_MAX: usize = 4_096;

/// Events that may wait to be written before those who print have to wait: some 20 MiB.
const WAITING_EVENTS_MAX: usize = 65_536;
/// Between two looks whether the flood has gone down.
const FLOOD_PAUSE: Duration = Duration::from_millis(1);

/// Why the record cannot be kept, or not all of it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct RecordError {
    /// The stable code.
    pub code: &'static str,
    /// What failed.
    pub message: String,
    /// What to do.
    pub help: Option<&'static str>,
}

/// What is kept of what is told.
#[derive(Clone, Debug)]
enum Keeping {
    /// All of it.
    All,
    /// The log has ended, most likely because the disk is full: then events go into the journal's reserve.
    Events { why: RecordError, is_log_whole: bool },
    /// Nothing: the run must not go on.
    Nothing(RecordError),
}

enum Message {
    Told {
        kind: EventKind,
        durable: Option<oneshot::Sender<Result<(), RecordError>>>,
    },
    /// Answered when everything before it is written, or could not be.
    Settle(oneshot::Sender<Result<(), RecordError>>),
    /// Nothing is told any more that anybody should see.
    End,
}

/// Where everything that happens is told. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Recorder {
    tell: Sender<Message>,
    keeping: watch::Receiver<Keeping>,
    /// Events that have been told and not been written.
    waiting: Arc<AtomicUsize>,
}

/// The thread behind a [`Recorder`].
pub(crate) struct Recording {
    tell: Sender<Message>,
    thread: JoinHandle<Vec<Retired>>,
}

impl Recorder {
    /// Starts the thread for `run`, whose last event, if it goes on, had the number `seq`.
    pub(crate) fn start(
        (run, seq): (String, u64),
        journal: Journal,
        log: RunLog,
        sinks: FanOut,
        vault: &Vault,
    ) -> (Self, Recording) {
        let (tell, told) = channel();
        let (keeps, keeping) = watch::channel(Keeping::All);
        let cleaning = Cleaning::new(vault);
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut writer = Writer { run, journal, log, sinks, cleaning, seq, sub: 0, keeps, waiting: waiting.clone() };
        let thread = std::thread::spawn(move || {
            writer.write_all(&told);
            writer.sinks.take_retired()
        });
        (Self { tell: tell.clone(), keeping, waiting }, Recording { tell, thread })
    }

    /// Tells what happened, without waiting.
    pub(crate) fn tell(&self, kind: EventKind) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.tell.send(Message::Told { kind, durable: None });
    }

    /// Tells what a step printed; waits while too much is waiting to be written, so that a flood fills a pipe and not
    /// the memory. To be called in a task.
    pub(crate) fn tell_in_turn(&self, kind: EventKind) {
        if self.waiting.load(Ordering::Relaxed) >= WAITING_EVENTS_MAX {
            tokio::task::block_in_place(|| {
                while self.waiting.load(Ordering::Relaxed) >= WAITING_EVENTS_MAX / 2 && self.failure().is_none() {
                    std::thread::sleep(FLOOD_PAUSE);
                }
            });
        }
        self.tell(kind);
    }

    /// Tells what happened and waits until it, and everything before it, is durable.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written: then nothing may be begun that it should know of.
    pub(crate) async fn commit(&self, kind: EventKind) -> Result<(), RecordError> {
        let (durable, done) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = self.tell.send(Message::Told { kind, durable: Some(durable) });
        match (sent, done.await) {
            (Ok(()), Ok(result)) => result,
            _ => Err(self.failure().unwrap_or_else(|| RecordError {
                code: "E-JOURNAL-WRITE",
                message: "the journal's writer has ended".to_owned(),
                help: None,
            })),
        }
    }

    /// Why the record could not be kept, when that happened.
    pub(crate) fn failure(&self) -> Option<RecordError> {
        match &*self.keeping.borrow() {
            Keeping::Nothing(error) => Some(error.clone()),
            Keeping::All | Keeping::Events { .. } => None,
        }
    }

    /// Waits until everything told so far is written, and says why lines of the log were lost, if any were.
    pub(crate) async fn settled(&self) -> Option<RecordError> {
        let (durable, done) = oneshot::channel();
        let _ = self.tell.send(Message::Settle(durable));
        let _ = done.await;
        match &*self.keeping.borrow() {
            Keeping::Events { why, is_log_whole: false } => Some(why.clone()),
            _ => None,
        }
    }

    /// Waits until the log has ended before the run, and says why.
    pub(crate) async fn log_ended(&self) -> RecordError {
        let mut keeping = self.keeping.clone();
        match keeping.wait_for(|keeping| matches!(keeping, Keeping::Events { .. })).await.as_deref() {
            Ok(Keeping::Events { why, .. }) => why.clone(),
            _ => std::future::pending().await,
        }
    }

    /// Waits until nothing can be recorded any more, and says why.
    pub(crate) async fn failed(&self) -> RecordError {
        let mut keeping = self.keeping.clone();
        match keeping.wait_for(|keeping| matches!(keeping, Keeping::Nothing(_))).await.as_deref() {
            Ok(Keeping::Nothing(error)) => error.clone(),
            _ => std::future::pending().await,
        }
    }
}

impl Recording {
    /// Waits until everything told so far is written and shown. What is told later by who still holds a [`Recorder`]
    /// is lost. Gives the sinks that failed.
    pub(crate) fn finish(self) -> Vec<Retired> {
        let _ = self.tell.send(Message::End);
        self.thread.join().unwrap_or_default()
    }
}

struct Writer {
    run: String,
    journal: Journal,
    log: RunLog,
    sinks: FanOut,
    cleaning: Cleaning,
    seq: u64,
    sub: u64,
    keeps: watch::Sender<Keeping>,
    waiting: Arc<AtomicUsize>,
}

impl Writer {
    fn write_all(&mut self, told: &Receiver<Message>) {
        loop {
            let next = match told.recv_timeout(TICK) {
                Ok(first) => self.group(first, told),
                Err(RecvTimeoutError::Timeout) => {
                    self.sinks.tick();
                    ControlFlow::Continue(())
                }
                Err(RecvTimeoutError::Disconnected) => ControlFlow::Break(()),
            };
            if next.is_break() {
                return;
            }
        }
    }

    fn group(&mut self, first: Message, told: &Receiver<Message>) -> ControlFlow<()> {
        let mut events = Vec::new();
        let mut waiting = Vec::new();
        let mut taken = 0;
        let mut next = Some(first);
        let mut after = ControlFlow::Continue(());
        while let Some(one) = next {
            match one {
                Message::Told { kind, durable } => {
                    waiting.extend(durable);
                    taken += 1;
                    events.push(self.number(kind));
                }
                Message::Settle(durable) => waiting.push(durable),
                Message::End => {
                    after = ControlFlow::Break(());
                    break;
                }
            }
            next = if events.len() < GROUP_EVENTS_MAX { told.try_recv().ok() } else { None };
        }
        let written = self.write(&mut events);
        if written.is_ok() {
            for event in &events {
                self.sinks.send(event);
            }
        }
        self.waiting.fetch_sub(taken, Ordering::Relaxed);
        for one in waiting {
            let _ = one.send(written.clone());
        }
        after
    }

    fn number(&mut self, kind: EventKind) -> Event {
        let kind = self.cleaning.clean(kind);
        if kind.is_transient() {
            self.sub += 1;
        } else {
            self.seq += 1;
            self.sub = 0;
        }
        let time = Timestamp::from_unix_ms(unix_ms());
        Event { v: VERSION, seq: self.seq, sub: self.sub, time, run: self.run.clone(), kind }
    }

    /// Makes events durable, and leaves those that are.
    fn write(&mut self, events: &mut Vec<Event>) -> Result<(), RecordError> {
        if let Keeping::Nothing(failure) = &*self.keeps.borrow() {
            return Err(failure.clone());
        }
        let journaled = events.iter().filter(|event| !event.kind.is_transient());
        self.journal.commit(journaled).map_err(|error| self.fail(&error))?;
        if self.journal.is_low() {
            self.end_log(&CommitError::LogFull(FullDisk::at(self.journal.state())));
        }
        if matches!(*self.keeps.borrow(), Keeping::All) {
            match self.log.append(events.iter().filter(|event| event.kind.is_transient())) {
                Ok(()) => return Ok(()),
                Err(error @ CommitError::Json(_)) => return Err(self.fail(&error)),
                Err(error) => self.end_log(&error),
            }
        }
        let told = events.len();
        events.retain(|event| !event.kind.is_transient());
        if events.len() < told {
            self.keeps.send_modify(|keeping| {
                if let Keeping::Events { is_log_whole, .. } = keeping {
                    *is_log_whole = false;
                }
            });
        }
        Ok(())
    }

    fn end_log(&self, error: &CommitError) {
        self.keeps.send_if_modified(|keeping| {
            let is_first = matches!(keeping, Keeping::All);
            if is_first {
                *keeping = Keeping::Events { why: told(error), is_log_whole: true };
            }
            is_first
        });
    }

    fn fail(&self, error: &CommitError) -> RecordError {
        let failure = told(error);
        self.keeps.send_replace(Keeping::Nothing(failure.clone()));
        failure
    }
}

fn told(error: &CommitError) -> RecordError {
    RecordError { code: error.code(), message: error.to_string(), help: error.help() }
}

/// Milliseconds since 1970, for people who read the record; nothing is decided by it.
pub(crate) fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
