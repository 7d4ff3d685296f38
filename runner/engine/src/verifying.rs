//! Verifiers: steps of the stage that answer whether a release is what it should be.

use std::collections::BTreeMap;
use std::sync::Arc;

use sealock_broker::SecretInput;
use sealock_contract::manifest::InputType;
use sealock_contract::{ErrorKind, Manifest, SecretText, StepError, StepName, Value};
use sealock_deploy::Verifier;
use sealock_events::{Conclusion, EventKind};
use sealock_plan::VerifyWhen;
use sealock_sandbox::{CancellationToken, Entry};
use serde_json::Value as Json;

use crate::attempt::{self, Attempt};
use crate::deployments::narrow;
use crate::prepare::Prepared;
use crate::room::Room;
use crate::shared::Shared;

/// A verifier of the stage, with the inputs that it has in this run.
#[derive(Clone)]
pub(crate) struct Ready {
    pub(crate) step: String,
    pub(crate) plugin: String,
    pub(crate) inputs: Vec<(String, Value)>,
    pub(crate) secrets: BTreeMap<String, SecretInput>,
}

/// Runs the stage's verifiers against `targets`, before the next batch is switched, where the environment asks for it.
///
/// # Errors
///
/// The first that failed.
pub(crate) async fn between_batches(
    shared: &Arc<Shared>,
    room: &Arc<Room>,
    targets: &[String],
) -> Result<(), StepError> {
    let environment = room.environment().and_then(|name| shared.plan.environments.get(name));
    if environment.is_none_or(|own| own.verify == VerifyWhen::End) {
        return Ok(());
    }
    let release = room.release();
    for ready in room.verifiers() {
        let Some(attempt) = attempt_of(shared, room, &ready, release.clone(), targets) else {
            continue;
        };
        let made = attempt::make(shared, room, attempt, CancellationToken::new()).await;
        if let Some(cause) = made.ended.cause {
            return Err(StepError::new(ErrorKind::Failed, cause.code, format!("{}: {}", ready.step, cause.message)));
        }
    }
    Ok(())
}

/// Runs a verifier that is stored with an old release, against that release.
pub(crate) async fn stored(
    shared: &Arc<Shared>,
    room: &Arc<Room>,
    verifier: &Verifier,
    release: &str,
    targets: &[String],
) -> bool {
    let found = shared.plan.plugins.get(&verifier.uses).and_then(|plugin| plugin.manifest.as_ref());
    let ready = found
        .zip(room.step_like(&verifier.step, &verifier.uses))
        .map(|(manifest, step)| restore(manifest, verifier, step));
    let attempt = ready.and_then(|ready| attempt_of(shared, room, &ready, Some(release.to_owned()), targets));
    let (outcome, cause, duration_ms) = match attempt {
        Some(attempt) => {
            let made = attempt::make(shared, room, attempt, CancellationToken::new()).await;
            (made.ended.why.conclusion(), made.ended.cause, made.ended.duration_ms)
        }
        None => (Conclusion::Failure, Some(unknown(verifier)), 0),
    };
    shared.recorder.tell(EventKind::RollbackStep {
        stage: room.stage.clone(),
        step: verifier.step.clone(),
        what: format!("verify {release} on {}", targets.join(", ")),
        outcome,
        cause,
        duration_ms,
    });
    outcome == Conclusion::Success
}

fn unknown(verifier: &Verifier) -> sealock_events::Cause {
    sealock_events::Cause {
        code: "E-VERIFIER-UNKNOWN".into(),
        message: format!(
            "the old release was verified by `{}`, and no step of this stage is such a one",
            verifier.uses
        ),
        help: None,
        exit: 11,
    }
}

fn attempt_of(
    shared: &Shared,
    room: &Room,
    ready: &Ready,
    release: Option<String>,
    targets: &[String],
) -> Option<Attempt> {
    let plugin = shared.plan.plugins.get(&ready.plugin)?;
    let manifest = plugin.manifest.clone()?;
    let inputs = narrow(&manifest, ready.inputs.clone(), targets);
    let name = StepName { stage: room.stage.clone(), step: ready.step.clone() };
    Some(Attempt {
        grant: room.grant_of(shared, &ready.step),
        name,
        number: 1,
        epoch: shared.next_epoch(),
        action: "verify".to_owned(),
        program: shared.programs.get(&ready.plugin)?.clone(),
        limits: room.limits_of(&ready.step),
        prepared: Prepared {
            inputs,
            secrets: ready.secrets.clone(),
            env: Vec::new(),
            allow_failure: false,
            record: Json::Null,
        },
        entry: Entry::Run,
        key: None,
        release,
        environment: room.environment().map(str::to_owned),
        component: plugin.digest.to_string(),
        manifest: Some(manifest),
    })
}

/// What the ledger keeps of a verifier.
pub(crate) fn record(shared: &Shared, ready: &Ready) -> Option<Verifier> {
    let plugin = shared.plan.plugins.get(&ready.plugin)?;
    let mut inputs = serde_json::Map::new();
    for (name, value) in &ready.inputs {
        inputs.insert(name.clone(), serde_json::json!({ "value": value }));
    }
    for (name, secret) in &ready.secrets {
        inputs.insert(name.clone(), serde_json::json!({ "secret": secret.text }));
    }
    Some(Verifier {
        step: ready.step.clone(),
        uses: ready.plugin.clone(),
        component: plugin.digest,
        inputs: inputs.into(),
    })
}

/// The inputs that a ledger kept. What no longer reads is left out: the verifier itself then says what is missing.
/// It runs as `step`, the stage's own step of that plugin: what it may touch is what the pipeline says today, not what a
/// ledger says.
fn restore(manifest: &Manifest, verifier: &Verifier, step: String) -> Ready {
    let (mut inputs, mut secrets) = (Vec::new(), BTreeMap::new());
    for (name, kept) in verifier.inputs.as_object().into_iter().flatten() {
        if let Some(value) = kept.get("value").and_then(|value| serde_json::from_value::<Value>(value.clone()).ok()) {
            inputs.push((name.clone(), value));
        } else if let Some(text) =
            kept.get("secret").and_then(|text| serde_json::from_value::<SecretText>(text.clone()).ok())
        {
            let declared = name.split('.').next().and_then(|input| manifest.inputs.get(input));
            let spec = declared.filter(|spec| matches!(spec.kind, InputType::Secret | InputType::MapOfSecret));
            let (place, hosts) = spec.map(|spec| (spec.place, spec.hosts.clone())).unwrap_or_default();
            secrets.insert(name.clone(), SecretInput { text, place, hosts });
        }
    }
    Ready { step, plugin: verifier.uses.clone(), inputs, secrets }
}
