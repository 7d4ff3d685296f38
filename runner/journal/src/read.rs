//! Reading runs.

use rusqlite::{OptionalExtension as _, Row, params};
use sealock_events::{Event, RunResult, Timestamp};

use crate::chain::{self, Hash};
use crate::commit::number;
use crate::{ChainBreak, Journal, RunHead, log};

/// Records that are fetched at once.
const PAGE_EVENTS: usize = 512;
/// Newest runs whose last record is verified whenever a journal is opened.
const TAILS: usize = 8;
/// Matches of a prefix that are named.
const SHOWN_MATCHES: usize = 5;

/// One run, as `sealock runs` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// The run.
    pub run: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// Its file.
    pub file: String,
    /// The commit.
    pub commit: Option<String>,
    /// The plan's digest.
    pub plan_digest: String,
    /// When it started.
    pub started: Timestamp,
    /// How it ended; `None` when it has not: it runs, or was killed (who holds its folder's lock says which).
    pub result: Option<RunResult>,
    /// What the process exited with.
    pub exit: Option<u8>,
    /// Wall time in milliseconds.
    pub duration_ms: Option<u64>,
    /// How many events it has.
    pub events: u64,
}

/// Why a run could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No run has this name, or begins so.
    #[error("there is no run `{name}`")]
    Unknown {
        /// As it was asked for.
        name: String,
    },
    /// Several begin so.
    #[error("`{name}` is the beginning of several runs: {}", matches.join(", "))]
    Ambiguous {
        /// As it was asked for.
        name: String,
        /// Some of them, newest first.
        matches: Vec<String>,
    },
    /// It is not what was written.
    #[error(transparent)]
    Chain(#[from] ChainBreak),
    /// A record is none that this version knows.
    #[error("event {seq} of run `{run}` is not one that this Sealock knows")]
    Record {
        /// The run.
        run: String,
        /// The event.
        seq: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// A line of the log file, not the last, is damaged. Reading can go on after it.
    #[error("line {line} of the log of run `{run}` is damaged")]
    LogLine {
        /// The run.
        run: String,
        /// From 1.
        line: u64,
    },
    /// The log file cannot be read.
    #[error("failed to read the log of run `{run}`")]
    Log {
        /// The run.
        run: String,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite could not read the file.
    #[error("the journal cannot be read")]
    Sqlite(#[from] rusqlite::Error),
}

impl ReadError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "E-RUN-UNKNOWN",
            Self::Ambiguous { .. } => "E-RUN-AMBIGUOUS",
            Self::Chain(_) => "E-JOURNAL-CHAIN",
            Self::Record { .. } | Self::LogLine { .. } | Self::Sqlite(_) => "E-JOURNAL-DAMAGED",
            Self::Log { source, .. } => crate::commit::disk_code(source),
        }
    }

    /// What to do, when that is known.
    pub fn help(&self) -> Option<&'static str> {
        crate::examine::help(self.code())
    }
}

const SUMMARY: &str = "SELECT run, pipeline, file, commit_id, plan_digest, started_ms, result, exit, duration_ms,
    last_seq FROM runs";

impl Journal {
    /// Runs, newest first.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunSummary>, ReadError> {
        let mut query = self.connection.prepare_cached(&format!("{SUMMARY} ORDER BY id DESC LIMIT ?1"))?;
        let rows = query.query_map([number(limit as u64)], summary)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The run called `name`, or the only one that begins so, in any case; `latest` is the newest.
    ///
    /// # Errors
    ///
    /// When there is none, or more than one.
    pub fn run(&self, name: &str) -> Result<RunSummary, ReadError> {
        let unknown = || ReadError::Unknown { name: name.to_owned() };
        if name == "latest" {
            return self.runs(1)?.pop().ok_or_else(unknown);
        }
        if name.is_empty() {
            return Err(unknown());
        }
        let text = format!(
            "{SUMMARY} WHERE substr(upper(run), 1, length(?1)) = upper(?1) ORDER BY run = ?1 DESC, id DESC LIMIT ?2"
        );
        let mut query = self.connection.prepare_cached(&text)?;
        let rows = query.query_map(params![name, number(SHOWN_MATCHES as u64)], summary)?;
        let mut found: Vec<RunSummary> = rows.collect::<rusqlite::Result<_>>()?;
        let is_one = found.len() == 1 || found.first().is_some_and(|first| first.run == name);
        match found.len() {
            0 => Err(unknown()),
            _ if is_one => Ok(found.swap_remove(0)),
            _ => {
                let matches = found.into_iter().map(|run| run.run).collect();
                Err(ReadError::Ambiguous { name: name.to_owned(), matches })
            }
        }
    }

    /// The plan of `run` as JSON, after checking that it is the one that the run began with.
    ///
    /// # Errors
    ///
    /// When there is no such run, or its head does not verify.
    pub fn plan(&self, run: &str) -> Result<String, ReadError> {
        let mut events = self.events(run)?;
        if let Some(first) = events.next() {
            first?;
        }
        Ok(self.head(run)?.head.plan_json)
    }

    /// The events of `run` in order, as far as they are when this is called. Each is verified as it is read: the
    /// first that does not verify is an error with its place, and the last item.
    ///
    /// # Errors
    ///
    /// When there is no such run.
    pub fn events(&self, run: &str) -> Result<Events<'_>, ReadError> {
        let stored = self.head(run)?;
        let hash = chain::of_head(&stored.head);
        let run = run.to_owned();
        Ok(Events { journal: self, run, seq: 0, hash, end: (stored.seq, stored.hash), page: Vec::new(), over: false })
    }

    /// Reads all of `run`; answers the number and hash of its last event.
    ///
    /// The log is written after the record is synced: one that speaks of a later event than the record has says that the
    /// record lost its end. It is looked at first, because a run that goes on writes both meanwhile.
    pub(crate) fn verify(&self, run: &str) -> Result<(u64, Hash), ReadError> {
        let logged = log::last_seq(&self.state, run);
        let mut events = self.events(run)?;
        for event in events.by_ref() {
            event?;
        }
        if let Some(logged) = logged.filter(|&logged| logged > events.seq) {
            let what = format!("event {}: the log goes on after the record's end", events.seq + 1);
            let (found, expected) = (format!("a record that ends at event {}", events.seq), format!("event {logged}"));
            return Err(broken(run, events.seq + 1, &what, found, expected));
        }
        Ok((events.seq, events.hash))
    }

    pub(crate) fn verify_tails(&self) -> Result<(), ReadError> {
        // One moment for all that is read: other processes go on committing.
        let _moment = self.connection.unchecked_transaction()?;
        for run in self.runs(TAILS)? {
            self.verify_tail(&run.run)?;
        }
        Ok(())
    }

    /// Only of a run with one event is the head read: plans can be large.
    fn verify_tail(&self, run: &str) -> Result<(), ReadError> {
        let (seq, hash) = self.tail(run)?;
        let last = seq.saturating_sub(1);
        let before = match last {
            0 => chain::of_head(&self.head(run)?.head),
            seq => self.page(run, seq - 1, 1)?.first().map_or(Hash::default(), |found| found.hash),
        };
        let expected = chain::hex(&hash);
        match self.page(run, last, 2)?.as_slice() {
            [only] => match chain::next(&before, &only.record) {
                next if next == hash && only.hash == hash => Ok(()),
                next => Err(broken(run, seq, "the last event was changed", chain::hex(&next), expected)),
            },
            [] => Err(broken(run, seq, "the last event is missing", "nothing".to_owned(), expected)),
            _ => {
                let what = "an event follows that was not committed";
                Err(broken(run, seq + 1, what, format!("event {}", seq + 1), "nothing".to_owned()))
            }
        }
    }

    fn tail(&self, run: &str) -> Result<(u64, Hash), ReadError> {
        let text = "SELECT last_seq, last_hash FROM runs WHERE run = ?1";
        let found =
            self.connection.prepare_cached(text)?.query_row([run], |row| Ok((unsigned(row.get(0)?), row.get(1)?)));
        found.optional()?.ok_or_else(|| ReadError::Unknown { name: run.to_owned() })
    }

    pub(crate) fn head(&self, run: &str) -> Result<StoredRun, ReadError> {
        // A plan that is gone makes a head that does not verify.
        let text = "SELECT runs.run, pipeline, file, commit_id, plan_digest, coalesce(plan, ''), started_ms, last_seq,
            last_hash FROM runs LEFT JOIN plans ON plans.run = runs.run WHERE runs.run = ?1";
        let found = self.connection.prepare_cached(text)?.query_row([run], stored).optional()?;
        found.ok_or_else(|| ReadError::Unknown { name: run.to_owned() })
    }

    pub(crate) fn page(&self, run: &str, after: u64, limit: usize) -> Result<Vec<StoredEvent>, ReadError> {
        let text = "SELECT seq, record, hash FROM events WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
        let mut query = self.connection.prepare_cached(text)?;
        let record =
            |row: &Row<'_>| Ok(StoredEvent { seq: unsigned(row.get(0)?), record: row.get(1)?, hash: row.get(2)? });
        let rows = query.query_map(params![run, number(after), number(limit as u64)], record)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

pub(crate) struct StoredRun {
    pub(crate) head: RunHead,
    pub(crate) seq: u64,
    pub(crate) hash: Hash,
}

pub(crate) struct StoredEvent {
    pub(crate) seq: u64,
    pub(crate) record: Vec<u8>,
    pub(crate) hash: Hash,
}

/// The events of one run, verified one by one.
pub struct Events<'j> {
    journal: &'j Journal,
    run: String,
    seq: u64,
    hash: Hash,
    end: (u64, Hash),
    /// The next records, last first.
    page: Vec<StoredEvent>,
    over: bool,
}

impl Iterator for Events<'_> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.advance();
        self.over = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

impl Events<'_> {
    fn advance(&mut self) -> Result<Option<Event>, ReadError> {
        if self.seq == self.end.0 {
            let what = "the last event is not the one that was committed";
            let whole = self.hash == self.end.1;
            return if whole { Ok(None) } else { Err(self.broken(what, chain::hex(&self.hash), &self.end.1)) };
        }
        if self.page.is_empty() {
            self.page = self.journal.page(&self.run, self.seq, PAGE_EVENTS)?;
            self.page.reverse();
        }
        let Some(found) = self.page.pop() else { return Err(self.missing("nothing".to_owned())) };
        if found.seq != self.seq + 1 {
            return Err(self.missing(format!("event {}", found.seq)));
        }
        let hash = chain::next(&self.hash, &found.record);
        if hash != found.hash {
            let what = if self.seq == 0 { "it, or the run's head, was changed" } else { "it was changed" };
            return Err(self.broken(what, chain::hex(&hash), &found.hash));
        }
        (self.seq, self.hash) = (found.seq, hash);
        let read = serde_json::from_slice(&found.record);
        read.map(Some).map_err(|source| ReadError::Record { run: self.run.clone(), seq: found.seq, source })
    }

    fn broken(&self, what: &str, found: String, expected: &Hash) -> ReadError {
        let seq = (self.seq + 1).min(self.end.0);
        broken(&self.run, seq, &format!("event {seq}: {what}"), found, chain::hex(expected))
    }

    fn missing(&self, found: String) -> ReadError {
        let seq = self.seq + 1;
        broken(&self.run, seq, &format!("event {seq}: it is missing"), found, format!("event {seq}"))
    }
}

fn broken(run: &str, seq: u64, what: &str, found: String, expected: String) -> ReadError {
    ChainBreak { run: run.to_owned(), seq, what: what.to_owned(), found, expected }.into()
}

fn summary(row: &Row<'_>) -> rusqlite::Result<RunSummary> {
    let result: Option<String> = row.get(6)?;
    Ok(RunSummary {
        run: row.get(0)?,
        pipeline: row.get(1)?,
        file: row.get(2)?,
        commit: row.get(3)?,
        plan_digest: row.get(4)?,
        started: Timestamp::from_unix_ms(row.get(5)?),
        result: result.and_then(|word| serde_json::from_value(word.into()).ok()),
        exit: row.get(7)?,
        duration_ms: row.get::<_, Option<i64>>(8)?.map(unsigned),
        events: unsigned(row.get(9)?),
    })
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredRun> {
    let head = RunHead {
        run: row.get(0)?,
        pipeline: row.get(1)?,
        file: row.get(2)?,
        commit: row.get(3)?,
        plan_digest: row.get(4)?,
        plan_json: row.get(5)?,
        started: Timestamp::from_unix_ms(row.get(6)?),
    };
    Ok(StoredRun { head, seq: unsigned(row.get(7)?), hash: row.get(8)? })
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}
