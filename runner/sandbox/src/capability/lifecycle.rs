//! `lifecycle`: cooperative; the hard limit stands behind it. Constant in a hermetic step.

use std::time::Duration;

use tokio::time::Instant;

use crate::bindings::sealock::step::lifecycle::Host;
use crate::state::StepState;

impl Host for StepState {
    fn is_cancelled(&mut self) -> wasmtime::Result<bool> {
        Ok(!self.hermetic && self.stop.is_cancelled())
    }

    fn remaining_ms(&mut self) -> wasmtime::Result<Option<u64>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        Ok((!self.hermetic).then(|| left.as_millis().try_into().unwrap_or(u64::MAX)))
    }

    async fn sleep_ms(&mut self, duration: u64) -> wasmtime::Result<()> {
        if self.hermetic {
            return Ok(());
        }
        self.notes.flush();
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(duration)) => {}
        }
        Ok(())
    }
}
