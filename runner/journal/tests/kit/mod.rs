//! Events and journals to test with.

#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses its own part, and a test may panic")]

use std::path::Path;

use rusqlite::Connection;
use sealock_events::{Event, EventKind, LogLevel, RunResult, Timestamp, VERSION};
use sealock_journal::{ChainBreak, Journal, RunHead};

pub(crate) fn head(run: &str) -> RunHead {
    RunHead {
        run: run.to_owned(),
        pipeline: "blog".into(),
        file: "pipelines/blog.yml".into(),
        commit: Some("c0ffee".into()),
        plan_digest: "sha256:00".into(),
        plan_json: r#"{"stages":[]}"#.into(),
        started: Timestamp::from_unix_ms(1_700_000_000_000),
    }
}

pub(crate) fn event(run: &str, seq: u64, kind: EventKind) -> Event {
    Event { v: VERSION, seq, sub: 0, time: Timestamp::from_unix_ms(1_700_000_000_000), run: run.to_owned(), kind }
}

pub(crate) fn started(run: &str, seq: u64) -> Event {
    event(run, seq, EventKind::StageStarted { stage: format!("stage {seq}") })
}

pub(crate) fn finished(run: &str, seq: u64) -> Event {
    let kind =
        EventKind::RunFinished { result: RunResult::Failure, exit: 10, cause: None, duration_ms: 1_234, next: None };
    event(run, seq, kind)
}

pub(crate) fn line(run: &str, seq: u64, sub: u64) -> Event {
    let kind = EventKind::Log {
        stage: "test".into(),
        step: "1".into(),
        level: LogLevel::Info,
        text: format!("line {seq}.{sub}"),
    };
    Event { sub, ..event(run, seq, kind) }
}

/// A journal with `events` events of each run.
pub(crate) fn journal_of(state: &Path, runs: &[&str], events: u64) -> Journal {
    let mut journal = Journal::open(state).unwrap();
    for run in runs {
        journal.begin(&head(run)).unwrap();
        let all: Vec<Event> = (1..=events).map(|seq| started(run, seq)).collect();
        for group in all.chunks(3) {
            journal.commit(group).unwrap();
        }
    }
    journal
}

/// The file itself, as someone who tampers with it has it.
pub(crate) fn tamper(state: &Path, statement: &str) {
    let changed = Connection::open(state.join("journal.db")).unwrap().execute(statement, []).unwrap();
    assert_eq!(changed, 1, "{statement}");
}

/// Where the chains of runs do not hold, newest run first.
pub(crate) fn breaks(journal: &Journal) -> Vec<ChainBreak> {
    journal.examine().unwrap().into_iter().filter_map(|examined| examined.problem).map(|problem| problem.at).collect()
}
