//! The run that `sealock run --resume` goes on with: the newest that was asked for in the same words, where nobody finished it.
//!
//! # Invariants
//!
//! - What a run may read of its event is the same in both, but for what another attempt of the same job changes: nobody goes on
//!   with what somebody else, or another event, began.
//! - Nothing that is not committed is left out in silence, neither what the run had nor what is here.

use std::path::Path;

use sealock_diagnostics::escape;
use sealock_events::EventKind;
use sealock_journal::{Journal, ReadError, RunSummary};
use sealock_plan::Plan;
use sealock_workspace::RunFolder;
use serde_json::Value as Json;

use super::by_hand::ByHand;
use super::resume::stored_plan;
use super::runs::Standing;
use crate::failure::Failure;
use crate::planning::Prepared;

/// Facts of `github` that another attempt of the same job has otherwise. The number of the workflow's run is none of them:
/// an attempt keeps it, and the next event, or the next night of a schedule, has another.
const ATTEMPT_FACTS: [&str; 1] = ["run_attempt"];

/// The run that was asked for alike, and is not over.
pub(super) struct Unfinished {
    /// The run.
    pub run: RunSummary,
    /// Why it is not gone on with all the same.
    hindrance: Option<&'static str>,
}

impl Unfinished {
    /// What to tell where another run begins in its place.
    pub(super) fn refusal(&self) -> Option<String> {
        let Self { run, hindrance } = self;
        let pipeline = escape(&run.pipeline);
        let next = format!("To go on with it: sealock resume {}", run.run);
        hindrance.map(|why| format!("run {} of {pipeline} {why}, so a new run begins. {next}", run.run))
    }
}

/// The newest run of `prepared`'s request in the repository `root`, when it is not over and no process goes on with it. One
/// that is over, however it ended, was made in the place of older ones. `dirty_files` are those that a new run would take along.
///
/// # Errors
///
/// When the journal cannot be read.
pub(super) fn same(
    journal: &Journal,
    root: &Path,
    prepared: &Prepared,
    dirty_files: u64,
) -> Result<Option<Unfinished>, Failure> {
    let unread = |error: ReadError| Failure::unread(&error);
    let commit = prepared.git.facts().commit.as_ref().map(|commit| &commit.id);
    let is_here = |run: &RunSummary| RunFolder::repository(journal.state(), &run.run).as_deref() == Some(root);
    for mut run in journal.runs(usize::MAX).map_err(unread)? {
        let is_alike = run.file == prepared.plan.file && run.commit.as_ref() == commit && is_here(&run);
        if !is_alike || ByHand::of(journal, &run.run).is_some() {
            continue;
        }
        // One whose plan this version cannot read is not taken up; the new run names it.
        let was = stored_plan(journal, &run).ok().filter(|plan| is_same_request(plan, &prepared.plan));
        let Some(was) = was else { continue };
        if Standing::of(&mut run, journal).map_err(unread)? != Standing::Interrupted {
            return Ok(None);
        }
        let has_changed = was.file_digest != prepared.plan.file_digest;
        let hindrance = if has_changed { None } else { hindrance(journal, &run, dirty_files).map_err(unread)? };
        return Ok(Some(Unfinished { run, hindrance }));
    }
    Ok(None)
}

/// Whether both were asked for alike. Of a file that has changed, inputs and stages may have changed with it: that is
/// refused with the difference, not passed over.
fn is_same_request(was: &Plan, now: &Plan) -> bool {
    let stages = |plan: &Plan| plan.stages.iter().map(|stage| stage.name.clone()).collect::<Vec<_>>();
    let is_same_work = || (&was.inputs, &was.vars, stages(was)) == (&now.inputs, &now.vars, stages(now));
    was.trust == now.trust && is_same_event(was, now) && (was.file_digest != now.file_digest || is_same_work())
}

/// Whether both are of one event, with all that it says.
fn is_same_event(was: &Plan, now: &Plan) -> bool {
    facts(was).count() == facts(now).count() && facts(was).all(|(name, value)| now.github.get(name) == Some(value))
}

fn facts(plan: &Plan) -> impl Iterator<Item = (&String, &Json)> {
    plan.github.iter().filter(|(name, _)| !ATTEMPT_FACTS.contains(&name.as_str()))
}

/// Why what is here may not be what `run` had: the record counts uncommitted files, and does not say what was in them.
fn hindrance(journal: &Journal, run: &RunSummary, dirty_files: u64) -> Result<Option<&'static str>, ReadError> {
    Ok(match taken_along(journal, run)? {
        None => Some("was cut off before it said what it took along"),
        Some(1..) => Some("took uncommitted changes along, which may be others by now"),
        Some(0) if dirty_files > 0 => Some("does not have the uncommitted changes that are here"),
        Some(0) => None,
    })
}

/// How many uncommitted files the run took along; `None` where its record ends before that.
fn taken_along(journal: &Journal, run: &RunSummary) -> Result<Option<u64>, ReadError> {
    for event in journal.events(&run.run)? {
        if let EventKind::RunStarted { dirty_files, .. } = event?.kind {
            return Ok(Some(dirty_files));
        }
    }
    Ok(None)
}
