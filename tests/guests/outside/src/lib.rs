//! A step that changes something outside: a server that writes down each effect by its key, and says later what it wrote.

use sealock_sdk::http::Request;
use sealock_sdk::{EffectState, Error, Inputs, Outputs, Step, step};

#[derive(Inputs)]
struct Outside {
    /// The server.
    #[input(required)]
    at: String,
    /// Whether its probe knows what happened.
    #[input(default = true)]
    knows: bool,
}

#[derive(Outputs)]
struct Done {
    /// The effect's key.
    key: String,
}

#[step(outputs = Done, probe = probe, rollback = rollback)]
fn run(inputs: Outside, step: &mut Step) -> Result<(), Error> {
    ask(&inputs, step, "POST", "do")?;
    step.outputs(&Done { key: key(step) })
}

fn probe(inputs: Outside, step: &mut Step) -> Result<EffectState, Error> {
    if !inputs.knows {
        return Ok(EffectState::Unknown("it was not written down".to_owned()));
    }
    match ask(&inputs, step, "GET", "did")?.as_str() {
        "yes" => {
            step.outputs(&Done { key: key(step) })?;
            Ok(EffectState::Applied)
        }
        "half" => Ok(EffectState::Partly("one of two".to_owned())),
        _ => Ok(EffectState::NotApplied),
    }
}

fn rollback(inputs: Outside, step: &mut Step) -> Result<(), Error> {
    ask(&inputs, step, "POST", "undo").map(drop)
}

fn ask(inputs: &Outside, step: &Step, method: &str, what: &str) -> Result<String, Error> {
    let answer = Request::new(method, format!("{}/{what}/{}", inputs.at, key(step))).send()?;
    Ok(String::from_utf8_lossy(&answer.bytes()?).into_owned())
}

fn key(step: &Step) -> String {
    step.idempotency_key().unwrap_or_default()
}
