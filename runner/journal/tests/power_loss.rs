//! The power goes: what was synced is there, and of the rest anything may be.
//!
//! Real journals are written through a file system that writes everything down. Then, for many moments, the files are
//! made that a disk may hold when the power goes at that moment: what was synced, and of what was not each write whole,
//! not at all, or in some of its sectors, whatever came later. The journal has to open on each of them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod disk;
mod kit;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use disk::{Fault, Operation, lock, watch};
use kit::{breaks, head, line, started};
use sealock_events::Event;
use sealock_journal::{Journal, RunLog};
use tempfile::TempDir;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;
const RUNS: [&str; 2] = ["01A", "01B"];

/// Numbers that look random, the same for a seed.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// In memory where the machine has that: thousands of files are written.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Two connections, each with a run, commit groups in turns; everything that reached the disk on the way.
fn recorded(commits: u64, dice: &mut Dice) -> Vec<Operation> {
    let state = scratch();
    let disk = watch(state.path());
    let mut journals = RUNS.map(|run| {
        let mut journal = Journal::open(state.path()).unwrap();
        journal.begin(&head(run)).unwrap();
        (journal, 0)
    });
    for _ in 0..commits {
        let run = usize::from(dice.coin());
        let (journal, seq) = &mut journals[run];
        let group: Vec<Event> = (*seq + 1..=*seq + 1 + dice.below(6)).map(|seq| started(RUNS[run], seq)).collect();
        *seq += group.len() as u64;
        journal.commit(&group).unwrap();
        lock(&disk).operations.push(Operation::Acknowledged { run, seq: *seq });
    }
    drop(journals);
    std::mem::take(&mut lock(&disk).operations)
}

/// A file on a disk with a cache.
#[derive(Clone, Default)]
struct Stored {
    synced: Vec<u8>,
    is_named: bool,
    waiting: Vec<Operation>,
}

#[derive(Clone, Default)]
struct Stores {
    files: BTreeMap<String, Stored>,
    acknowledged: [u64; 2],
}

impl Stores {
    fn take(&mut self, operation: &Operation) {
        match operation {
            Operation::Acknowledged { run, seq } => self.acknowledged[*run] = *seq,
            Operation::Delete { file } => drop(self.files.remove(file)),
            Operation::Write { file, .. } | Operation::Truncate { file, .. } => {
                self.files.entry(file.clone()).or_default().waiting.push(operation.clone());
            }
            Operation::Sync { file } => {
                let stored = self.files.entry(file.clone()).or_default();
                for operation in std::mem::take(&mut stored.waiting) {
                    apply(&mut stored.synced, &operation, |_| true);
                }
                stored.is_named = true;
            }
        }
    }

    /// The files as a disk may hold them.
    fn lose_power(&self, state: &Path, dice: &mut Dice) {
        for (name, stored) in &self.files {
            let mut bytes = stored.synced.clone();
            let how = dice.below(4);
            for operation in &stored.waiting {
                match how {
                    0 => {}
                    3 => apply(&mut bytes, operation, |_| dice.coin()),
                    _ => {
                        if how == 1 || dice.coin() {
                            apply(&mut bytes, operation, |_| true);
                        }
                    }
                }
            }
            if stored.is_named || dice.coin() {
                fs::write(state.join(name), bytes).unwrap();
            }
        }
    }
}

/// Does an operation, as far as its sectors are kept. Where a file grows over a sector that is not, there are zeros.
fn apply(bytes: &mut Vec<u8>, operation: &Operation, mut is_kept: impl FnMut(usize) -> bool) {
    match operation {
        Operation::Truncate { length, .. } if is_kept(0) => bytes.resize(usize::try_from(*length).unwrap(), 0),
        Operation::Write { at, bytes: written, .. } => {
            let at = usize::try_from(*at).unwrap();
            for (sector, part) in written.chunks(SECTOR_BYTES).enumerate().filter(|(sector, _)| is_kept(*sector)) {
                let start = at + sector * SECTOR_BYTES;
                let end = start + part.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[start..end].copy_from_slice(part);
            }
        }
        _ => {}
    }
}

/// What was acknowledged is there, in order and verified, and the run can be gone on with.
fn check(state: &Path, acknowledged: [u64; 2], place: &str) {
    let mut journal = Journal::open(state).unwrap_or_else(|error| panic!("{place}: {error:?}"));
    assert_eq!(breaks(&journal), [], "{place}");
    for (run, acknowledged) in RUNS.into_iter().zip(acknowledged) {
        let Ok(events) = journal.events(run) else {
            assert_eq!(acknowledged, 0, "{place}: run {run} is gone");
            continue;
        };
        let events: Vec<Event> = events.map(Result::unwrap).collect();
        let expected: Vec<Event> = (1..=events.len() as u64).map(|seq| started(run, seq)).collect();
        assert_eq!(events, expected, "{place}");
        assert!(events.len() as u64 >= acknowledged, "{place}: {} of {acknowledged} events of {run}", events.len());
        let seq = journal.go_on(run).unwrap();
        journal.commit(&[started(run, seq + 1)]).unwrap();
    }
    drop(journal);
    assert_eq!(breaks(&Journal::open(state).unwrap()), [], "{place}: after going on");
}

/// Cuts the power after these operations.
fn cut(operations: &[Operation], cuts: impl IntoIterator<Item = usize>, seed: u64, dice: &mut Dice) -> usize {
    let mut stores = Stores::default();
    let mut done = 0;
    let mut tried = 0;
    for cut in cuts {
        operations[done..cut].iter().for_each(|operation| stores.take(operation));
        done = cut;
        let state = scratch();
        stores.lose_power(state.path(), dice);
        check(state.path(), stores.acknowledged, &format!("seed {seed}, cut {cut} of {}", operations.len()));
        tried += 1;
    }
    tried
}

#[test]
fn nothing_that_was_acknowledged_is_lost_when_the_power_goes() {
    let mut tried = 0;
    for seed in 1.. {
        let mut dice = Dice::new(seed);
        let operations = recorded(20, &mut dice);
        tried += cut(&operations, 0..=operations.len(), seed, &mut dice);
        if tried >= 1_000 {
            break;
        }
    }
}

#[test]
fn nor_while_the_wal_is_folded_into_the_file_and_begun_anew() {
    let seed = 77;
    let mut dice = Dice::new(seed);
    let operations = recorded(700, &mut dice);
    let is_folding = |operation: &Operation| match operation {
        Operation::Write { file, .. } | Operation::Sync { file } => file == "journal.db",
        _ => false,
    };
    let folding: Vec<usize> = (100..operations.len()).filter(|&at| is_folding(&operations[at])).collect();
    assert!(folding.len() > 100, "it was folded in: {}", folding.len());
    // Around its first and last write, and some between.
    let (first, last) = (folding[0], folding[folding.len() - 1]);
    let mut cuts: Vec<usize> = (first - 4..first + 8).chain(last - 4..(last + 40).min(operations.len())).collect();
    cuts.extend(folding.iter().step_by(folding.len() / 60 + 1));
    cuts.sort_unstable();
    cuts.dedup();
    assert!(cut(&operations, cuts, seed, &mut dice) >= 60);
}

#[test]
fn a_disk_that_does_not_sync_loses_what_it_was_told() {
    let mut dice = Dice::new(3);
    let operations: Vec<Operation> =
        recorded(20, &mut dice).into_iter().filter(|one| !matches!(one, Operation::Sync { .. })).collect();
    let lost = std::panic::catch_unwind(move || cut(&operations, 0..=operations.len(), 3, &mut dice));
    assert!(lost.is_err(), "the check above sees losses");
}

#[test]
fn a_group_of_events_costs_one_sync() {
    let state = scratch();
    let disk = watch(state.path());
    let mut journal = Journal::open(state.path()).unwrap();
    journal.begin(&head("01A")).unwrap();
    journal.commit(&[started("01A", 1)]).unwrap();
    lock(&disk).operations.clear();
    for group in 0..10 {
        let events: Vec<Event> = (2 + group * 50..2 + (group + 1) * 50).map(|seq| started("01A", seq)).collect();
        journal.commit(&events).unwrap();
    }
    let syncs = lock(&disk).operations.iter().filter(|one| matches!(one, Operation::Sync { .. })).count();
    assert_eq!(syncs, 10);
}

#[test]
fn a_failed_sync_or_write_is_final_and_nothing_is_tried_again() {
    for fault in [Fault::Sync, Fault::Write] {
        let state = scratch();
        let disk = watch(state.path());
        let mut journal = Journal::open(state.path()).unwrap();
        journal.begin(&head("01A")).unwrap();
        journal.commit(&[started("01A", 1)]).unwrap();
        lock(&disk).fault = Some(fault);
        assert_eq!(journal.commit(&[started("01A", 2)]).unwrap_err().code(), "E-JOURNAL-WRITE", "{fault:?}");
        assert_eq!(lock(&disk).refused, 1, "{fault:?}: once");
        lock(&disk).fault = None;
        lock(&disk).operations.clear();
        assert_eq!(journal.commit(&[started("01A", 2)]).unwrap_err().code(), "E-JOURNAL-WRITE", "{fault:?}");
        assert_eq!(lock(&disk).operations, [], "{fault:?}: the disk is not asked again, though it would answer");
        drop(journal);
        let mut journal = Journal::open(state.path()).unwrap();
        let seq = journal.go_on("01A").unwrap();
        assert!(seq == 1 || seq == 2, "{fault:?}: {seq}: what failed may be there, what was acknowledged is");
        journal.commit(&[started("01A", seq + 1)]).unwrap();
    }
}

#[test]
fn a_log_that_lost_its_end_or_the_middle_hides_no_event() {
    let mut dice = Dice::new(9);
    for round in 0..50 {
        let state = scratch();
        drop(kit::journal_of(state.path(), &["01A"], 20));
        let mut log = RunLog::open(state.path(), "01A").unwrap();
        for seq in 1..=20 {
            log.append(&[line("01A", seq, 1), line("01A", seq, 2)]).unwrap();
        }
        drop(log);
        let path = state.path().join("runs/01A/log.jsonl");
        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(usize::try_from(dice.below(bytes.len() as u64)).unwrap());
        for sector in bytes.chunks_mut(SECTOR_BYTES) {
            if dice.below(4) == 0 {
                sector.fill(0);
            }
        }
        fs::write(&path, bytes).unwrap();
        let mut journal = Journal::open(state.path()).unwrap();
        let kept = journal.merged("01A").unwrap().flatten().filter(|event| event.sub == 0).count();
        assert_eq!((kept, journal.go_on("01A").unwrap()), (20, 20), "round {round}");
        RunLog::open(state.path(), "01A").unwrap().append(&[line("01A", 20, 3)]).unwrap();
        let last = journal.merged("01A").unwrap().flatten().last().unwrap();
        assert_eq!((last.seq, last.sub), (20, 3), "round {round}");
    }
}
