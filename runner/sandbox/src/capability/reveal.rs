//! `secrets-reveal`: the bytes themselves, granted on their own.

use sealock_contract::StepError;
use sealock_contract::grant::Capability;
use sealock_contract::limits::HOST_CALL_BYTES;
use sealock_contract::seam::{Handle, Request};
use wasmtime::component::Resource;

use super::secrets::Secret;
use crate::bindings::sealock::step::base;
use crate::bindings::sealock::step::secrets::HostSecret as _;
use crate::bindings::sealock::step::secrets_reveal::Host;
use crate::state::StepState;

impl Host for StepState {
    async fn reveal(&mut self, secret: Resource<Secret>) -> wasmtime::Result<Result<Vec<u8>, base::Error>> {
        let handle = self.secret(&secret)?;
        let name = self.name(secret)?;
        Ok(self.reveal_bytes(handle, &name).await.map_err(Into::into))
    }
}

impl StepState {
    async fn reveal_bytes(&mut self, handle: Handle, name: &str) -> Result<Vec<u8>, StepError> {
        self.granted(self.leave_hermetic(Capability::Reveal, name))?;
        self.granted(self.grant.check_reveal(name))?;
        self.ask_bytes(Request::SecretReveal { secret: handle }, HOST_CALL_BYTES, "`reveal`").await
    }
}
