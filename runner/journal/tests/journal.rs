//! What is written is there, and what was not written shows.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod kit;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use kit::{breaks, finished, head, journal_of, started, tamper};
use rusqlite::Connection;
use sealock_events::{Event, RunResult};
use sealock_journal::{Journal, ReadError, RunHead, RunLog, Salvaged};
use sha2::{Digest as _, Sha256};
use tempfile::tempdir;

#[test]
fn runs_are_listed_newest_first_with_how_they_ended() {
    let state = tempdir().unwrap();
    let mut journal = journal_of(state.path(), &["01A", "01B"], 4);
    journal.commit(&[finished("01B", 5)]).unwrap();
    let runs = Journal::open(state.path()).unwrap().runs(10).unwrap();
    assert_eq!(runs.iter().map(|run| run.run.as_str()).collect::<Vec<_>>(), ["01B", "01A"]);
    assert_eq!((runs[0].result, runs[0].exit, runs[0].duration_ms), (Some(RunResult::Failure), Some(10), Some(1_234)));
    assert_eq!((runs[1].result, runs[1].events), (None, 4));
    assert_eq!(journal.plan("01A").unwrap(), r#"{"stages":[]}"#);
}

#[test]
fn events_read_back_as_they_were() {
    let state = tempdir().unwrap();
    let journal = journal_of(state.path(), &["01A"], 1_500);
    let events: Result<Vec<Event>, _> = journal.events("01A").unwrap().collect();
    let expected: Vec<Event> = (1..=1_500).map(|seq| started("01A", seq)).collect();
    assert_eq!(events.unwrap(), expected);
}

#[test]
fn a_run_is_found_by_a_beginning_that_is_its_own() {
    let state = tempdir().unwrap();
    let journal = journal_of(state.path(), &["01ABC", "01ABD", "01AB", "02X"], 1);
    let found = |name: &str| journal.run(name).map(|run| run.run).map_err(|error| error.code());
    assert_eq!(found("latest"), Ok("02X".into()));
    assert_eq!(found("01abc"), Ok("01ABC".into()));
    assert_eq!(found("01AB"), Ok("01AB".into()), "the whole name beats a beginning");
    assert_eq!(found("01A"), Err("E-RUN-AMBIGUOUS"));
    assert_eq!(found("%"), Err("E-RUN-UNKNOWN"));
    assert_eq!(found(""), Err("E-RUN-UNKNOWN"));
    let ReadError::Ambiguous { matches, .. } = journal.run("01").unwrap_err() else { panic!() };
    assert_eq!(matches, ["01AB", "01ABD", "01ABC"]);
}

/// What reading the run says after `statement`, and what opening the journal says.
fn check_tampering(statement: &str) -> (u64, Option<&'static str>) {
    let state = tempdir().unwrap();
    drop(journal_of(state.path(), &["01A"], 9));
    tamper(state.path(), statement);
    let opened = Journal::open(state.path()).err().map(|error| error.code());
    let journal = Journal::open_unverified(state.path()).unwrap();
    let error = journal.events("01A").unwrap().find_map(Result::err).unwrap();
    let ReadError::Chain(broken) = &error else { panic!("{error}") };
    assert_eq!(breaks(&journal), std::slice::from_ref(broken));
    (broken.seq, opened)
}

#[test]
fn a_break_of_the_chain_shows_its_place() {
    let tail = Some("E-JOURNAL-CHAIN");
    assert_eq!(
        check_tampering("UPDATE events SET record = CAST(replace(record, 'e 4', 'e 5') AS BLOB) WHERE seq = 4"),
        (4, None)
    );
    assert_eq!(check_tampering("DELETE FROM events WHERE seq = 6"), (6, None));
    assert_eq!(check_tampering("UPDATE events SET hash = zeroblob(32) WHERE seq = 2"), (2, None));
    assert_eq!(check_tampering("UPDATE plans SET plan = '{}'"), (1, None));
    assert_eq!(check_tampering("UPDATE runs SET started_ms = 5"), (1, None));
    assert_eq!(check_tampering("DELETE FROM events WHERE seq = 9"), (9, tail));
    assert_eq!(check_tampering("UPDATE events SET record = x'00' WHERE seq = 9"), (9, tail));
    assert_eq!(check_tampering("UPDATE runs SET last_hash = zeroblob(32)"), (9, tail));
}

#[test]
fn an_event_that_was_added_at_the_end_is_refused_when_opening() {
    let state = tempdir().unwrap();
    drop(journal_of(state.path(), &["01A"], 2));
    tamper(state.path(), "INSERT INTO events SELECT run, 3, kind, record, hash FROM events WHERE seq = 2");
    assert_eq!(Journal::open(state.path()).unwrap_err().code(), "E-JOURNAL-CHAIN");
}

#[test]
fn one_broken_run_breaks_no_other() {
    let state = tempdir().unwrap();
    let journal = journal_of(state.path(), &["01A", "01B"], 5);
    tamper(state.path(), "DELETE FROM events WHERE run = '01A' AND seq = 3");
    assert!(journal.events("01B").unwrap().all(|event| event.is_ok()));
    let read = journal.events("01A").unwrap().flatten().count();
    assert_eq!(read, 2, "what stands before the break can still be saved");
}

#[test]
fn a_journal_of_a_newer_version_is_left_alone() {
    let state = tempdir().unwrap();
    drop(journal_of(state.path(), &["01A"], 1));
    let file = Connection::open(state.path().join("journal.db")).unwrap();
    file.pragma_update(None, "user_version", 3).unwrap();
    assert_eq!(Journal::open(state.path()).unwrap_err().code(), "E-JOURNAL-NEWER");
}

#[test]
fn a_journal_of_version_1_is_taken_along() {
    let state = tempdir().unwrap();
    drop(journal_of(state.path(), &["01A", "01B"], 2));
    let file = Connection::open(state.path().join("journal.db")).unwrap();
    file.execute_batch(
        "ALTER TABLE runs ADD COLUMN plan TEXT NOT NULL DEFAULT '';
        UPDATE runs SET plan = (SELECT plan FROM plans WHERE plans.run = runs.run);
        DROP TABLE plans;
        PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(file);
    let journal = Journal::open(state.path()).unwrap();
    assert_eq!((breaks(&journal), journal.runs(9).unwrap().len()), (vec![], 2));
    assert_eq!(journal.plan("01A").unwrap(), r#"{"stages":[]}"#);
}

#[test]
fn a_large_plan_makes_no_commit_slower_but_the_first() {
    let state = tempdir().unwrap();
    let mut journal = Journal::open(state.path()).unwrap();
    let plan_json = format!("\"{}\"", "x".repeat(32 << 20));
    journal.begin(&RunHead { plan_json, ..head("01A") }).unwrap();
    let start = Instant::now();
    journal.commit(&[started("01A", 1)]).unwrap();
    let (first, start) = (start.elapsed(), Instant::now());
    for seq in 2..=100 {
        journal.commit(&[started("01A", seq)]).unwrap();
    }
    let later = start.elapsed();
    assert!(later < first * 10, "the first commit took {first:?}, 99 more took {later:?}");
}

#[test]
fn a_file_that_is_no_journal_is_refused_and_kept() {
    let state = tempdir().unwrap();
    let text = "this is not a database\n".repeat(100);
    fs::write(state.path().join("journal.db"), &text).unwrap();
    assert_eq!(Journal::open(state.path()).unwrap_err().code(), "E-JOURNAL-DAMAGED");
    assert_eq!(fs::read_to_string(state.path().join("journal.db")).unwrap(), text);
}

#[test]
fn events_out_of_order_or_of_another_run_are_refused_and_the_next_is_taken() {
    let state = tempdir().unwrap();
    let mut journal = journal_of(state.path(), &["01A"], 2);
    for wrong in [started("01A", 4), started("01A", 2), started("01B", 3), kit::line("01A", 3, 1)] {
        assert_eq!(journal.commit(&[wrong]).unwrap_err().code(), "E-JOURNAL-ORDER");
    }
    assert_eq!(journal.commit(&[started("01A", 3), started("01A", 5)]).unwrap_err().code(), "E-JOURNAL-ORDER");
    journal.commit(&[started("01A", 3)]).unwrap();
    assert_eq!(journal.run("latest").unwrap().events, 3);
}

#[test]
fn a_run_has_one_writer() {
    let state = tempdir().unwrap();
    let mut first = journal_of(state.path(), &["01A"], 2);
    assert_eq!(first.begin(&head("01A")).unwrap_err().code(), "E-RUN-HELD");
    let mut second = Journal::open(state.path()).unwrap();
    assert_eq!(second.go_on("01A").unwrap(), 2);
    second.commit(&[started("01A", 3)]).unwrap();
    first.go_on("01A").unwrap();
    second.commit(&[started("01A", 4)]).unwrap();
    assert_eq!(first.commit(&[started("01A", 4)]).unwrap_err().code(), "E-RUN-HELD");
    assert_eq!(first.commit(&[started("01A", 5)]).unwrap_err().code(), "E-JOURNAL-WRITE", "it has given up");
    assert_eq!(first.events("01A").unwrap().count(), 4);
}

#[test]
fn a_run_that_does_not_verify_is_not_gone_on_with() {
    let state = tempdir().unwrap();
    let mut journal = journal_of(state.path(), &["01A"], 9);
    tamper(state.path(), "UPDATE events SET record = x'00' WHERE seq = 4");
    assert_eq!(journal.go_on("01A").unwrap_err().code(), "E-JOURNAL-CHAIN");
}

#[test]
fn an_event_of_a_newer_sealock_is_named() {
    let state = tempdir().unwrap();
    drop(journal_of(state.path(), &["01A"], 1));
    let record = serde_json::to_string(&started("01A", 2)).unwrap().replace("stage-started", "stage-dreamt");
    let file = Connection::open(state.path().join("journal.db")).unwrap();
    let before: Vec<u8> = file.query_row("SELECT hash FROM events", [], |row| row.get(0)).unwrap();
    let hash = Sha256::digest([before.as_slice(), record.as_bytes()].concat()).to_vec();
    let values = rusqlite::params![record.as_bytes(), hash];
    file.execute("INSERT INTO events VALUES ('01A', 2, 'stage-dreamt', ?1, ?2)", values).unwrap();
    file.execute("UPDATE runs SET last_seq = 2, last_hash = ?1", [&hash]).unwrap();
    let journal = Journal::open(state.path()).unwrap();
    let error = journal.events("01A").unwrap().find_map(Result::err).unwrap();
    let ReadError::Record { seq: 2, .. } = error else { panic!("{error}") };
    assert_eq!(breaks(&journal)[0].seq, 2);
}

/// What is saved of a journal, as `run seq verified` and `run head`.
fn saved(journal: &Journal) -> Vec<String> {
    let mut saved = Vec::new();
    journal.salvage(|one| {
        saved.push(match one {
            Salvaged::Head { head } => format!("{} head", head.run),
            Salvaged::Record { run, seq, is_verified, event } => format!("{run} {seq} {is_verified} {}", event.is_ok()),
            _ => unreachable!("there is no other"),
        });
        true
    });
    saved
}

#[test]
fn what_stands_behind_a_break_is_saved_too_and_said_not_to_be_verified() {
    let state = tempdir().unwrap();
    let journal = journal_of(state.path(), &["01A", "01B"], 4);
    tamper(state.path(), "DELETE FROM events WHERE run = '01A' AND seq = 2");
    tamper(state.path(), "UPDATE events SET record = x'00' WHERE run = '01A' AND seq = 4");
    tamper(state.path(), "DELETE FROM runs WHERE run = '01B'");
    let expected = [
        "01A head",
        "01A 1 true true",
        "01A 3 false true",
        "01A 4 false false",
        "01B 1 false true",
        "01B 2 false true",
        "01B 3 false true",
        "01B 4 false true",
    ];
    assert_eq!(saved(&journal), expected);
}

#[test]
fn a_damaged_page_takes_its_own_records_and_no_others() {
    let state = tempdir().unwrap();
    drop(journal_of(state.path(), &["01A"], 900));
    let file = Connection::open(state.path().join("journal.db")).unwrap();
    file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(file);
    let path = state.path().join("journal.db");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(9).position(|part| part == b"stage 450").unwrap();
    let page = at / 4096 * 4096;
    bytes[page] = 0xFF;
    fs::write(&path, &bytes).unwrap();
    let journal = Journal::open(state.path()).unwrap();
    let problem = journal.examine().unwrap().pop().unwrap().problem.unwrap();
    assert_eq!(problem.code, "E-JOURNAL-DAMAGED");
    let saved = saved(&journal);
    assert!((800..900).contains(&saved.len()), "{}", saved.len());
    assert!(saved.contains(&"01A 1 true true".to_owned()) && saved.contains(&"01A 900 false true".to_owned()));
}

#[test]
fn any_flipped_bit_of_a_record_is_seen() {
    let state = tempdir().unwrap();
    drop(journal_of(state.path(), &["01A"], 9));
    let file = Connection::open(state.path().join("journal.db")).unwrap();
    let record: Vec<u8> = file.query_row("SELECT record FROM events WHERE seq = 5", [], |row| row.get(0)).unwrap();
    let journal = Journal::open(state.path()).unwrap();
    for bit in (0..record.len() * 8).step_by(7) {
        let mut flipped = record.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        file.execute("UPDATE events SET record = ?1 WHERE seq = 5", [flipped]).unwrap();
        let broken = breaks(&journal).pop().unwrap();
        assert_eq!(broken.seq, 5, "bit {bit}");
        assert_ne!(broken.found, broken.expected, "bit {bit}");
    }
    file.execute("UPDATE events SET record = ?1 WHERE seq = 5", [record]).unwrap();
    assert_eq!(breaks(&journal), []);
}

/// The WAL cut off, or damaged, in the middle: what stands behind that place is dropped by SQLite without a word. The log
/// that went on says that it was there.
#[test]
fn a_record_that_lost_its_end_is_noticed_by_its_log() {
    let state = tempdir().unwrap();
    let mut journal = journal_of(state.path(), &["01A"], 3);
    let wal = state.path().join("journal.db-wal");
    let length = fs::metadata(&wal).unwrap().len();
    journal.commit(&[started("01A", 4)]).unwrap();
    RunLog::open(state.path(), "01A").unwrap().append(&[kit::line("01A", 4, 1)]).unwrap();
    drop(journal);
    OpenOptions::new().write(true).open(&wal).unwrap().set_len(length).unwrap();
    fs::remove_file(state.path().join("journal.db-shm")).unwrap();
    let mut journal = Journal::open(state.path()).unwrap();
    assert_eq!(journal.go_on("01A").unwrap_err().code(), "E-JOURNAL-CHAIN");
    let broken = breaks(&journal).pop().unwrap();
    assert_eq!((broken.seq, broken.expected.as_str()), (4, "event 4"));
}

#[test]
fn a_torn_last_record_that_nobody_was_told_of_is_dropped() {
    let state = tempdir().unwrap();
    let mut journal = journal_of(state.path(), &["01A"], 3);
    let wal = state.path().join("journal.db-wal");
    let length = fs::metadata(&wal).unwrap().len();
    journal.commit(&[started("01A", 4)]).unwrap();
    let torn = fs::metadata(&wal).unwrap().len() - 100;
    drop(journal);
    assert!(torn > length, "the last commit is cut in two");
    OpenOptions::new().write(true).open(&wal).unwrap().set_len(torn).unwrap();
    fs::remove_file(state.path().join("journal.db-shm")).unwrap();
    let mut journal = Journal::open(state.path()).unwrap();
    assert_eq!(journal.go_on("01A").unwrap(), 3);
    journal.commit(&[started("01A", 4)]).unwrap();
    assert_eq!(breaks(&journal), []);
}

#[test]
fn a_state_directory_that_others_may_write_in_is_refused() {
    let state = tempdir().unwrap();
    for (mode, is_taken) in [(0o700, true), (0o755, true), (0o775, false), (0o1777, false)] {
        fs::set_permissions(state.path(), fs::Permissions::from_mode(mode)).unwrap();
        let opened = Journal::open(state.path());
        assert_eq!(opened.is_ok(), is_taken, "{mode:o}");
        assert!(opened.err().is_none_or(|error| error.code() == "E-STATE-SHARED"), "{mode:o}");
    }
}

#[test]
fn a_log_behind_a_link_is_not_written() {
    let state = tempdir().unwrap();
    let theirs = state.path().join("theirs");
    fs::write(&theirs, "kept").unwrap();
    fs::create_dir_all(state.path().join("runs/01A")).unwrap();
    std::os::unix::fs::symlink(&theirs, state.path().join("runs/01A/log.jsonl")).unwrap();
    assert!(RunLog::open(state.path(), "01A").is_err());
    assert_eq!(fs::read_to_string(theirs).unwrap(), "kept");
}
