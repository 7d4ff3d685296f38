//! Writing one run.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use sealock_events::{Event, EventKind, Timestamp};
use serde::Deserialize;

use crate::chain::{self, Hash};
use crate::{FullDisk, Journal, ReadError};

/// What is true of a run from its start: bound into its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunHead {
    /// The run.
    pub run: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// Its file, relative to the repository.
    pub file: String,
    /// The commit, when there is one.
    pub commit: Option<String>,
    /// The plan's digest.
    pub plan_digest: String,
    /// The plan, as `sealock plan --format json` prints it.
    pub plan_json: String,
    /// When.
    pub started: Timestamp,
}

/// Where a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Everything is written, and nothing of it is on the disk for certain.
    BeforeSync,
    /// It is.
    AfterSync,
}

/// Who is told of commits: nobody but tests that end the process there.
#[derive(Default)]
pub(crate) struct Observer(Option<Box<dyn FnMut(Moment) + Send>>);

impl Observer {
    fn tell(&mut self, moment: Moment) {
        if let Some(observer) = &mut self.0 {
            observer(moment);
        }
    }
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Observer").field(&self.0.is_some()).finish()
    }
}

/// The run that is being written.
#[derive(Debug)]
pub(crate) struct Writing {
    run: String,
    /// Goes into the file with the first events.
    head: Option<RunHead>,
    seq: u64,
    hash: Hash,
}

/// Why events could not be made durable. After any of these but [`CommitError::Order`] nothing more is written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The disk is full, and the reserve is used.
    #[error("the journal cannot be written: {0}")]
    Full(FullDisk),
    /// It could not be written or synced.
    #[error("the journal cannot be written: {0}")]
    Write(#[source] rusqlite::Error),
    /// A write failed before: what is on the disk now is not known.
    #[error("the journal could not be written before, and is not tried again")]
    Failed,
    /// Another process wrote the same run.
    #[error("run `{run}` is written by another process")]
    Held {
        /// The run.
        run: String,
    },
    /// An event that is not the next one of the run that was begun.
    #[error("event {found} of run `{run}` is not the next one, {expected}")]
    Order {
        /// The run as the event has it.
        run: String,
        /// Its number.
        found: u64,
        /// The next number.
        expected: u64,
    },
    /// An event could not be put into JSON.
    #[error("an event could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The disk is full: there is no room for the run's log.
    #[error("the run's log cannot be written: {0}")]
    LogFull(FullDisk),
    /// The run's log file could not be written.
    #[error("the run's log file cannot be written: {0}")]
    Log(#[source] io::Error),
    /// The run's log file is as long as one may be.
    #[error("the run's log file has reached the limit of {limit} MiB")]
    LogLimit {
        /// In MiB.
        limit: u64,
    },
}

impl CommitError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full(_) => "E-JOURNAL-FULL",
            Self::LogFull(_) => "E-DISK-FULL",
            Self::Write(_) | Self::Failed | Self::Json(_) => "E-JOURNAL-WRITE",
            Self::Held { .. } => "E-RUN-HELD",
            Self::Order { .. } => "E-JOURNAL-ORDER",
            Self::Log(error) => disk_code(error),
            Self::LogLimit { .. } => "E-LIMIT-LOG",
        }
    }

    /// What to do, when that is known.
    pub fn help(&self) -> Option<&'static str> {
        matches!(self, Self::Full(_) | Self::LogFull(_)).then_some(FullDisk::HELP)
    }
}

pub(crate) fn disk_code(error: &io::Error) -> &'static str {
    if FullDisk::is_cause_of(error) { "E-DISK-FULL" } else { "E-DISK" }
}

impl Journal {
    /// Begins a run that is not in the journal yet. Its head goes in with its first events, in one commit.
    ///
    /// # Errors
    ///
    /// When there is a run of that name.
    pub fn begin(&mut self, head: &RunHead) -> Result<(), CommitError> {
        let known = "SELECT 1 FROM runs WHERE run = ?1";
        let found = self.connection.query_row(known, [&head.run], |_| Ok(())).optional();
        if found.map_err(|error| cause(error, &self.state))?.is_some() {
            return Err(CommitError::Held { run: head.run.clone() });
        }
        let (run, hash) = (head.run.clone(), chain::of_head(head));
        self.writing = Some(Writing { run, head: Some(head.clone()), seq: 0, hash });
        Ok(())
    }

    /// Has `observer` told of each commit from now on, in the thread that commits.
    pub fn observe(&mut self, observer: impl FnMut(Moment) + Send + 'static) {
        self.observer = Observer(Some(Box::new(observer)));
    }

    /// Goes on with a run, after verifying all of it; answers the number of its last event.
    ///
    /// # Errors
    ///
    /// When there is no such run, or it does not verify.
    pub fn go_on(&mut self, run: &str) -> Result<u64, ReadError> {
        let (seq, hash) = self.verify(run)?;
        self.writing = Some(Writing { run: run.to_owned(), head: None, seq, hash });
        Ok(seq)
    }

    /// Makes a group of events durable: all of them, or none. They are the next ones of the run that was begun;
    /// none is transient.
    ///
    /// When the disk is full the reserve is given up and the group tried once more: [`Journal::is_low`] says so.
    ///
    /// # Errors
    ///
    /// When they are not durable. What was committed before still is.
    pub fn commit<'e>(&mut self, events: impl IntoIterator<Item = &'e Event>) -> Result<(), CommitError> {
        let events: Vec<&Event> = events.into_iter().collect();
        if events.is_empty() {
            return Ok(());
        }
        if self.failed {
            return Err(CommitError::Failed);
        }
        let records = self.next_records(&events)?;
        let mut written = self.write(&events, &records);
        if matches!(written, Err(CommitError::Full(_))) && self.reserve.release() {
            written = self.write(&events, &records);
        }
        self.failed = written.is_err();
        written
    }

    /// Whether the disk was full and the reserve is used: nothing new should be started.
    pub fn is_low(&self) -> bool {
        self.reserve.is_released()
    }

    /// Each event as it is stored, with its place in the chain.
    fn next_records(&self, events: &[&Event]) -> Result<Vec<(Vec<u8>, Hash)>, CommitError> {
        let (run, mut seq, mut hash) = match &self.writing {
            Some(writing) => (writing.run.as_str(), writing.seq, writing.hash),
            None => ("", 0, Hash::default()),
        };
        let mut records = Vec::with_capacity(events.len());
        for event in events {
            seq += 1;
            if event.run != run || event.seq != seq || event.sub != 0 {
                return Err(CommitError::Order { run: event.run.clone(), found: event.seq, expected: seq });
            }
            let record = serde_json::to_vec(event)?;
            hash = chain::next(&hash, &record);
            records.push((record, hash));
        }
        Ok(records)
    }

    fn write(&mut self, events: &[&Event], records: &[(Vec<u8>, Hash)]) -> Result<(), CommitError> {
        let Some(writing) = &mut self.writing else { return Err(CommitError::Failed) };
        let state = &self.state;
        let cause = |error| cause(error, state);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(cause)?;
        if let Some(head) = &writing.head {
            insert_head(&transaction, head, &writing.hash).map_err(cause)?;
        }
        let seq = writing.seq + events.len() as u64;
        let hash = records.last().map_or(writing.hash, |(_, hash)| *hash);
        let moved = move_tail(&transaction, &writing.run, (writing.seq, &writing.hash), (seq, &hash)).map_err(cause)?;
        if !moved {
            return Err(CommitError::Held { run: writing.run.clone() });
        }
        insert_events(&transaction, events, records).map_err(cause)?;
        for event in events {
            note_end(&transaction, event).map_err(cause)?;
        }
        self.observer.tell(Moment::BeforeSync);
        transaction.commit().map_err(cause)?;
        self.observer.tell(Moment::AfterSync);
        (writing.head, writing.seq, writing.hash) = (None, seq, hash);
        Ok(())
    }
}

/// What a record says of itself on the wire, for people who look into the file.
#[derive(Default, Deserialize)]
struct Kind<'r> {
    #[serde(borrow)]
    kind: Cow<'r, str>,
}

pub(crate) fn cause(error: rusqlite::Error, state: &Path) -> CommitError {
    match FullDisk::behind(&error, state) {
        Some(full) => CommitError::Full(full),
        None => CommitError::Write(error),
    }
}

fn insert_head(connection: &Connection, head: &RunHead, hash: &Hash) -> rusqlite::Result<()> {
    let text = "INSERT INTO runs (run, pipeline, file, commit_id, plan_digest, started_ms, last_seq, last_hash)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7)";
    connection.prepare_cached(text)?.execute(params![
        head.run,
        head.pipeline,
        head.file,
        head.commit,
        head.plan_digest,
        head.started.unix_ms(),
        hash,
    ])?;
    let text = "INSERT INTO plans (run, plan) VALUES (?1, ?2)";
    connection.prepare_cached(text)?.execute(params![head.run, head.plan_json])?;
    Ok(())
}

fn insert_events(connection: &Connection, events: &[&Event], records: &[(Vec<u8>, Hash)]) -> rusqlite::Result<()> {
    let text = "INSERT INTO events (run, seq, kind, record, hash) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut insert = connection.prepare_cached(text)?;
    for (event, (record, hash)) in events.iter().zip(records) {
        let kind: Kind<'_> = serde_json::from_slice(record).unwrap_or_default();
        insert.execute(params![event.run, number(event.seq), kind.kind, record, hash])?;
    }
    Ok(())
}

/// Moves the run's end from where this writer left it; no when another moved it meanwhile.
fn move_tail(connection: &Connection, run: &str, from: (u64, &Hash), to: (u64, &Hash)) -> rusqlite::Result<bool> {
    let text = "UPDATE runs SET last_seq = ?4, last_hash = ?5 WHERE run = ?1 AND last_seq = ?2 AND last_hash = ?3";
    let values = params![run, number(from.0), from.1, number(to.0), to.1];
    Ok(connection.prepare_cached(text)?.execute(values)? == 1)
}

/// What `runs` lists of a run that is over.
fn note_end(connection: &Connection, event: &Event) -> rusqlite::Result<()> {
    if let EventKind::RunResumed { .. } = &event.kind {
        let text = "UPDATE runs SET result = NULL, exit = NULL, duration_ms = NULL WHERE run = ?1";
        connection.prepare_cached(text)?.execute([&event.run])?;
    }
    let EventKind::RunFinished { result, exit, duration_ms, .. } = &event.kind else { return Ok(()) };
    let result = serde_json::to_string(result).unwrap_or_default();
    let text = "UPDATE runs SET result = ?2, exit = ?3, duration_ms = ?4 WHERE run = ?1";
    let values = params![event.run, result.trim_matches('"'), exit, number(*duration_ms)];
    connection.prepare_cached(text)?.execute(values)?;
    Ok(())
}

/// SQLite's integers have a sign.
pub(crate) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
