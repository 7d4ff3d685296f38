//! A rollback that a person asks for: the same transaction as in a run, from the ledger.

use std::sync::Arc;
use std::time::Instant;

use sealock_events::{Cause, Conclusion, DeploymentResult, EventKind, RunResult};
use sealock_sandbox::CancellationToken;
use serde_json::Map;
use tokio::sync::mpsc;

use crate::closing::{self, Went};
use crate::deployments::{self, Way};
use crate::driver::{Driver, Verdict};
use crate::machine::{Deployment, DeploymentEnd, RolledBack, StageId};
use crate::outcome::cause_of;
use crate::room::Room;
use crate::shared::Shared;

/// The only stage of the plan.
const STAGE: StageId = StageId(0);
/// The rollback failed, or its verification.
const EXIT_ROLLBACK_FAILED: u8 = 11;
/// Nothing was changed: what was asked for cannot be.
const EXIT_REQUEST: u8 = 2;

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
        Ok((release, back)) => (back.result, Some(release.clone())),
        Err(_) => (DeploymentResult::Unchanged, None),
    };
    let went = Went { settled: Some(settled), release, ..Went::default() };
    let (stage, environment) = (room.stage.clone(), environment.name);
    let (ended, closing) = closing::close(shared, room, went).await;
    if let Some(DeploymentEnd { result, release, live, url }) = ended {
        shared.recorder.tell(EventKind::DeploymentFinished { stage, environment, result, release, live, url });
    }
    let (_, back) = result?;
    match (back.result, closing) {
        (DeploymentResult::Verified, None) => Ok(()),
        (_, Some(cause)) => Err(cause),
        (result, None) => Err(unfinished(result)),
    }
}

/// Switches every target, brings the release up there, and verifies it. Gives the release, too.
async fn back(
    shared: &Arc<Shared>,
    room: &Arc<Room>,
    driver: &mut Driver,
    to: Option<&str>,
    begun: Deployment,
) -> Result<(String, RolledBack), Cause> {
    let deployment = room.deployment.get().cloned().ok_or_else(no_deployment)?;
    let mut switches = Vec::new();
    for target in deployment.names() {
        switches.push((target.clone(), wanted(&deployment, &target, to)?));
    }
    let release = switches.first().map(|(_, release)| release.clone()).ok_or_else(no_deployment)?;
    for (target, release) in &switches {
        refuse_without_images(&deployment, target, release).await?;
    }
    let undo = driver.undo_by_hand(STAGE, room.clone())?;
    let extra = driver.rollback_steps_by_hand(STAGE, room.clone())?;
    let (stage, environment) = (room.stage.clone(), begun.environment);
    let (fence, targets) = (begun.fence, begun.targets);
    let previous = deployments::live(&deployment);
    let started = EventKind::DeploymentStarted {
        stage: stage.clone(),
        environment: environment.clone(),
        release: release.clone(),
        fence,
        targets,
        previous,
    };
    shared.commit(started).await?;
    for (target, release) in &switches {
        deployments::switch(shared, room, &deployment, target, Some(release)).await.map_err(cause_of)?;
    }
    drop(deployment);
    let mut back = deployments::bring_back(shared, room, Way { undo, extra }, &switches).await;
    if back.result == DeploymentResult::RolledBackVerified {
        back.result = DeploymentResult::Verified;
    }
    Ok((release, back))
}

/// The release that `target` is to run.
fn wanted(deployment: &sealock_deploy::Deployment, target: &str, to: Option<&str>) -> Result<String, Cause> {
    let state = deployment.state(target).unwrap_or_default();
    let verified = state.ledger.verified();
    let usable: Vec<&str> = verified.iter().copied().filter(|id| state.releases.iter().any(|own| own == id)).collect();
    let refused = |code: &str, message: String| {
        let others: Vec<&str> = usable.iter().copied().filter(|id| Some(*id) != state.current.as_deref()).collect();
        let help =
            (!others.is_empty()).then(|| format!("verified there once: {}; name one: --to RELEASE", others.join(", ")));
        Cause { code: code.into(), message, help, exit: EXIT_REQUEST }
    };
    let Some(release) = to else {
        let before = state.ledger.before(state.current.as_deref()).map(|release| release.id);
        let current = state.current.as_deref().unwrap_or("nothing");
        return before.filter(|id| usable.contains(&id.as_str())).ok_or_else(|| {
            refused(
                "E-RELEASE-MISSING",
                format!("{target} runs {current} and has no release that was verified before it"),
            )
        });
    };
    if !state.releases.iter().any(|own| own == release) {
        return Err(refused("E-RELEASE-MISSING", format!("{target} has no release {release}")));
    }
    if !verified.contains(&release) {
        return Err(refused("E-RELEASE-UNVERIFIED", format!("release {release} was never verified on {target}")));
    }
    Ok(release.to_owned())
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
        exit: EXIT_REQUEST,
    })
}

fn unfinished(result: DeploymentResult) -> Cause {
    let message = match result {
        DeploymentResult::RolledBackUnverified => "the release is live again, and its verification failed",
        _ => "the release could not be brought back on every target",
    };
    Cause { code: "E-ROLLBACK-FAILED".into(), message: message.into(), help: None, exit: EXIT_ROLLBACK_FAILED }
}

fn no_deployment() -> Cause {
    Cause {
        code: "E-ENVIRONMENT-UNKNOWN".into(),
        message: "no stage of the pipeline deploys there".into(),
        help: None,
        exit: 2,
    }
}
