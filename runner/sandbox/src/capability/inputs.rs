//! `inputs`: already checked against the manifest; secrets are not among them.
//!
//! A name that the manifest does not declare can never be given: whoever asks for it is told so once, in the step's log.

use sealock_contract::seam::Level;

use crate::bindings::sealock::step::base::Value;
use crate::bindings::sealock::step::inputs::Host;
use crate::notes::truncate;
use crate::state::StepState;

/// Asking is told so often: a step can ask a million times.
const TOLD_MAX: usize = 10;
/// Of a name that is told.
const NAME_BYTES: usize = 200;

impl Host for StepState {
    fn get(&mut self, mut name: String) -> wasmtime::Result<Option<Value>> {
        let found = self.inputs.iter().find(|(found, _)| *found == name);
        if let Some((_, value)) = found {
            return Ok(Some(value.clone().into()));
        }
        if self.told < TOLD_MAX && self.declared.as_ref().is_some_and(|declared| !declared.contains(&name)) {
            self.told += 1;
            truncate(&mut name, NAME_BYTES);
            let message = format!("asked for the input `{name}`, which the plugin's manifest does not declare");
            self.notes.log(Level::Warning, &message)?;
        }
        Ok(None)
    }

    fn all(&mut self) -> wasmtime::Result<Vec<(String, Value)>> {
        Ok(self.inputs.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect())
    }
}
