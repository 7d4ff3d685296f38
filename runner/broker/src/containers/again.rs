//! What may be done again after the engine went away in the middle of it: builds, pulls, and pushes.
//!
//! Each of them is by content, so that a second one finds what the first one finished and does no harm. A container that
//! was to run is none of them: nobody knows how far it came.
//!
//! # Invariants
//!
//! - Once more, and no more than once; an engine that is not there from the beginning is not waited for.
//! - The wait is bounded, and told; so is which engine came back.

use std::time::Duration;

use sealock_contract::seam::Refusal;
use tokio::time::{Instant, sleep, timeout};

use super::Tell;
use super::engine::Engine;

/// Between two looks whether the engine is back.
const LOOK_MS: u64 = 500;
/// For one look: an engine that starts takes connections before it answers.
const ANSWER_SECONDS: u64 = 5;

/// Makes `attempt`, and once more when the engine went away in the middle of it and is back in time.
///
/// # Errors
///
/// What the last attempt refuses.
pub(super) async fn once_more<T, F>(engine: &Engine, tell: Tell<'_>, attempt: impl Fn() -> F) -> Result<T, Refusal>
where
    F: Future<Output = Result<T, Refusal>>,
{
    let before = id(engine).await?;
    match attempt().await {
        Err(lost) if is_lost(&lost) => {
            wait(engine, &before, lost, tell).await?;
            attempt().await
        }
        answer => answer,
    }
}

/// The engine answered before the attempt: one that cannot be reached now has gone away, too.
fn is_lost(refusal: &Refusal) -> bool {
    matches!(refusal.code.as_str(), "E-DOCKER-LOST" | "E-DOCKER-CONNECT")
}

/// What the engine calls itself. One that does not say is known by nothing.
async fn id(engine: &Engine) -> Result<String, Refusal> {
    let asked = engine.docker().await?.info().await;
    Ok(asked.ok().and_then(|info| info.id).unwrap_or_else(|| "unknown".to_owned()))
}

async fn wait(engine: &Engine, before: &str, lost: Refusal, tell: Tell<'_>) -> Result<(), Refusal> {
    let patience = engine.patience();
    tell(format!("{} (engine {before}); it has {} s to be back", lost.message, patience.as_secs()));
    let end = Instant::now() + patience;
    while !answers(engine).await {
        if Instant::now() >= end {
            let message = format!("{}; it was not back in {} s", lost.message, patience.as_secs());
            return Err(Refusal { message, ..lost });
        }
        sleep(Duration::from_millis(LOOK_MS)).await;
    }
    let now = id(engine).await?;
    let which = if now == before { "the same".to_owned() } else { format!("another, before it was {before}") };
    tell(format!("the engine is back (engine {now}, {which}): once more, from what it has"));
    Ok(())
}

async fn answers(engine: &Engine) -> bool {
    let Ok(docker) = engine.docker().await else { return false };
    matches!(timeout(Duration::from_secs(ANSWER_SECONDS), docker.ping()).await, Ok(Ok(_)))
}
