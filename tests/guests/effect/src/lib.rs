//! A step with an effect: its probe and rollback are called in instances of their own.

use sealock_sdk::{EffectState, Error, Inputs, Outcome, Step, step};

#[derive(Inputs)]
struct Effect {
    /// What `probe` answers.
    state: String,
}

#[step(probe = probe, rollback = rollback)]
fn run(_: Effect, step: &mut Step) -> Outcome {
    step.info(format!("run {:?}", step.idempotency_key()));
    Outcome::Success
}

fn probe(inputs: Effect, step: &mut Step) -> Result<EffectState, Error> {
    step.info(format!("probe {:?}", step.idempotency_key()));
    match inputs.state.as_str() {
        "applied" => Ok(EffectState::Applied),
        "not-applied" => Ok(EffectState::NotApplied),
        "partly" => Ok(EffectState::Partly("one of two".to_owned())),
        "loop" => loop {},
        _ => Err(Error::new("E-GUEST", "cannot say")),
    }
}

fn rollback(inputs: Effect, step: &mut Step) -> Result<(), Error> {
    step.info(format!("rollback of {}", inputs.state));
    if inputs.state == "stuck" { Err(Error::new("E-GUEST", "cannot undo")) } else { Ok(()) }
}
