//! How long the journal keeps a run waiting: 10,000 events in groups, as a run of hermetic steps makes them,
//! against the same bytes appended to a file that is synced once a group; the two commits around an effect; the shortest
//! run in a new journal, and in one with a thousand runs.
//!
//! One JSON line, milliseconds; a bound that does not hold fails the bench.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use sealock_events::{Event, EventKind, Timestamp, VERSION};
use sealock_journal::{Journal, RunHead};

const EVENTS: u64 = 10_000;
const GROUP: usize = 200;
const SMALL_RUNS: usize = 21;
const EFFECTS: u64 = 101;
const OLD_RUNS: usize = 1_000;

/// In groups, one sync a group.
const EVENTS_PER_S_MIN: f64 = 20_000.0;
/// The commits of an intent and of its end together, less two synced appends that take turns with them.
const EFFECT_MS_MAX: f64 = 2.0;
/// What a thousand old runs add to the shortest run.
const OLD_RUNS_MS_MAX: f64 = 5.0;

fn main() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let events: Vec<Event> = (1..=EVENTS).map(event).collect();
    let start = Instant::now();
    let mut journal = Journal::open(state.path()).expect("a journal");
    let open_ms = ms(start);
    journal.begin(&head()).expect("a new run");
    let start = Instant::now();
    for group in events.chunks(GROUP) {
        journal.commit(group).expect("room on the disk");
    }
    let commit_ms = ms(start);
    let start = Instant::now();
    let read = journal.events("run").expect("the run").flatten().count();
    let read_ms = ms(start);
    drop(journal);
    let small_ms = small_runs(state.path(), "small");
    let (effect_ms, peer_effect_ms) = effects(state.path(), &events[..1]);
    let old = tempfile::tempdir().expect("a temporary folder");
    old_runs(old.path());
    let turns = (0..SMALL_RUNS).map(|turn| {
        let name = format!("turn-{turn}");
        small_runs(old.path(), &name).0 - small_runs(state.path(), &name).0
    });
    let old_runs_ms = median(turns.collect());
    let peer_ms = appended(&events, GROUP, &state.path().join("peer"));
    let events_per_s = f64::from(u32::try_from(read).expect("some thousand")) / commit_ms * 1e3;
    let line = serde_json::json!({
        "bench": "journal", "events": read, "group": GROUP, "open_ms": open_ms, "commit_ms": commit_ms,
        "events_per_s": events_per_s, "events_per_s_min": EVENTS_PER_S_MIN, "read_ms": read_ms,
        "small_run_ms": small_ms.0, "small_run_open_ms": small_ms.1, "small_run_close_ms": small_ms.2, "peer_append_fsync_ms": peer_ms,
        "effect_ms": effect_ms, "effect_ms_max": EFFECT_MS_MAX, "peer_effect_ms": peer_effect_ms,
        "old_runs_ms": old_runs_ms, "old_runs_ms_max": OLD_RUNS_MS_MAX,
    });
    #[expect(clippy::print_stdout, reason = "this is the bench's answer")]
    {
        println!("{line}");
    }
    let added_ms = effect_ms - peer_effect_ms;
    let holds = events_per_s >= EVENTS_PER_S_MIN && added_ms <= EFFECT_MS_MAX && old_runs_ms <= OLD_RUNS_MS_MAX;
    assert!(holds, "a bound does not hold: see the figures above");
}

/// The intent of an effect and its end, each committed by itself, and in turns with them two synced appends; the medians.
fn effects(state: &Path, one: &[Event]) -> (f64, f64) {
    let mut journal = Journal::open(state).expect("a journal");
    journal.begin(&RunHead { run: "effects".into(), ..head() }).expect("a new run");
    let all = (0..EFFECTS).map(|effect| {
        let start = Instant::now();
        for seq in [2 * effect + 1, 2 * effect + 2] {
            journal.commit(&[Event { run: "effects".into(), ..event(seq) }]).expect("room on the disk");
        }
        (ms(start), 2.0 * appended(one, 1, &state.join("peer")))
    });
    let (own, peer) = all.unzip();
    (median(own), median(peer))
}

/// Runs of ten events that are over.
fn old_runs(state: &Path) {
    let mut journal = Journal::open(state).expect("a journal");
    for old in 0..OLD_RUNS {
        let run = format!("old-{old}");
        journal.begin(&RunHead { run: run.clone(), ..head() }).expect("a new run");
        let events: Vec<Event> = (1..=10).map(|seq| Event { run: run.clone(), ..event(seq) }).collect();
        journal.commit(&events).expect("room on the disk");
    }
}

/// What the shortest run costs in a journal that is there: open it, commit twice, close it. All, the opening, and
/// the closing alone; medians.
fn small_runs(state: &Path, name: &str) -> (f64, f64, f64) {
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..SMALL_RUNS {
        let run = format!("{name}-{round}");
        let start = Instant::now();
        let mut journal = Journal::open(state).expect("a journal");
        all[1].push(ms(start));
        journal.begin(&RunHead { run: run.clone(), ..head() }).expect("a new run");
        for seq in 1..=2 {
            journal.commit(&[Event { run: run.clone(), ..event(seq) }]).expect("room on the disk");
        }
        let closing = Instant::now();
        drop(journal);
        all[2].push(ms(closing));
        all[0].push(ms(start));
    }
    let [whole, open, close] = all.map(median);
    (whole, open, close)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn appended(events: &[Event], group: usize, path: &Path) -> f64 {
    let mut file = File::create(path).expect("a file");
    let start = Instant::now();
    for group in events.chunks(group) {
        let mut lines = Vec::new();
        for event in group {
            serde_json::to_writer(&mut lines, event).expect("plain data");
            lines.push(b'\n');
        }
        file.write_all(&lines).and_then(|()| file.sync_data()).expect("room on the disk");
    }
    ms(start)
}

fn event(seq: u64) -> Event {
    let kind = EventKind::StepStarted {
        stage: "test (3.11)".into(),
        step: format!("{seq}"),
        name: "run the tests".into(),
        plugin: "shell".into(),
        attempt: 1,
        at: None,
    };
    Event { v: VERSION, seq, sub: 0, time: Timestamp::from_unix_ms(1_700_000_000_000), run: "run".into(), kind }
}

fn head() -> RunHead {
    RunHead {
        run: "run".into(),
        pipeline: "bench".into(),
        file: "bench.yml".into(),
        commit: None,
        plan_digest: "sha256:00".into(),
        plan_json: "{}".into(),
        started: Timestamp::default(),
    }
}

fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
