//! The end of a run that was interrupted: everything that began is told to be over, so that it can begin again.

use sealock_events::{Cause, Conclusion, DeploymentResult, EventKind, INTERRUPTED, RunResult};
use serde_json::Map;

use super::Machine;
use super::messages::{Command, StageId};
use super::stage::Phase;
use crate::exit;

impl Machine {
    /// Nothing runs any more, and nobody takes anything back: the run is left as it is, to be resumed.
    pub(super) fn interrupted(&mut self, out: &mut Vec<Command>) {
        let mut unclear = None;
        for place in 0..self.stages.len() {
            let stage = &self.stages[place];
            if !matches!(stage.phase, Phase::Waiting | Phase::Interrupted | Phase::Done) {
                let is_between = stage.is_saga && stage.settled.is_none();
                let deployment = stage.deployment.as_ref().filter(|_| is_between);
                unclear = unclear.or_else(|| deployment.map(|own| own.environment.clone()));
                self.interrupt_stage(StageId(place), interruption(), out);
            }
        }
        self.finished = true;
        let exit = if unclear.is_some() { exit::NEEDS_RECOVERY } else { exit::CANCELLED };
        let mut cause = Cause { exit, ..interruption() };
        if let Some(environment) = unclear {
            cause.message = format!("the run was interrupted while it deployed to {environment}");
        }
        out.push(Command::Finish { result: RunResult::Interrupted, exit, cause: Some(cause) });
    }

    /// Ends what is open in a stage.
    pub(super) fn interrupt_stage(&mut self, id: StageId, cause: Cause, out: &mut Vec<Command>) {
        if let Some(attempt) = self.stages[id.0].running() {
            let kind = self.step_end(id, attempt, Conclusion::Cancelled, Some(interruption()));
            self.tell(kind, out);
        }
        self.interrupt_deployment(id, out);
        let stage = &mut self.stages[id.0];
        if stage.phase == Phase::MakingCells {
            stage.phase = Phase::Waiting;
            return;
        }
        let (stage, outputs) = (stage.plan.name.clone(), Map::new());
        let result = Conclusion::Cancelled;
        self.tell(EventKind::StageFinished { stage, result, outputs, cause: Some(cause), duration_ms: 0 }, out);
    }

    fn interrupt_deployment(&mut self, id: StageId, out: &mut Vec<Command>) {
        let stage = &self.stages[id.0];
        let Some(deployment) = stage.deployment.clone().filter(|_| stage.holds_locks) else { return };
        let (name, result, live) = (stage.plan.name.clone(), DeploymentResult::Interrupted, Vec::new());
        if stage.undoes {
            let (stage, environment) = (name.clone(), deployment.environment.clone());
            let kind = EventKind::RollbackFinished { stage, environment, result, live: live.clone(), duration_ms: 0 };
            self.tell(kind, out);
        }
        let (stage, environment, release) = (name, deployment.environment, deployment.release);
        self.tell(EventKind::DeploymentFinished { stage, environment, result, release, live, url: None }, out);
    }
}

/// Why something ended that goes on when the run is resumed.
pub(super) fn interruption() -> Cause {
    Cause { code: INTERRUPTED.into(), message: "the run was interrupted".into(), help: None, exit: exit::CANCELLED }
}
