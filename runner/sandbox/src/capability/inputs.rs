//! `inputs`: already checked against the manifest; secrets are not among them.

use crate::bindings::sealock::step::base::Value;
use crate::bindings::sealock::step::inputs::Host;
use crate::state::StepState;

impl Host for StepState {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<Value>> {
        Ok(self.inputs.iter().find(|(found, _)| *found == name).map(|(_, value)| value.clone().into()))
    }

    fn all(&mut self) -> wasmtime::Result<Vec<(String, Value)>> {
        Ok(self.inputs.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect())
    }
}
