//! What a stage needs before its first step, got in order: its concurrency group and ports, workspace, services and
//! container, and last the locks of its targets.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sealock_events::{Cause, EventKind};
use sealock_sandbox::CancellationToken;
use tokio::sync::mpsc;

use crate::attempt;
use crate::deployments;
use crate::groups;
use crate::machine::{self, Deployment, Input};
use crate::room::Room;
use crate::shared::Shared;
use crate::stage_spec::{OwnService, StageSpec};

/// Gets what a stage needs, its locks last.
pub(crate) async fn open(
    shared: Arc<Shared>,
    spec: StageSpec,
    feed: mpsc::UnboundedSender<Input>,
    stop: CancellationToken,
) {
    let id = spec.id;
    let opened = Box::pin(try_open(&shared, spec, &feed, &stop)).await;
    let input = match opened {
        Ok((room, deployment)) => {
            let fresh = room.fresh();
            shared.leave(id, room);
            Input::StageReady { stage: id, deployment, fresh }
        }
        Err(cause) => Input::StageRefused { stage: id, cause },
    };
    let _ = feed.send(input);
}

async fn try_open(
    shared: &Arc<Shared>,
    spec: StageSpec,
    feed: &mpsc::UnboundedSender<Input>,
    stop: &CancellationToken,
) -> Result<(Arc<Room>, Option<Deployment>), Cause> {
    let goes_on = spec.goes_on.as_ref();
    let environment = spec.environment.clone().filter(|_| !goes_on.is_some_and(|own| own.is_settled));
    let begun = goes_on.filter(|own| own.has_effects).and_then(|own| own.deployment.clone());
    let opened = tokio::select! {
        opened = open_room(shared, spec, feed) => opened?,
        () = stop.cancelled() => return Err(machine::cancelled()),
    };
    let room = Arc::new(opened);
    let Some(environment) = environment else {
        return Ok((room, None));
    };
    match deployments::begin(shared, &room, &environment, begun.as_ref(), stop).await {
        Ok(deployment) => Ok((room, Some(deployment))),
        Err(cause) => {
            if let Ok(room) = Arc::try_unwrap(room) {
                room.close(shared).await;
            }
            Err(cause)
        }
    }
}

/// Everything but the locks of targets. Waiting for a group or a port takes as long as it takes; services and container
/// have the stage's time.
async fn open_room(shared: &Arc<Shared>, spec: StageSpec, feed: &mpsc::UnboundedSender<Input>) -> Result<Room, Cause> {
    let mut held = Vec::new();
    if let Some((group, on_conflict)) = &spec.group {
        held.push(take_group(shared, &spec, group, *on_conflict, feed).await?);
    }
    held.extend(take_ports(shared, &spec).await?);
    let (name, most) = (spec.stage.clone(), spec.plan.timeout_ms);
    let opened = tokio::time::timeout(Duration::from_millis(most), Room::open(shared, spec, held, feed.clone())).await;
    opened.unwrap_or_else(|_| Err(machine::stage_timeout(&name, most)))
}

async fn take_group(
    shared: &Shared,
    spec: &StageSpec,
    group: &str,
    on_conflict: sealock_plan::Conflict,
    feed: &mpsc::UnboundedSender<Input>,
) -> Result<groups::Held, Cause> {
    let me = format!("run {} (stage {})", shared.run, spec.stage);
    let waiting = || {
        let waiting = sealock_events::Waiting::Concurrency { group: group.to_owned() };
        shared.recorder.tell(EventKind::Waiting { stage: Some(spec.stage.clone()), step: None, waiting });
    };
    match groups::take(shared.folder.state(), group, on_conflict, &me, waiting).await {
        Ok(groups::Taken::Ours(held)) => {
            let (note, feed, stage) = (held.note(), feed.clone(), spec.id);
            tokio::spawn(async move {
                tokio::select! {
                    () = groups::Held::asked_to_cancel(note) => drop(feed.send(Input::CancelStage { stage })),
                    () = feed.closed() => {}
                }
            });
            Ok(held)
        }
        Ok(groups::Taken::Refused(cause)) => Err(cause),
        Err(error) => Err(attempt::disk(&error)),
    }
}

/// Takes the ports of this machine that the stage's services fix: stages that fix the same one wait for each other. In
/// ascending order, so that no two of them wait in a ring.
async fn take_ports(shared: &Shared, spec: &StageSpec) -> Result<Vec<groups::Held>, Cause> {
    let me = format!("run {} (stage {})", shared.run, spec.stage);
    let ports: BTreeSet<u16> = spec.services.iter().flat_map(OwnService::fixed_ports).collect();
    let mut held = Vec::new();
    for port in ports {
        let waiting = || {
            let waiting = sealock_events::Waiting::Port { port };
            shared.recorder.tell(EventKind::Waiting { stage: Some(spec.stage.clone()), step: None, waiting });
        };
        let state = shared.folder.state();
        match groups::take(state, &format!("port {port}"), sealock_plan::Conflict::Queue, &me, waiting).await {
            Ok(groups::Taken::Ours(one)) => held.push(one),
            Ok(groups::Taken::Refused(cause)) => return Err(cause),
            Err(error) => return Err(attempt::disk(&error)),
        }
    }
    Ok(held)
}
