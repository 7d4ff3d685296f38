//! The end of a stage: verified, rolled back, or simply over.

use sealock_events::{Cause, Conclusion, DeploymentResult, EventKind};
use serde_json::{Map, Value as Json};

use super::Machine;
use super::messages::{Command, RolledBack, StageId};
use super::stage::Phase;
use super::verdict::Failure;

/// Another run holds the environment.
const EXIT_FENCED: u8 = 7;

impl Machine {
    /// No step is left: a deployment that began an effect and did not succeed goes back.
    pub(super) fn end_of_steps(&mut self, id: StageId, out: &mut Vec<Command>) {
        let stage = &self.stages[id.0];
        let failed = stage.has_failed() || stage.is_cancelled();
        // Who holds the targets now answers for them: a fenced run does nothing more there.
        let fenced = stage.failure.as_ref().is_some_and(|cause| cause.exit == EXIT_FENCED);
        if stage.deployment.is_some() && stage.is_saga && failed && !fenced {
            return self.roll_back(id, out);
        }
        self.close(id, out);
    }

    fn roll_back(&mut self, id: StageId, out: &mut Vec<Command>) {
        let stage = &mut self.stages[id.0];
        stage.phase = Phase::RollingBack;
        let cause = stage.failure.clone().unwrap_or_else(cancelled);
        let steps: Vec<usize> = stage.effects.iter().rev().copied().collect();
        if let Some(deployment) = &stage.deployment {
            let kind = EventKind::RollbackStarted {
                stage: stage.plan.name.clone(),
                environment: deployment.environment.clone(),
                release: deployment.release.clone(),
                cause: cause.clone(),
            };
            Self::record(out, kind);
        }
        out.push(Command::RollBack { stage: id, steps, cause });
    }

    pub(super) fn rolled_back(&mut self, id: StageId, result: RolledBack, out: &mut Vec<Command>) {
        let stage = &mut self.stages[id.0];
        if let Some(deployment) = &stage.deployment {
            let kind = EventKind::RollbackFinished {
                stage: stage.plan.name.clone(),
                environment: deployment.environment.clone(),
                result: result.result,
                live: result.live.clone(),
                duration_ms: result.duration_ms,
            };
            Self::record(out, kind);
        }
        stage.rolled_back = Some(result);
        self.close(id, out);
    }

    pub(super) fn close(&mut self, id: StageId, out: &mut Vec<Command>) {
        let stage = &mut self.stages[id.0];
        stage.phase = Phase::Closing;
        let succeeded = !stage.has_failed() && !stage.is_cancelled();
        let rolled_back = stage.rolled_back.as_ref().map(|own| own.result);
        out.push(Command::CloseStage { stage: id, succeeded, rolled_back });
    }

    pub(super) fn stage_closed(
        &mut self,
        id: StageId,
        outputs: Map<String, Json>,
        deployment: Option<DeploymentResult>,
        cause: Option<Cause>,
        out: &mut Vec<Command>,
    ) {
        if let Some(cause) = cause {
            self.stages[id.0].failure.get_or_insert_with(|| cause.clone());
            self.failures.push(Failure { stage: id, cause });
        }
        self.deployments.extend(deployment);
        let stage = &mut self.stages[id.0];
        stage.outputs = outputs;
        let result = if stage.has_failed() {
            Conclusion::Failure
        } else if stage.is_cancelled() {
            Conclusion::Cancelled
        } else {
            Conclusion::Success
        };
        self.end(id, result);
        let stage = &self.stages[id.0];
        let cause = stage.failure.clone().or_else(|| stage.cancelled.as_ref().map(|why| cancelled_because(why)));
        out.push(Command::Record(Box::new(EventKind::StageFinished {
            stage: stage.plan.name.clone(),
            result,
            outputs: stage.outputs.clone(),
            cause,
            duration_ms: 0,
        })));
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

pub(super) fn cancelled_because(why: &str) -> Cause {
    Cause { message: why.to_owned(), ..cancelled() }
}

pub(crate) fn cancelled() -> Cause {
    Cause { code: "E-CANCELLED".into(), message: "the run was cancelled".into(), help: None, exit: 130 }
}
