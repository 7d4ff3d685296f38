//! A rollback that a person asks for: the same transaction as in a run, from the ledger. All targets go to one release, or stay
//! on what they ran.

use std::sync::Arc;
use std::time::Instant;

use sealock_events::{Cause, Conclusion, DeploymentResult, EventKind, RunResult};
use sealock_sandbox::CancellationToken;
use serde_json::Map;
use tokio::sync::mpsc;

use crate::closing::{self, Went};
use crate::deployments::{self, Way};
use crate::driver::{Driver, Verdict};
use crate::exit;
use crate::machine::{Deployment, DeploymentEnd, RolledBack, StageId};
use crate::outcome::cause_of;
use crate::room::Room;
use crate::shared::Shared;
use crate::wanted;

/// The only stage of the plan.
const STAGE: StageId = StageId(0);

/// Brings the environment back. Success is a release that is live and verified.
pub(crate) async fn roll_back(shared: &Arc<Shared>, to: Option<&str>, stop: &CancellationToken) -> Verdict {
    let started = Instant::now();
    let Some(stage) = shared.plan.stages.first().map(|stage| stage.name.clone()) else {
        return failed(no_deployment());
    };
    shared.recorder.tell(EventKind::StageStarted { stage: stage.clone() });
    let done = Box::pin(transaction(shared, to, stop)).await;
    let cause = done.as_ref().err().cloned();
    shared.recorder.tell(EventKind::StageFinished {
        stage,
        result: if cause.is_none() { Conclusion::Success } else { Conclusion::Failure },
        outputs: Map::new(),
        cause,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    match done {
        Ok(()) => Verdict { result: RunResult::Success, exit: 0, cause: None },
        Err(cause) => failed(cause),
    }
}

fn failed(cause: Cause) -> Verdict {
    Verdict { result: RunResult::Failure, exit: cause.exit, cause: Some(cause) }
}

/// What switching came to, once something may have been switched.
struct Switched {
    /// The release that was asked for.
    release: String,
    back: RolledBack,
    /// Why not every target was switched to it.
    failure: Option<Cause>,
}

async fn transaction(shared: &Arc<Shared>, to: Option<&str>, stop: &CancellationToken) -> Result<(), Cause> {
    let mut driver = Driver::new(shared.clone(), 1);
    let spec = driver.stage_spec(STAGE)?;
    let environment = spec.environment.clone().ok_or_else(no_deployment)?;
    let (inputs, _kept) = mpsc::unbounded_channel();
    let room = Arc::new(Room::open(shared, spec, Vec::new(), inputs).await?);
    let begun = deployments::begin_by_hand(shared, &room, &environment, stop).await?;
    let result = Box::pin(back(shared, &room, &mut driver, to, begun)).await;
    drop(driver);
    let (settled, release) = match &result {
        Ok(switched) => (switched.back.result, Some(switched.release.clone())),
        Err(_) => (DeploymentResult::Unchanged, None),
    };
    let went = Went { settled: Some(settled), release, ..Went::default() };
    let (stage, environment) = (room.stage.clone(), environment.name);
    let (ended, closing) = closing::close(shared, room, went).await;
    if let Some(DeploymentEnd { result, release, live, url }) = ended {
        let environment = environment.clone();
        shared.recorder.tell(EventKind::DeploymentFinished { stage, environment, result, release, live, url });
    }
    let Switched { release, back, failure } = result?;
    match (back.result, failure.or(closing)) {
        (DeploymentResult::Verified, None) => Ok(()),
        (_, Some(cause)) => Err(cause),
        (result, None) => Err(unfinished(result, &environment, &release)),
    }
}

/// Switches every target, brings the release up there, and verifies it. An error is one before anything was switched.
async fn back(
    shared: &Arc<Shared>,
    room: &Arc<Room>,
    driver: &mut Driver,
    to: Option<&str>,
    begun: Deployment,
) -> Result<Switched, Cause> {
    let deployment = room.deployment.get().cloned().ok_or_else(no_deployment)?;
    let found = told(&deployment);
    let release = wanted::choose(&begun.environment, &found, to)?;
    for target in deployment.names() {
        refuse_without_images(&deployment, &target, &release).await?;
    }
    let undo = driver.undo_by_hand(STAGE, room.clone())?;
    let extra = driver.rollback_steps_by_hand(STAGE, room.clone())?;
    let (stage, environment) = (room.stage.clone(), begun.environment);
    let started = EventKind::DeploymentStarted {
        stage,
        environment: environment.clone(),
        release: release.clone(),
        fence: begun.fence,
        fences: begun.fences,
        targets: begun.targets,
        previous: deployments::live(&deployment),
    };
    shared.commit(started).await?;
    let before: Vec<Live> = found.into_iter().map(|(name, state)| (name, state.current)).collect();
    let to = before.iter().map(|(name, _)| (name.clone(), Some(release.clone()))).collect::<Vec<Live>>();
    let way = Way { undo, extra };
    let Err(cause) = switch_all(shared, room, &deployment, &to).await else {
        drop(deployment);
        let mut back = deployments::bring_back(shared, room, way, &to).await;
        if back.result == DeploymentResult::RolledBackVerified {
            back.result = DeploymentResult::Verified;
        }
        return Ok(Switched { release, back, failure: None });
    };
    let back = undo_switches(shared, room, deployment, way, (&before, &cause)).await;
    let failure = unswitched(cause, &back, &environment, &release);
    let back = RolledBack { result: DeploymentResult::RollbackFailed, ..back };
    Ok(Switched { release, back, failure: Some(failure) })
}

/// A target, and the release that is or is to be live there.
type Live = (String, Option<String>);

fn told(deployment: &sealock_deploy::Deployment) -> Vec<wanted::Told> {
    let state = |name: String| (name.clone(), deployment.state(&name).unwrap_or_default());
    deployment.names().into_iter().map(state).collect()
}

async fn switch_all(
    shared: &Shared,
    room: &Room,
    deployment: &sealock_deploy::Deployment,
    to: &[Live],
) -> Result<(), Cause> {
    for (target, release) in to {
        deployments::switch(shared, room, deployment, target, release.as_deref()).await.map_err(cause_of)?;
    }
    Ok(())
}

/// Not every target could be switched: those that were go back to what they ran, so that none is left between. Who has taken
/// a target over answers for all of them: then nothing is changed any more.
async fn undo_switches(
    shared: &Arc<Shared>,
    room: &Arc<Room>,
    deployment: Arc<sealock_deploy::Deployment>,
    way: Way,
    (before, why): (&[Live], &Cause),
) -> RolledBack {
    if why.exit == exit::FENCED {
        let result = DeploymentResult::RollbackFailed;
        return RolledBack { result, live: deployments::live(&deployment), duration_ms: 0 };
    }
    for (target, release) in before {
        let is_known = deployment.confirmed_current(target).await.is_ok();
        let has_moved = deployment.state(target).is_some_and(|state| state.current != *release);
        if is_known && has_moved {
            // Where that fails, too, the target does not confirm it below.
            let _ = deployments::switch(shared, room, &deployment, target, release.as_deref()).await;
        }
    }
    drop(deployment);
    deployments::bring_back(shared, room, way, before).await
}

/// What is told before anything has been switched, not after.
async fn refuse_without_images(
    deployment: &sealock_deploy::Deployment,
    target: &str,
    release: &str,
) -> Result<(), Cause> {
    let missing = deployment.missing_images(target, release).await.map_err(cause_of)?;
    if missing.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = missing.iter().map(|(service, digest)| format!("{service} ({digest})")).collect();
    Err(Cause {
        code: "E-RELEASE-IMAGES".into(),
        message: format!("images of release {release} are no longer on {target}: {}", shown.join(", ")),
        help: Some(format!("pull them there by digest, or deploy the commit of {release} again")),
        exit: exit::REQUEST,
    })
}

fn unfinished(result: DeploymentResult, environment: &str, release: &str) -> Cause {
    let message = match result {
        DeploymentResult::RolledBackUnverified => "the release is live again, and its verification failed",
        _ => "the release could not be brought back on every target",
    };
    rollback_failed(message.to_owned(), environment, release)
}

/// Why not every target was switched, and what became of those that were.
fn unswitched(why: Cause, back: &RolledBack, environment: &str, release: &str) -> Cause {
    if why.exit == exit::FENCED {
        return why;
    }
    let now = match back.result {
        DeploymentResult::RolledBackVerified => "every target is on what it ran before, verified",
        DeploymentResult::RolledBackUnverified => "every target is on what it ran before, and its verification failed",
        _ => "not every target could be put back on what it ran before",
    };
    rollback_failed(format!("{}; {now}", why.message), environment, release)
}

fn rollback_failed(message: String, environment: &str, release: &str) -> Cause {
    let help = format!("when what is in its way is gone: sealock rollback {environment} --to {release}");
    Cause { code: "E-ROLLBACK-FAILED".into(), message, help: Some(help), exit: exit::ROLLBACK_FAILED }
}

fn no_deployment() -> Cause {
    Cause {
        code: "E-ENVIRONMENT-UNKNOWN".into(),
        message: "no stage of the pipeline deploys there".into(),
        help: None,
        exit: 2,
    }
}
