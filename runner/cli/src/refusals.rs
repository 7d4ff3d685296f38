//! What stands in the way of running a good plan. It is told before anything starts, and by `plan` as a warning.

use sealock_plan::Plan;

use crate::failure::Failure;

/// The plan uses what this version cannot run.
pub(crate) fn not_yet(plan: &Plan) -> Option<Failure> {
    let found = sealock_plan::not_yet(plan);
    let message = format!("this version cannot run {} yet", found.join(", "));
    (!found.is_empty()).then(|| Failure::new("E-NOT-YET", message))
}

/// A script is allowed some network.
pub(crate) fn unconfined_network(plan: &Plan) -> Option<Failure> {
    let (stage, step) = plan.stages.iter().find_map(|stage| {
        let step = stage.steps.iter().find(|step| step.wants_unconfined_network)?;
        Some((stage, step))
    })?;
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
