//! `cache`: comes with a later version; every call says so.

use crate::bindings::sealock::step::base;
use crate::bindings::sealock::step::cache::Host;
use crate::convert::not_yet;
use crate::state::StepState;

impl Host for StepState {
    fn restore(
        &mut self,
        _: String,
        _: Vec<String>,
        _: String,
    ) -> wasmtime::Result<Result<Option<String>, base::Error>> {
        Ok(Err(not_yet("cache")))
    }

    fn save(&mut self, _: String, _: String) -> wasmtime::Result<Result<(), base::Error>> {
        Ok(Err(not_yet("cache")))
    }
}
