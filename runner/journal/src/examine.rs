//! What a journal is worth: every run read and verified, for `sealock doctor --journal`.

use crate::{ChainBreak, Journal, ReadError, RunSummary};

/// What was found of one run.
#[derive(Debug)]
pub struct Examined {
    /// The run.
    pub run: RunSummary,
    /// Why its record cannot be trusted from somewhere on.
    pub problem: Option<Problem>,
}

/// Where and why a run's record cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The stable code.
    pub code: &'static str,
    /// The place, and what is wrong there.
    pub at: ChainBreak,
}

/// What to do about a code, when an examination helps.
pub(crate) fn help(code: &str) -> Option<&'static str> {
    match code {
        "E-JOURNAL-CHAIN" | "E-JOURNAL-DAMAGED" => {
            Some("`sealock doctor --journal` shows where, and with `--export FILE` saves what can be read")
        }
        "E-JOURNAL-NEWER" => Some("use the newer Sealock, or another state directory: `--state DIR`"),
        "E-JOURNAL-NETWORK" => Some("point `--state` at a folder on a disk of this machine"),
        _ => None,
    }
}

impl Journal {
    /// Reads and verifies every run, newest first.
    ///
    /// # Errors
    ///
    /// When the list of runs cannot be read.
    pub fn examine(&self) -> Result<Vec<Examined>, ReadError> {
        let examined = self.runs(usize::MAX)?.into_iter().filter_map(|run| match self.verify(&run.run) {
            // It was removed meanwhile.
            Err(ReadError::Unknown { .. }) => None,
            verified => Some(Examined { problem: verified.err().map(|error| problem(&run, error)), run }),
        });
        Ok(examined.collect())
    }

    /// What is wrong with the file itself, in words, and which runs have events and no head; empty when it is sound.
    pub fn damage(&self) -> Vec<String> {
        let mut found = self.texts("PRAGMA integrity_check(5)");
        found.retain(|line| line != "ok");
        let headless = self.texts("SELECT DISTINCT run FROM events WHERE run NOT IN (SELECT run FROM runs)");
        found.extend(headless.into_iter().map(|run| format!("run {run} has events, and is not in the list of runs")));
        found
    }

    /// The first column of a query; why it failed, where it did.
    fn texts(&self, query: &str) -> Vec<String> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut query = self.connection.prepare(query)?;
            query.query_map([], |row| row.get(0))?.collect()
        };
        read().unwrap_or_else(|error| vec![error.to_string()])
    }
}

fn problem(run: &RunSummary, error: ReadError) -> Problem {
    let code = error.code();
    let at = match error {
        ReadError::Chain(at) => at,
        ReadError::Record { run, seq, source } => ChainBreak {
            run,
            seq,
            what: format!("event {seq}: this version cannot read it"),
            found: source.to_string(),
            expected: "an event".to_owned(),
        },
        other => ChainBreak {
            run: run.run.clone(),
            seq: 0,
            what: "its part of the file cannot be read".to_owned(),
            found: std::error::Error::source(&other).map_or_else(|| other.to_string(), ToString::to_string),
            expected: format!("{} events", run.events),
        },
    };
    Problem { code, at }
}
