//! What the whole run came to.

use sealock_events::{Cause, Conclusion, DeploymentResult, RunResult};

use super::Machine;
use super::messages::{Command, StageId};
use super::rollback::{cancelled, cancelled_because};
use super::stage::Phase;
use crate::exit;

/// Why a stage failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// Which.
    pub(super) stage: StageId,
    /// Why.
    pub(super) cause: Cause,
}

impl Machine {
    pub(super) fn finish_when_done(&mut self, out: &mut Vec<Command>) {
        let is_over = |phase: Phase| match phase {
            Phase::Done | Phase::Interrupted => true,
            Phase::Waiting => !self.unsettled.is_empty(),
            _ => false,
        };
        if !self.stages.iter().all(|stage| is_over(stage.phase)) {
            return;
        }
        self.finished = true;
        if let Some(cause) = self.unsettled.values().next().cloned() {
            let (result, exit) = (RunResult::NeedsRecovery, cause.exit);
            return out.push(Command::Finish { result, exit, cause: Some(cause) });
        }
        let (result, exit, cause) = self.verdict();
        out.push(Command::Finish { result, exit, cause });
    }

    /// When several are true: 70, 12, 11, 10 in this order; then 130; else the first failure in time. A failed stage that
    /// has no cause of its own is a step's failure.
    pub(super) fn verdict(&self) -> (RunResult, u8, Option<Cause>) {
        let is_grave = |exit: u8| move |own: &&Failure| own.cause.exit == exit && !self.is_settled(own);
        let grave =
            [exit::BUG, exit::NEEDS_RECOVERY].into_iter().find_map(|exit| self.failures.iter().find(is_grave(exit)));
        if let Some(Failure { cause, .. }) = grave {
            return (RunResult::Failure, cause.exit, Some(cause.clone()));
        }
        let first = self.failures.first().map(|own| own.cause.clone());
        let came_to = |wanted: &[DeploymentResult]| self.deployments.values().any(|result| wanted.contains(result));
        if came_to(&[DeploymentResult::RollbackFailed, DeploymentResult::RolledBackUnverified]) {
            return (RunResult::Failure, exit::ROLLBACK_FAILED, first.or_else(|| Some(cancelled())));
        }
        if came_to(&[DeploymentResult::RolledBackVerified]) {
            return (RunResult::Failure, exit::ROLLED_BACK, first.or_else(|| Some(cancelled())));
        }
        if self.cancelled {
            return (RunResult::Cancelled, exit::CANCELLED, Some(cancelled()));
        }
        if let Some(cause) = first {
            return (RunResult::Failure, cause.exit, Some(cause));
        }
        let stopped = self.stages.iter().find(|stage| stage.result == Some(Conclusion::Cancelled));
        if let Some(stage) = stopped {
            let why = stage.cancelled.as_deref().map(|why| format!("stage `{}` was cancelled: {why}", stage.plan.name));
            let cause = why.map_or_else(cancelled, |why| cancelled_because(&why));
            return (RunResult::Cancelled, exit::CANCELLED, Some(cause));
        }
        (RunResult::Success, 0, None)
    }

    /// Whether an unknown outcome is one no more: a rollback takes unclear effects back too, and its result is what is true.
    fn is_settled(&self, failure: &Failure) -> bool {
        failure.cause.exit == exit::NEEDS_RECOVERY && self.stages[failure.stage.0].rolled_back.is_some()
    }
}
