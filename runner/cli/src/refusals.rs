//! What stands in the way of running a good plan. It is told before anything starts, and by `plan` as a warning.

use sealock_plan::{Plan, PlannedStage, PlannedStep, Trust};
use serde_json::{Map, Value as Json};

use crate::failure::Failure;

/// The plan uses what this version cannot run.
pub(crate) fn not_yet(plan: &Plan) -> Option<Failure> {
    let found = sealock_plan::not_yet(plan);
    let message = format!("this version cannot run {} yet", found.join(", "));
    (!found.is_empty()).then(|| Failure::new("E-NOT-YET", message))
}

/// A script is allowed some network.
pub(crate) fn unconfined_network(plan: &Plan) -> Option<Failure> {
    unconfined(plan, |stage| stage.steps.iter().chain(&stage.rollback).find(|step| step.wants_unconfined_network))
}

/// One of those that a rollback runs is.
pub(crate) fn unconfined_rollback(plan: &Plan) -> Option<Failure> {
    unconfined(plan, |stage| stage.rollback.iter().find(|step| step.wants_unconfined_network))
}

fn unconfined(plan: &Plan, find: impl Fn(&PlannedStage) -> Option<&PlannedStep>) -> Option<Failure> {
    let (stage, step) = plan.stages.iter().find_map(|stage| Some((stage, find(stage)?)))?;
    let message = format!(
        "step `{}` of stage `{}` ({}:{}) is allowed some network, and this machine cannot hold a native command to it",
        step.title, stage.name, plan.file, step.line
    );
    let help = "let it reach every host, in the open: --unconfined-network";
    Some(Failure::new("E-NETWORK-UNCONFINED", message).help(help))
}

/// Environments that take no deployment of what is run, as far as that is known: stages whose conditions rest on the
/// run are looked at when they start.
pub(crate) fn deployments(plan: &Plan, dirty_files: u64) -> Vec<Failure> {
    let of = |environment| {
        let dirty = sealock_plan::refuse_dirty(dirty_files, environment);
        dirty.into_iter().chain(sealock_plan::refuse_branch(plan, environment))
    };
    let refusals = plan.deployed_to().into_iter().flat_map(of);
    refusals
        .map(|refusal| Failure::new(refusal.code, refusal.message).maybe_help(refusal.help.map(str::to_owned)))
        .collect()
}

/// Stages that are told one by one: a matrix has hundreds of cells.
const WITHHELD_TOLD_MAX: usize = 10;
const TRUST_HELP: &str = "nothing in the file changes this; `sealock explain E-TRUST-STAGE` says what gets what";

/// An environment is asked for by what is not trusted that far.
///
/// # Errors
///
/// `E-TRUST-STAGE`.
pub(crate) fn untrusted(trust: Trust, github: &Map<String, Json>, environment: &str) -> Result<(), Failure> {
    let Some(who) = trust.words(github) else {
        return Ok(());
    };
    Err(Failure::new("E-TRUST-STAGE", format!("{who} does not reach `{environment}`")).help(TRUST_HELP))
}

/// The stage that was asked for, or everything, is withheld: a run in which nothing ran is no success.
pub(crate) fn withheld(plan: &Plan, only: Option<&str>) -> Option<Failure> {
    let wanted = |stage: &&sealock_plan::PlannedStage| only.is_none_or(|only| stage.id == only);
    let (stage, why) = plan.stages.iter().filter(wanted).find_map(|stage| Some((stage, stage.withheld.as_ref()?)))?;
    let rest = plan.stages.iter().filter(wanted).any(|stage| stage.withheld.is_none());
    let message = format!("stage `{}` is withheld: {why}", stage.name);
    let message = if only.is_some() { message } else { format!("nothing is left to run; {message}") };
    (!rest).then(|| Failure::new("E-TRUST-STAGE", message).help(TRUST_HELP))
}

/// What is left out of a run that goes on without it.
pub(crate) fn left_out(plan: &Plan) -> Vec<Failure> {
    let withheld = plan.stages.iter().filter_map(|stage| Some((&stage.name, stage.withheld.as_ref()?)));
    let told = withheld.take(WITHHELD_TOLD_MAX);
    told.map(|(name, why)| Failure::new("E-TRUST-WITHHELD", format!("stage `{name}` is left out: {why}"))).collect()
}
