//! The end of a stage: its release recorded, its locks and containers gone.

use std::sync::Arc;

use sealock_events::{Cause, DeploymentResult, NEEDS_RECOVERY};
use sealock_plan::evaluate::Maps;

use crate::deployments;
use crate::exit;
use crate::machine::DeploymentEnd;
use crate::prepare;
use crate::room::Room;
use crate::shared::Shared;
use crate::verifying::{self, Ready};

/// Nobody can go on then.
const FINAL_EXITS: [u8; 2] = [exit::FENCED, exit::BUG];

/// How a stage's deployment went.
#[derive(Default)]
pub(crate) struct Went {
    /// The stage's verifiers, when it succeeded.
    pub(crate) verifiers: Option<Vec<Ready>>,
    /// What its rollback came to, or what was done by hand.
    pub(crate) settled: Option<DeploymentResult>,
    /// Whether an effect was begun.
    pub(crate) is_saga: bool,
    /// The release that it was about, when that is not the one being made.
    pub(crate) release: Option<String>,
}

/// Ends everything of a stage. Gives what its deployment came to, and why ending failed.
pub(crate) async fn close(shared: &Arc<Shared>, room: Arc<Room>, went: Went) -> (Option<DeploymentEnd>, Option<Cause>) {
    let Some(mut room) = sole(room).await else {
        return (None, Some(bug()));
    };
    if went.settled == Some(DeploymentResult::Interrupted) {
        room.keep_workspace();
    }
    let ended = end_deployment(shared, &mut room, went).await;
    room.close(shared).await;
    ended
}

async fn end_deployment(shared: &Arc<Shared>, room: &mut Room, went: Went) -> (Option<DeploymentEnd>, Option<Cause>) {
    let Some(deployment) = room.deployment.get().cloned() else {
        return (None, None);
    };
    let release = went.release.unwrap_or_else(|| deployment.release().to_owned());
    let live = deployments::live(&deployment);
    // Effects that switched nothing, such as a script on the targets, made no release that could be verified.
    let has_switched = live.iter().any(|(_, current)| current.as_deref() == Some(deployment.release()));
    drop(deployment);
    let verified = went
        .verifiers
        .filter(|_| went.is_saga && has_switched)
        .map(|ready| ready.iter().filter_map(|one| verifying::record(shared, one)).collect());
    let succeeded = verified.is_some();
    let is_interrupted = went.settled == Some(DeploymentResult::Interrupted);
    let told = deployments::end(shared, room, verified, is_interrupted).await;
    let result = match (went.settled, succeeded, &told) {
        (Some(result), ..) => result,
        (None, true, Ok(())) => DeploymentResult::Verified,
        // It is live, and not every ledger says that it is verified.
        (None, true, Err(_)) => DeploymentResult::Interrupted,
        (None, false, _) => DeploymentResult::Unchanged,
    };
    let why = told.err().map(|why| if succeeded { unwritten(why, &shared.run, &release) } else { why });
    (Some(DeploymentEnd { result, release, live, url: url(shared, room) }), why)
}

/// What is live is what was to be: only a record of it is missing, which the resumed run writes. Who has taken a target over
/// answers for it.
fn unwritten(why: Cause, run: &str, release: &str) -> Cause {
    if FINAL_EXITS.contains(&why.exit) {
        return why;
    }
    Cause {
        code: NEEDS_RECOVERY.into(),
        message: format!(
            "{release} is live and verified, and not every target has that in its ledger: {}",
            why.message
        ),
        help: Some(format!("put that right, then: sealock resume {run}")),
        exit: exit::NEEDS_RECOVERY,
    }
}

fn url(shared: &Shared, room: &Room) -> Option<String> {
    let own = room.environment().and_then(|name| shared.plan.environments.get(name))?;
    let mut known = Maps::default();
    known.0.insert("github".into(), shared.plan.github.clone().into());
    known.0.insert("inputs".into(), shared.plan.inputs.clone().into());
    known.0.insert("vars".into(), shared.plan.vars.clone().into());
    prepare::text(own.url.as_ref()?, &known).ok()
}

/// Tasks that just ended may hold the room for a moment more.
async fn sole(mut room: Arc<Room>) -> Option<Room> {
    const TRIES: u32 = 500;
    const PAUSE_MS: u64 = 10;
    for _ in 0..TRIES {
        match Arc::try_unwrap(room) {
            Ok(own) => return Some(own),
            Err(shared) => room = shared,
        }
        tokio::time::sleep(std::time::Duration::from_millis(PAUSE_MS)).await;
    }
    None
}

fn bug() -> Cause {
    Cause { code: "E-BUG".into(), message: "something still uses the stage's room".into(), help: None, exit: 70 }
}
