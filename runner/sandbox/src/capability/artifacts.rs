//! `artifacts`: comes with a later version; every call says so.

use crate::bindings::sealock::step::artifacts::Host;
use crate::bindings::sealock::step::base;
use crate::convert::not_yet;
use crate::state::StepState;

impl Host for StepState {
    fn save(&mut self, _: String, _: Vec<String>) -> wasmtime::Result<Result<String, base::Error>> {
        Ok(Err(not_yet("artifacts")))
    }

    fn load(&mut self, _: String, _: String) -> wasmtime::Result<Result<(), base::Error>> {
        Ok(Err(not_yet("artifacts")))
    }
}
