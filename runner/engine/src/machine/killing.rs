//! The end of a run that was killed: everything that began is told to be over, and what is not known is said.

use sealock_events::{Cause, Conclusion, DeploymentResult, EventKind, RunResult};

use super::Machine;
use super::messages::{Command, StageId};
use super::rollback::{cancelled, cancelled_because};
use super::stage::{Phase, Stage};

/// An effect's outcome is unknown.
const EXIT_NEEDS_RECOVERY: u8 = 12;

impl Machine {
    /// Nothing runs any more. A deployment that had begun an effect is neither here nor there: nobody takes it back.
    pub(super) fn killed(&mut self, out: &mut Vec<Command>) {
        let mut unsettled = None;
        for place in 0..self.stages.len() {
            let stage = &self.stages[place];
            if !matches!(stage.phase, Phase::Waiting | Phase::Done) {
                unsettled = unsettled.or_else(|| unknown(stage));
                self.kill_stage(StageId(place), out);
            }
        }
        self.finished = true;
        let why = unsettled.unwrap_or_else(|| cancelled_because("the run was ended at once"));
        let result = if why.exit == EXIT_NEEDS_RECOVERY { RunResult::Failure } else { RunResult::Cancelled };
        out.push(Command::Finish { result, exit: why.exit, cause: Some(why) });
    }

    fn kill_stage(&mut self, id: StageId, out: &mut Vec<Command>) {
        let stage = &self.stages[id.0];
        let name = stage.plan.name.clone();
        if let Some(attempt) = stage.running() {
            let kind = EventKind::StepFinished {
                stage: name.clone(),
                step: stage.plan.steps[attempt.step].key.clone(),
                attempt: attempt.number,
                outcome: Conclusion::Cancelled,
                conclusion: Conclusion::Cancelled,
                cause: Some(cancelled()),
                duration_ms: 0,
                log_bytes: 0,
                retrying: false,
            };
            Self::record(out, kind);
        }
        if let (Phase::RollingBack, Some(deployment)) = (stage.phase, &stage.deployment) {
            let kind = EventKind::RollbackFinished {
                stage: name.clone(),
                environment: deployment.environment.clone(),
                result: DeploymentResult::RollbackFailed,
                live: Vec::new(),
                duration_ms: 0,
            };
            Self::record(out, kind);
        }
        if stage.phase != Phase::MakingCells {
            let kind = EventKind::StageFinished {
                stage: name,
                result: Conclusion::Cancelled,
                outputs: serde_json::Map::new(),
                cause: Some(cancelled_because("the run was ended at once")),
                duration_ms: 0,
            };
            Self::record(out, kind);
        }
        self.end(id, Conclusion::Cancelled);
    }
}

/// Why nobody knows what is live, when the stage's deployment had begun an effect.
fn unknown(stage: &Stage) -> Option<Cause> {
    let deployment = stage.deployment.as_ref().filter(|_| stage.is_saga)?;
    let environment = &deployment.environment;
    Some(Cause {
        code: "E-OUTCOME-UNKNOWN".into(),
        message: format!("the run was ended while it deployed {} to {environment}", deployment.release),
        help: Some(format!("look with `sealock status {environment}`, then `sealock rollback {environment}`")),
        exit: EXIT_NEEDS_RECOVERY,
    })
}
