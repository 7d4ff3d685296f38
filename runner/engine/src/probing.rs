//! Asks a step whose effect was begun before an interruption how far it got: in a fresh instance of the same component,
//! with the same inputs and the same key. Nothing is changed by it.

use std::sync::Arc;

use sealock_contract::seam::EffectState;
use sealock_events::{Cause, EventKind, ProbeState};
use sealock_sandbox::CancellationToken;
use serde_json::{Map, Value as Json};

use crate::attempt::{self, Attempt};
use crate::driver::EffectKey;
use crate::outcome;
use crate::room::Room;
use crate::shared::Shared;
use crate::try_folder::TryFolder;

/// What a probe came to.
pub(crate) struct Answer {
    pub(crate) state: ProbeState,
    /// More, in words.
    pub(crate) why: Option<String>,
    /// What the step would have given.
    pub(crate) outputs: Map<String, Json>,
}

/// Asks, unless a person has said it: `word`. Always comes back with an answer.
pub(crate) async fn ask(
    shared: &Arc<Shared>,
    room: &Room,
    attempt: Result<Attempt, Cause>,
    word: Option<ProbeState>,
    stop: &CancellationToken,
) -> Answer {
    if let Some(state) = word {
        return Answer { state, why: Some("a person said so".to_owned()), outputs: Map::new() };
    }
    let attempt = match attempt {
        Ok(attempt) => attempt,
        Err(cause) => return unanswered(&cause.message),
    };
    let name = attempt.name.clone();
    shared.teller.reset(&name);
    let (state, why) = match probe(shared, room, attempt, stop).await {
        Ok(EffectState::Applied) => (ProbeState::Applied, None),
        Ok(EffectState::NotApplied) => (ProbeState::NotApplied, None),
        Ok(EffectState::Partly(why)) => (ProbeState::Partly, Some(why)),
        Ok(EffectState::Unknown(why)) => (ProbeState::Unknown, Some(why)),
        Err(cause) => (ProbeState::Unknown, Some(cause.message)),
    };
    let outputs = shared.teller.take(&name).outputs;
    Answer { state, why, outputs }
}

/// Nobody can say.
pub(crate) fn unanswered(why: &str) -> Answer {
    Answer { state: ProbeState::Unknown, why: Some(why.to_owned()), outputs: Map::new() }
}

async fn probe(
    shared: &Arc<Shared>,
    room: &Room,
    attempt: Attempt,
    stop: &CancellationToken,
) -> Result<EffectState, Cause> {
    let folder = TryFolder::make(shared, room, &attempt, false).map_err(|error| attempt::disk(&error))?;
    let desk = attempt::desk(shared, room, &attempt, &folder);
    let (call, _selection) = attempt::call(shared, room, &attempt, &folder)?;
    let answer = shared.sandbox.probe(&attempt.program, call, desk.clone(), stop).await;
    desk.close().await;
    answer.map_err(|outcome| {
        let (_, cause, why) = outcome::judge(outcome, stop.is_cancelled());
        cause.unwrap_or_else(|| no_answer(why.unwrap_or_default()))
    })
}

fn no_answer(message: String) -> Cause {
    Cause {
        code: "E-PLUGIN-FORMAT".into(),
        message,
        help: None,
        exit: sealock_diagnostics::codes::exit("E-PLUGIN-FORMAT"),
    }
}

/// Writes down what was answered, and that the effect happened, where it did.
///
/// # Errors
///
/// When the journal cannot be written.
pub(crate) async fn record(
    shared: &Shared,
    effect: &EffectKey,
    state: ProbeState,
    why: Option<String>,
) -> Result<(), Cause> {
    let (stage, step, key) = (effect.stage.clone(), effect.step.clone(), effect.key.clone());
    let probed = EventKind::EffectProbed { stage: stage.clone(), step: step.clone(), key: key.clone(), state, why };
    shared.commit(probed).await?;
    if state == ProbeState::Applied {
        shared.commit(EventKind::EffectDone { stage, step, key, applied: true }).await?;
    }
    Ok(())
}
