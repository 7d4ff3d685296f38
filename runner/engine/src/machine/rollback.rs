//! The end of a stage: verified, rolled back, or simply over.

use sealock_events::{Cause, Conclusion, DeploymentResult, EventKind, NEEDS_RECOVERY};
use serde_json::{Map, Value as Json};

use super::Machine;
use super::messages::{Command, DeploymentEnd, RolledBack, StageId};
use super::stage::Phase;
use crate::exit;

/// A bug, and an outcome that is unknown.
const GRAVE_EXITS: [u8; 2] = [70, 12];

impl Machine {
    /// No step is left: a deployment that began an effect and did not succeed goes back.
    pub(super) fn end_of_steps(&mut self, id: StageId, out: &mut Vec<Command>) {
        let stage = &self.stages[id.0];
        let failed = stage.has_failed() || stage.is_cancelled();
        // Who holds the targets now answers for them: a fenced run does nothing more there.
        let fenced = stage.failure.as_ref().is_some_and(|cause| cause.exit == exit::FENCED);
        if stage.deployment.is_some() && stage.is_saga && failed && !fenced {
            return self.roll_back(id, out);
        }
        if stage.deployment.is_none() && stage.half_done.is_some() {
            return self.go_back(id, out);
        }
        self.close(id, out);
    }

    pub(super) fn roll_back(&mut self, id: StageId, out: &mut Vec<Command>) {
        let stage = &self.stages[id.0];
        let cause = stage.failure.clone().unwrap_or_else(cancelled);
        if let Some(deployment) = &stage.deployment {
            let kind = EventKind::RollbackStarted {
                stage: stage.plan.name.clone(),
                environment: deployment.environment.clone(),
                release: deployment.release.clone(),
                cause,
            };
            self.tell(kind, out);
        }
        self.go_back(id, out);
    }

    /// Takes back what was begun; in a run that is resumed, once more from the newest.
    fn go_back(&mut self, id: StageId, out: &mut Vec<Command>) {
        let stage = &mut self.stages[id.0];
        stage.phase = Phase::RollingBack;
        let cause = stage.failure.clone().unwrap_or_else(cancelled);
        let is_saga = stage.deployment.is_some();
        let half = |step: &usize| is_saga || stage.half_done == Some(*step);
        let steps: Vec<usize> = stage.effects.iter().rev().copied().filter(half).collect();
        out.push(Command::RollBack { stage: id, steps, cause });
    }

    pub(super) fn rolled_back(&mut self, id: StageId, result: RolledBack, out: &mut Vec<Command>) {
        let stage = &self.stages[id.0];
        if let Some(deployment) = &stage.deployment {
            let kind = EventKind::RollbackFinished {
                stage: stage.plan.name.clone(),
                environment: deployment.environment.clone(),
                result: result.result,
                live: result.live,
                duration_ms: result.duration_ms,
            };
            self.tell(kind, out);
        } else if result.result == DeploymentResult::RollbackFailed {
            self.stages[id.0].refusal = Some(stuck_between());
        }
        self.close(id, out);
    }

    pub(super) fn close(&mut self, id: StageId, out: &mut Vec<Command>) {
        let stage = &mut self.stages[id.0];
        stage.phase = Phase::Closing;
        let is_whole = stage.unclear.is_none() && stage.refusal.is_none();
        let succeeded = !stage.has_failed() && !stage.is_cancelled() && is_whole;
        let left = stage.unclear.as_ref().map(|_| DeploymentResult::Interrupted);
        let settled = stage.rolled_back.as_ref().map(|own| own.result).or(left);
        out.push(Command::CloseStage { stage: id, succeeded, settled });
    }

    pub(super) fn stage_closed(
        &mut self,
        id: StageId,
        outputs: Map<String, Json>,
        deployment: Option<DeploymentEnd>,
        cause: Option<Cause>,
        out: &mut Vec<Command>,
    ) {
        let name = self.stages[id.0].plan.name.clone();
        if let Some(DeploymentEnd { result, release, live, url }) = deployment {
            let environment = self.stages[id.0].plan.environment.clone().unwrap_or_default();
            let kind = EventKind::DeploymentFinished { stage: name.clone(), environment, result, release, live, url };
            self.tell(kind, out);
        }
        let unwritten = || cause.clone().filter(|cause| cause.code == NEEDS_RECOVERY);
        if let Some(cause) = self.stages[id.0].unclear.clone().or_else(unwritten) {
            return self.interrupt_stage(id, cause, out);
        }
        let stage = &self.stages[id.0];
        // Who holds the targets of a deployment now answers for them.
        let fence = stage.refusal.clone().filter(|refusal| stage.is_saga && refusal.exit == exit::FENCED);
        let failure = fence.or_else(|| worse(worse(stage.failure.clone(), stage.refusal.clone()), cause));
        let result = if failure.is_some() || stage.has_failed() {
            Conclusion::Failure
        } else if stage.is_cancelled() {
            Conclusion::Cancelled
        } else {
            Conclusion::Success
        };
        let cause = failure.or_else(|| stage.cancelled.as_ref().map(|why| cancelled_because(why)));
        self.tell(EventKind::StageFinished { stage: name, result, outputs, cause, duration_ms: 0 }, out);
        self.fail_fast(id, out);
    }

    /// The first failed cell of a matrix stops the others, unless its author said otherwise.
    fn fail_fast(&mut self, id: StageId, out: &mut Vec<Command>) {
        let stage = &self.stages[id.0];
        if stage.result != Some(Conclusion::Failure) || stage.plan.cells < 2 || !stage.plan.fail_fast {
            return;
        }
        let group = stage.plan.id.clone();
        let why = format!("`{}` failed, and its matrix stops at the first failure (`fail-fast`)", stage.plan.name);
        for place in (0..self.stages.len()).filter(|&place| place != id.0) {
            if self.stages[place].plan.id == group {
                self.cancel_stage(StageId(place), &why, out);
            }
        }
    }
}

/// The first failure, unless what happened while the stage was closed is graver than any step's.
fn worse(first: Option<Cause>, closing: Option<Cause>) -> Option<Cause> {
    match (first, closing) {
        (Some(first), Some(closing)) if !GRAVE_EXITS.contains(&closing.exit) => Some(first),
        (first, closing) => closing.or(first),
    }
}

/// A part of an effect happened, and it could not be taken back.
fn stuck_between() -> Cause {
    Cause {
        code: "E-OUTCOME-UNKNOWN".into(),
        message: "a part of an effect happened before the run was interrupted, and taking it back failed".into(),
        help: Some("look at what the step changes, and put it right by hand".into()),
        exit: 12,
    }
}

pub(super) fn cancelled_because(why: &str) -> Cause {
    Cause { message: why.to_owned(), ..cancelled() }
}

pub(crate) fn cancelled() -> Cause {
    Cause { code: "E-CANCELLED".into(), message: "the run was cancelled".into(), help: None, exit: 130 }
}
