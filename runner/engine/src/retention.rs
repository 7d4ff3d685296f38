//! What is removed of past runs, so that a state directory does not grow for ever.
//!
//! It is looked at when a run has ended, never when one starts. Most ends only count files; what is there too much of
//! is then taken out of the journal, oldest first, at most [`FORGOTTEN_MAX`] runs at a time.
//!
//! # Invariants
//!
//! - A run that a process holds is left alone, and so is one that is not over and may still be resumed.
//! - A record is removed before its folder: what a kill leaves between is a folder that is removed later.
//! - Age is counted up to the earliest start of the newest three runs: one or two with a wrong clock remove nothing.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sealock_events::RunResult;
use sealock_journal::{CommitError, Journal, OpenError, ReadError, RunSummary};
use sealock_plan::Keep;
use sealock_workspace::RunFolder;

/// Runs that one look forgets: the first after years must not take minutes.
const FORGOTTEN_MAX: usize = 64;
/// This part more than may be kept is let be, so that not every end has to write.
const SLACK: u64 = 16;
/// Between two looks for what is too old.
const AGE_LOOK: Duration = Duration::from_hours(1);
/// Runs that have to agree on what time it is: a clock that is wrong for a while must not cost the record.
const CLOCKS: usize = 3;
/// Checkouts of commits that no run uses now; the next run of one of them is begun faster.
const CHECKOUTS: usize = 16;
const DAY_MS: i64 = 24 * 3_600 * 1_000;
const MIB: u64 = 1 << 20;

/// Why nothing, or not everything, was removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// The journal could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The list of runs could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record could not be removed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A file could not be removed.
    #[error("a file of an old run could not be removed")]
    Files(#[from] io::Error),
}

/// Removes what is not kept, if there may be something.
///
/// # Errors
///
/// When something cannot be read or removed; what is left is tried again after the next run.
pub fn prune(state: &Path, keep: &Keep) -> Result<(), RetentionError> {
    if !is_due(state, keep) {
        return Ok(());
    }
    let mut journal = Journal::open(state)?;
    let runs = journal.runs(usize::MAX)?;
    let bytes = |run: &RunSummary| Journal::log_bytes(state, &run.run);
    let past: Vec<Past<'_>> = runs.iter().map(|run| Past { log_bytes: bytes(run), ..Past::of(run) }).collect();
    let now_ms = reference_ms(&past);
    for (run, fate) in fates(&past, now_ms, keep) {
        // Whoever holds it goes on with it.
        let Ok(folder) = RunFolder::create(state, run) else { continue };
        match fate {
            Fate::Forgotten => {
                journal.forget(run)?;
                folder.remove()?;
            }
            Fate::WithoutWorkspace => folder.discard()?,
            Fate::WithoutLog => Journal::remove_log(state, run)?,
        }
    }
    remove_strays(state, &runs, now_ms, keep)?;
    sealock_workspace::prune(state, CHECKOUTS)?;
    fs::write(state.join("pruned"), "")?;
    Ok(())
}

/// Whether there is too much, or it was not looked for what is too old for a while.
fn is_due(state: &Path, keep: &Keep) -> bool {
    let looked = fs::metadata(state.join("pruned")).and_then(|note| note.modified());
    if looked.map_or(true, |looked| looked.elapsed().map_or(true, |since| since > AGE_LOOK)) {
        return true;
    }
    let Ok(folders) = fs::read_dir(state.join("runs")) else { return false };
    let (mut runs, mut log_bytes) = (0, 0);
    for folder in folders.flatten() {
        runs += 1;
        log_bytes += folder.file_name().to_str().map_or(0, |run| Journal::log_bytes(state, run));
    }
    runs > keep.runs + keep.runs / SLACK || log_bytes > keep.log_mib * MIB
}

/// A run as far as it decides what is kept.
#[derive(Clone, Copy, Debug)]
struct Past<'r> {
    run: &'r str,
    started_ms: i64,
    is_open: bool,
    log_bytes: u64,
}

impl<'r> Past<'r> {
    fn of(run: &'r RunSummary) -> Self {
        let is_open = run.result.is_none_or(RunResult::is_open);
        Self { run: &run.run, started_ms: run.started.unix_ms(), is_open, log_bytes: 0 }
    }
}

/// What becomes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing of it is kept.
    Forgotten,
    /// Its record and log are. It can be resumed; its stages begin again.
    WithoutWorkspace,
    /// Its record is.
    WithoutLog,
}

fn reference_ms(newest_first: &[Past<'_>]) -> i64 {
    newest_first.iter().take(CLOCKS).map(|past| past.started_ms).min().unwrap_or_default()
}

fn fates<'r>(newest_first: &[Past<'r>], now_ms: i64, keep: &Keep) -> Vec<(&'r str, Fate)> {
    let mut fates = Vec::new();
    let (mut kept, mut log_bytes) = (0, 0_u64);
    for past in newest_first {
        let is_older_than = |days: u64| now_ms - past.started_ms > DAY_MS.saturating_mul(days.cast_signed());
        if past.is_open && !is_older_than(keep.unfinished_days) {
            log_bytes += past.log_bytes;
            continue;
        }
        if kept >= keep.runs || is_older_than(keep.days) {
            fates.push((past.run, Fate::Forgotten));
            continue;
        }
        kept += 1;
        if past.is_open {
            fates.push((past.run, Fate::WithoutWorkspace));
        }
        log_bytes += past.log_bytes;
        if log_bytes > keep.log_mib * MIB && past.log_bytes > 0 {
            log_bytes -= past.log_bytes;
            fates.push((past.run, Fate::WithoutLog));
        }
    }
    // The oldest first.
    fates.reverse();
    let mut forgotten = 0;
    fates.retain(|(_, fate)| {
        forgotten += usize::from(*fate == Fate::Forgotten);
        *fate != Fate::Forgotten || forgotten <= FORGOTTEN_MAX
    });
    fates
}

/// Removes folders of runs that no journal knows, when they are older than records may be: those of a journal that was
/// moved aside are still worth something.
fn remove_strays(state: &Path, runs: &[RunSummary], now_ms: i64, keep: &Keep) -> io::Result<()> {
    let known: HashSet<&str> = runs.iter().map(|run| run.run.as_str()).collect();
    let is_old = |folder: &Metadata| {
        let changed = folder.modified().unwrap_or_else(|_| SystemTime::now());
        let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let age_ms = now_ms.saturating_sub(i64::try_from(changed).unwrap_or(i64::MAX));
        age_ms > DAY_MS.saturating_mul(keep.days.cast_signed())
    };
    for entry in fs::read_dir(state.join("runs"))?.flatten() {
        let name = entry.file_name();
        let Some(run) = name.to_str().filter(|run| !known.contains(run)) else { continue };
        if entry.metadata().is_ok_and(|folder| is_old(&folder))
            && let Ok(folder) = RunFolder::create(state, run)
        {
            folder.remove()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_000 * DAY_MS;
    const KEEP: Keep = Keep { runs: 3, days: 90, unfinished_days: 30, log_mib: 10 };

    fn past(run: &str, age_days: i64) -> Past<'_> {
        Past { run, started_ms: NOW_MS - age_days * DAY_MS, is_open: false, log_bytes: MIB }
    }

    fn open(run: &str, age_days: i64) -> Past<'_> {
        Past { is_open: true, ..past(run, age_days) }
    }

    #[test]
    fn finished_runs_are_kept_by_count_and_age() {
        let runs = [past("a", 0), past("b", 1), past("c", 2), past("d", 3)];
        assert_eq!(fates(&runs, NOW_MS, &KEEP), [("d", Fate::Forgotten)]);
        let runs = [past("a", 0), past("b", 90), past("c", 91)];
        assert_eq!(fates(&runs, NOW_MS, &KEEP), [("c", Fate::Forgotten)]);
    }

    #[test]
    fn a_run_that_may_be_resumed_is_kept_whatever_else_there_is() {
        let runs = [past("a", 0), past("b", 1), past("c", 2), open("d", 30), past("e", 31)];
        assert_eq!(fates(&runs, NOW_MS, &KEEP), [("e", Fate::Forgotten)]);
        let runs = [past("a", 0), open("b", 31)];
        assert_eq!(fates(&runs, NOW_MS, &KEEP), [("b", Fate::WithoutWorkspace)]);
        let runs = [past("a", 0), past("b", 1), past("c", 2), open("d", 31)];
        assert_eq!(fates(&runs, NOW_MS, &KEEP), [("d", Fate::Forgotten)]);
    }

    #[test]
    fn the_oldest_logs_go_when_all_together_are_too_long() {
        let large = |run, age| Past { log_bytes: 6 * MIB, ..past(run, age) };
        let runs = [large("a", 0), large("b", 1), past("c", 2)];
        assert_eq!(fates(&runs, NOW_MS, &KEEP), [("b", Fate::WithoutLog)]);
    }

    #[test]
    fn one_look_forgets_the_oldest_few() {
        let names: Vec<String> = (0..100).map(|run| format!("{run:03}")).collect();
        let runs: Vec<Past<'_>> = names.iter().map(|name| past(name, 0)).collect();
        let fates = fates(&runs, NOW_MS, &KEEP);
        assert_eq!((fates.len(), fates[0], fates[63]), (64, ("099", Fate::Forgotten), ("036", Fate::Forgotten)));
    }

    #[test]
    fn two_runs_with_a_wrong_clock_forget_nothing() {
        let ten_years = 3_650;
        for (one, other) in [(-ten_years, -ten_years), (-ten_years, ten_years), (ten_years, ten_years)] {
            let runs = [past("x", one), past("y", other), past("z", 1)];
            assert_eq!(fates(&runs, reference_ms(&runs), &KEEP), []);
        }
    }
}
