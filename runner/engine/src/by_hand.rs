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
use crate::machine::{Deployment, RolledBack, StageId};
use crate::outcome::cause_of;
use crate::room::Room;
use crate::shared::Shared;

/// The only stage of the plan.
const STAGE: StageId = StageId(0);
/// The rollback failed, or its verification.
const EXIT_ROLLBACK_FAILED: u8 = 11;

/// Brings the environment back. Success is a release that is live and verified.
pub(crate) async fn roll_back(shared: &Arc<Shared>, to: Option<&str>, stop: &CancellationToken) -> Verdict {
    let started = Instant::now();
    let Some(stage) = shared.plan.stages.first().map(|stage| stage.name.clone()) else {
        return failed(no_deployment());
    };
    shared.recorder.tell(EventKind::StageStarted { stage: stage.clone() });
    let done = transaction(shared, to, stop).await;
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
    let begun = deployments::begin(shared, &room, &environment, stop).await?;
    let result = back(shared, &room, &mut driver, to, begun).await;
    drop(driver);
    let (settled, release) = match &result {
        Ok((release, back)) => (back.result, Some(release.clone())),
        Err(_) => (DeploymentResult::Unchanged, None),
    };
    let went = Went { settled: Some(settled), release, ..Went::default() };
    let (_, closing) = closing::close(shared, room, went).await;
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
    let undo = driver.undo_by_hand(STAGE, room.clone())?;
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
        deployment.switch(target, Some(release)).await.map_err(cause_of)?;
        let (target, release) = (target.clone(), release.clone());
        shared
            .commit(EventKind::Switched { stage: stage.clone(), environment: environment.clone(), target, release })
            .await?;
    }
    drop(deployment);
    let mut back = deployments::bring_back(shared, room, Way { undo, extra: Vec::new() }, &switches).await;
    if back.result == DeploymentResult::RolledBackVerified {
        back.result = DeploymentResult::Verified;
    }
    Ok((release, back))
}

/// The release that `target` is to run.
fn wanted(deployment: &sealock_deploy::Deployment, target: &str, to: Option<&str>) -> Result<String, Cause> {
    let state = deployment.state(target).unwrap_or_default();
    let found = match to {
        Some(release) => state.releases.iter().find(|own| *own == release).cloned(),
        None => state.ledger.verified_other_than(state.current.as_deref()).map(|release| release.id),
    };
    found.ok_or_else(|| {
        let there = if state.releases.is_empty() {
            "there is none".to_owned()
        } else {
            format!("there are {}", state.releases.join(", "))
        };
        let message = match to {
            Some(release) => format!("{target} has no release {release}: {there}"),
            None => format!("{target} has no other verified release to go back to"),
        };
        Cause {
            code: "E-RELEASE-MISSING".into(),
            message,
            help: to.is_none().then(|| "name one: --to RELEASE".to_owned()),
            exit: 2,
        }
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
