//! The run that `sealock run --resume` goes on with: the newest that was asked for in the same words, where nobody finished it.

use std::path::Path;

use sealock_journal::{Journal, ReadError, RunSummary};
use sealock_plan::Plan;
use sealock_workspace::RunFolder;

use super::by_hand::ByHand;
use super::resume::stored_plan;
use super::runs::Standing;
use crate::failure::Failure;
use crate::planning::Prepared;

/// Facts of the event without which it is another one. Numbers of a workflow's attempt are none of them: the next job has
/// others.
const EVENT_FACTS: [&str; 2] = ["event_name", "ref"];

/// The newest run of `prepared`'s request in the repository `root`, when it is not over and no process goes on with it. One
/// that is over, however it ended, was made in the place of older ones.
///
/// # Errors
///
/// When the journal cannot be read.
pub(super) fn same(journal: &Journal, root: &Path, prepared: &Prepared) -> Result<Option<RunSummary>, Failure> {
    let unread = |error: ReadError| Failure::unread(&error);
    let commit = prepared.git.facts().commit.as_ref().map(|commit| &commit.id);
    let is_here = |run: &RunSummary| RunFolder::repository(journal.state(), &run.run).as_deref() == Some(root);
    for mut run in journal.runs(usize::MAX).map_err(unread)? {
        let is_alike = run.file == prepared.plan.file && run.commit.as_ref() == commit && is_here(&run);
        // One whose plan this version cannot read is not taken up; the new run names it.
        let is_same = |plan: Plan| is_same_request(&plan, &prepared.plan);
        if is_alike && ByHand::of(journal, &run.run).is_none() && stored_plan(journal, &run).is_ok_and(is_same) {
            let standing = Standing::of(&mut run, journal).map_err(unread)?;
            return Ok((standing == Standing::Interrupted).then_some(run));
        }
    }
    Ok(None)
}

/// Whether both were asked for alike. Of a file that has changed, inputs and stages may have changed with it: that is
/// refused with the difference, not passed over.
fn is_same_request(was: &Plan, now: &Plan) -> bool {
    let is_same_event = EVENT_FACTS.iter().all(|name| was.github.get(*name) == now.github.get(*name));
    let stages = |plan: &Plan| plan.stages.iter().map(|stage| stage.name.clone()).collect::<Vec<_>>();
    let is_same_work = || (&was.inputs, &was.vars, stages(was)) == (&now.inputs, &now.vars, stages(now));
    was.trust == now.trust && is_same_event && (was.file_digest != now.file_digest || is_same_work())
}
