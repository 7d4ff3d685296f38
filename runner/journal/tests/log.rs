//! The log file beside the journal, and both as one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod kit;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use kit::{journal_of, line, started};
use proptest::prelude::*;
use sealock_events::Event;
use sealock_journal::{Journal, RunLog};
use tempfile::tempdir;

fn places(state: &Path) -> Vec<Result<(u64, u64), &'static str>> {
    let journal = Journal::open(state).unwrap();
    let merged = journal.merged("01A").unwrap();
    merged.map(|event| event.map(|event| (event.seq, event.sub)).map_err(|error| error.code())).collect()
}

fn scribble(state: &Path, text: &str) {
    let path = state.join("runs/01A/log.jsonl");
    OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_torn_last_line_is_left_out_and_cut_off_before_the_next() {
    let state = tempdir().unwrap();
    drop(journal_of(state.path(), &["01A"], 2));
    let mut log = RunLog::open(state.path(), "01A").unwrap();
    log.append(&[line("01A", 1, 1), line("01A", 2, 1)]).unwrap();
    let whole = log.bytes();
    scribble(state.path(), r#"{"v":1,"seq":2,"sub":2,"ti"#);
    assert_eq!(places(state.path()), [Ok((1, 0)), Ok((1, 1)), Ok((2, 0)), Ok((2, 1))]);
    let mut log = RunLog::open(state.path(), "01A").unwrap();
    assert_eq!(log.bytes(), whole);
    log.append(&[line("01A", 2, 2)]).unwrap();
    assert_eq!(places(state.path()).last(), Some(&Ok((2, 2))));
}

#[test]
fn a_damaged_line_in_the_middle_is_told_and_the_rest_is_read() {
    let state = tempdir().unwrap();
    drop(journal_of(state.path(), &["01A"], 1));
    let mut log = RunLog::open(state.path(), "01A").unwrap();
    log.append(&[line("01A", 1, 1)]).unwrap();
    scribble(state.path(), "\0\0\0\0\n");
    RunLog::open(state.path(), "01A").unwrap().append(&[line("01A", 1, 2)]).unwrap();
    let expected = [Ok((1, 0)), Ok((1, 1)), Err("E-JOURNAL-DAMAGED"), Ok((1, 2))];
    assert_eq!(places(state.path()), expected);
}

#[test]
fn a_log_without_line_ends_fills_no_memory() {
    let state = tempdir().unwrap();
    drop(journal_of(state.path(), &["01A"], 1));
    drop(RunLog::open(state.path(), "01A").unwrap());
    scribble(state.path(), &"x".repeat(3 << 20));
    assert_eq!(places(state.path()), [Err("E-JOURNAL-DAMAGED"), Ok((1, 0))]);
    assert_eq!(RunLog::open(state.path(), "01A").unwrap().bytes(), 0);
}

#[test]
fn a_run_without_a_log_has_its_events() {
    let state = tempdir().unwrap();
    drop(journal_of(state.path(), &["01A"], 2));
    assert_eq!(places(state.path()), [Ok((1, 0)), Ok((2, 0))]);
    fs::create_dir_all(state.path().join("runs/01A/log.jsonl")).unwrap();
    assert_eq!(RunLog::open(state.path(), "01A").unwrap_err().code(), "E-DISK");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However lines fall between events and however both are grouped, reading gives the order of telling.
    #[test]
    fn what_is_read_is_what_was_told(lines in prop::collection::vec(0_u64..5, 1..40), group in 1_usize..9) {
        let state = tempdir().unwrap();
        let mut journal = Journal::open(state.path()).unwrap();
        journal.begin(&kit::head("01A")).unwrap();
        let mut log = RunLog::open(state.path(), "01A").unwrap();
        let mut told: Vec<Event> = Vec::new();
        for (seq, lines) in (1..).zip(&lines) {
            told.push(started("01A", seq));
            told.extend((1..=*lines).map(|sub| line("01A", seq, sub)));
        }
        for group in told.chunks(group) {
            journal.commit(group.iter().filter(|event| event.sub == 0)).unwrap();
            log.append(group.iter().filter(|event| event.sub > 0)).unwrap();
        }
        let read: Vec<Event> = journal.merged("01A").unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(read, told);
    }
}
