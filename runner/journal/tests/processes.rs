//! Several processes, and kills.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod kit;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::Duration;

use kit::{breaks, head, line, started};
use sealock_journal::{Journal, RunLog};
use tempfile::tempdir;

/// The other process of the tests below: writes groups of events until it is killed, and says after each commit
/// how far it is. Without its argument it has nothing to do.
#[test]
fn writes_until_it_is_killed() {
    let Some(state) = argument("state=") else { return };
    let run = argument("run=").unwrap();
    let (state, run) = (Path::new(&state), run.as_str());
    let mut journal = Journal::open(state).unwrap();
    let mut log = RunLog::open(state, run).unwrap();
    journal.begin(&head(run)).unwrap();
    let mut seq = 0;
    for size in (1..8).cycle() {
        let group: Vec<_> = (seq + 1..=seq + size).map(|seq| started(run, seq)).collect();
        seq += size;
        journal.commit(&group).unwrap();
        log.append(&[line(run, seq, 1)]).unwrap();
        std::io::stderr().write_all(format!("{seq}\n").as_bytes()).unwrap();
    }
}

fn argument(name: &str) -> Option<String> {
    std::env::args().find_map(|argument| argument.strip_prefix(name).map(str::to_owned))
}

fn writer(state: &Path, run: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writes_until_it_is_killed", "--nocapture"])
        .args([format!("state={}", state.display()), format!("run={run}")])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The numbers that it says, in a thread of its own, until it is dead.
fn listen(stderr: ChildStderr) -> thread::JoinHandle<u64> {
    let lines = BufReader::new(stderr).lines().map_while(Result::ok);
    thread::spawn(move || lines.filter_map(|line| line.parse().ok()).last().unwrap_or(0))
}

#[test]
fn every_acknowledged_event_is_there_after_a_kill_at_any_moment() {
    let folder = tempdir().unwrap();
    let state: PathBuf = folder.path().into();
    for round in 0..10 {
        let run = format!("kill-{round}");
        let mut child = writer(&state, &run);
        let last = listen(child.stderr.take().unwrap());
        // Not evenly: a commit takes a millisecond or so, and the start some more.
        thread::sleep(Duration::from_micros(20_000 + round * 7_919));
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = last.join().unwrap();
        let journal = Journal::open(&state).unwrap();
        let events: Vec<_> = match journal.merged(&run) {
            Ok(merged) => merged.map(Result::unwrap).collect(),
            Err(_) => Vec::new(),
        };
        let kept = events.iter().filter(|event| event.sub == 0).map(|event| event.seq);
        assert!(kept.clone().eq(1..=kept.clone().count() as u64), "no gaps");
        assert!(kept.clone().count() as u64 >= acknowledged, "{} of {acknowledged}", kept.count());
        let said = events.iter().filter(|event| event.sub == 1 && event.seq <= acknowledged).count();
        let groups = events.iter().filter(|event| event.sub == 1).map(|event| event.seq);
        assert!(acknowledged == 0 || groups.clone().any(|seq| seq == acknowledged), "{said} log lines");
    }
}

#[test]
fn two_processes_write_their_runs_into_one_file() {
    let folder = tempdir().unwrap();
    let mut children = [writer(folder.path(), "one"), writer(folder.path(), "two")];
    let listeners = children.each_mut().map(|child| listen(child.stderr.take().unwrap()));
    thread::sleep(Duration::from_secs(1));
    for child in &mut children {
        assert_eq!(child.try_wait().unwrap(), None, "it still writes");
        child.kill().and_then(|()| child.wait()).unwrap();
    }
    let acknowledged = listeners.map(|listener| listener.join().unwrap());
    let journal = Journal::open(folder.path()).unwrap();
    assert_eq!(breaks(&journal), []);
    for (run, acknowledged) in ["one", "two"].into_iter().zip(acknowledged) {
        assert!(acknowledged > 0, "{run} got its turns");
        assert!(journal.run(run).unwrap().events >= acknowledged);
    }
}

#[test]
fn eight_threads_open_a_new_journal_at_once() {
    let folder = tempdir().unwrap();
    let state = folder.path();
    thread::scope(|scope| {
        for writer in 0..8 {
            scope.spawn(move || kit::journal_of(state, &[&format!("r{writer}")], 30));
        }
    });
    let journal = Journal::open(state).unwrap();
    assert_eq!((breaks(&journal), journal.runs(99).unwrap().len()), (vec![], 8));
}
