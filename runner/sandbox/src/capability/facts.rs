//! `facts`: what is known of this call. Blank in a hermetic step, whose result must not depend on it.

use sealock_contract::{ErrorKind, StepError};

use crate::bindings::sealock::step::facts::Host;
use crate::call::Facts;
use crate::state::StepState;

impl StepState {
    fn fact<T>(&self, name: &str, of: impl FnOnce(&Facts) -> T, blank: T) -> T {
        if self.hermetic {
            let message = format!("the fact `{name}` is not for a hermetic step");
            self.note_denial(&StepError::new(ErrorKind::Denied, "E-GRANT-FACTS", message));
            return blank;
        }
        of(&self.facts)
    }
}

impl Host for StepState {
    fn run(&mut self) -> wasmtime::Result<String> {
        Ok(self.fact("run", |facts| facts.run.clone(), String::new()))
    }

    fn stage(&mut self) -> wasmtime::Result<String> {
        Ok(self.fact("stage", |facts| facts.stage.clone(), String::new()))
    }

    fn step(&mut self) -> wasmtime::Result<String> {
        Ok(self.fact("step", |facts| facts.step.clone(), String::new()))
    }

    fn attempt(&mut self) -> wasmtime::Result<u32> {
        Ok(self.fact("attempt", |facts| facts.attempt, 1))
    }

    fn idempotency_key(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.fact("idempotency-key", |facts| facts.idempotency_key.clone(), None))
    }

    fn environment(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.fact("environment", |facts| facts.environment.clone(), None))
    }

    fn release(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.fact("release", |facts| facts.release.clone(), None))
    }
}
