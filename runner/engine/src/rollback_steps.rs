//! The stage's own `rollback:` steps: conditions, tries, and forgiveness as of any other step.

use std::sync::Arc;
use std::time::Duration;

use sealock_events::{Conclusion, EventKind};
use sealock_plan::Retry;
use tokio_util::sync::CancellationToken;

use crate::attempt::{self, Attempt};
use crate::machine::{self, Ended};
use crate::room::Room;
use crate::shared::Shared;

/// One step, whose condition holds.
pub(crate) struct RollbackStep {
    /// Its tries, in order; at least one.
    pub(crate) tries: Vec<Attempt>,
    /// When there is another.
    pub(crate) retry: Option<Retry>,
}

/// Runs it, and says whether the rollback may count it as done.
pub(crate) async fn run(shared: &Arc<Shared>, room: &Arc<Room>, step: RollbackStep) -> bool {
    let mut done = true;
    let mut tries = step.tries.into_iter().peekable();
    while let Some(attempt) = tries.next() {
        let what = format!("run {}", attempt.name.step);
        let ended = make(shared, room, attempt, &what).await;
        let failed = ended.why.conclusion() != Conclusion::Success;
        done = !failed || ended.allow_failure;
        let again = step.retry.as_ref().filter(|retry| failed && machine::is_retried(retry, ended.why));
        match again.filter(|_| tries.peek().is_some()) {
            Some(retry) => tokio::time::sleep(Duration::from_millis(machine::backoff_ms(retry, ended.attempt))).await,
            None => return done,
        }
    }
    done
}

/// Makes one try of something that a rollback does, and tells of it.
pub(crate) async fn make(shared: &Arc<Shared>, room: &Arc<Room>, attempt: Attempt, what: &str) -> Ended {
    let step = attempt.name.step.clone();
    let ended = attempt::make(shared, room, attempt, CancellationToken::new()).await.ended;
    shared.recorder.tell(EventKind::RollbackStep {
        stage: room.stage.clone(),
        step,
        what: what.to_owned(),
        outcome: ended.why.conclusion(),
        cause: ended.cause.clone(),
        duration_ms: ended.duration_ms,
    });
    ended
}
