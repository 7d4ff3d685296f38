//! What the whole run came to.

use sealock_events::{Cause, Conclusion, DeploymentResult, RunResult};

use super::Machine;
use super::messages::Command;
use super::rollback::{cancelled, cancelled_because};
use super::stage::Phase;

/// A bug in Sealock, and an effect whose outcome is unknown: whatever else is true.
const GRAVE: [u8; 2] = [70, 12];
/// The deployment failed and was rolled back, and the old release verified.
const EXIT_ROLLED_BACK: u8 = 10;
/// The deployment failed and so did the rollback, or its verification.
const EXIT_ROLLBACK_FAILED: u8 = 11;
/// Cancelled.
const EXIT_CANCELLED: u8 = 130;

impl Machine {
    pub(super) fn finish_when_done(&mut self, out: &mut Vec<Command>) {
        if !self.stages.iter().all(|stage| stage.phase == Phase::Done) {
            return;
        }
        self.finished = true;
        let (result, exit, cause) = self.verdict();
        out.push(Command::Finish { result, exit, cause });
    }

    /// When several are true: 70, 12, 11, 10 in this order; then 130; else the first failure in time. A failed stage that
    /// has no cause of its own is a step's failure.
    fn verdict(&self) -> (RunResult, u8, Option<Cause>) {
        let grave = GRAVE.iter().find_map(|exit| self.failures.iter().find(|cause| cause.exit == *exit));
        if let Some(cause) = grave {
            return (RunResult::Failure, cause.exit, Some(cause.clone()));
        }
        let first = self.failures.first().cloned();
        let came_to = |wanted: &[DeploymentResult]| self.deployments.iter().any(|result| wanted.contains(result));
        if came_to(&[DeploymentResult::RollbackFailed, DeploymentResult::RolledBackUnverified]) {
            return (RunResult::Failure, EXIT_ROLLBACK_FAILED, first.or_else(|| Some(cancelled())));
        }
        if came_to(&[DeploymentResult::RolledBackVerified]) {
            return (RunResult::Failure, EXIT_ROLLED_BACK, first.or_else(|| Some(cancelled())));
        }
        if self.cancelled {
            return (RunResult::Cancelled, EXIT_CANCELLED, Some(cancelled()));
        }
        if let Some(cause) = first {
            return (RunResult::Failure, cause.exit, Some(cause));
        }
        let stopped = self.stages.iter().find(|stage| stage.result == Some(Conclusion::Cancelled));
        if let Some(stage) = stopped {
            let why = stage.cancelled.as_deref().map(|why| format!("stage `{}` was cancelled: {why}", stage.plan.name));
            let cause = why.map_or_else(cancelled, |why| cancelled_because(&why));
            return (RunResult::Cancelled, EXIT_CANCELLED, Some(cause));
        }
        (RunResult::Success, 0, None)
    }
}
