//! `secrets`: handles into the broker's table for this step. The bytes stay there.

use sealock_contract::grant::Capability;
use sealock_contract::seam::{Handle, Level, Request, Response};
use sealock_contract::{ErrorKind, StepError};
use wasmtime::component::Resource;

use crate::bindings::sealock::step::base;
use crate::bindings::sealock::step::secrets::{Host, HostSecret};
use crate::convert::strange_answer;
use crate::state::StepState;

/// A secret that may be used.
pub struct Secret {
    pub(crate) handle: Handle,
    name: String,
}

impl Host for StepState {
    async fn get(&mut self, input: String) -> wasmtime::Result<Result<Resource<Secret>, base::Error>> {
        match self.open_secret(input).await {
            Ok(secret) => Ok(Ok(self.table.push(secret)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn mask(&mut self, value: String) -> wasmtime::Result<()> {
        if self.granted(self.leave_hermetic(Capability::Secrets, "mask")).is_err() {
            return Ok(());
        }
        if let Err(refusal) = self.ask_done(Request::SecretMask { value }, "`mask`").await {
            self.notes.log(Level::Warning, &format!("a value could not be masked: {}", refusal.message))?;
        }
        Ok(())
    }
}

impl StepState {
    async fn open_secret(&mut self, input: String) -> Result<Secret, StepError> {
        self.granted(self.leave_hermetic(Capability::Secrets, &input))?;
        match self.ask(Request::SecretOpen { input }).await? {
            Response::Secret { handle, name } => Ok(Secret { handle, name }),
            _ => Err(strange_answer("`secrets.get`")),
        }
    }

    async fn placeholder_of(&mut self, handle: Handle) -> Result<String, StepError> {
        match self.ask(Request::SecretPlaceholder { secret: handle }).await? {
            Response::Text(word) => Ok(word),
            _ => Err(strange_answer("`placeholder`")),
        }
    }

    /// The broker's number for a secret that the guest holds.
    pub(crate) fn secret(&self, secret: &Resource<Secret>) -> wasmtime::Result<Handle> {
        Ok(self.table.get(secret)?.handle)
    }
}

impl HostSecret for StepState {
    fn name(&mut self, secret: Resource<Secret>) -> wasmtime::Result<String> {
        Ok(self.table.get(&secret)?.name.clone())
    }

    /// Has no error in its type: without the word, the step cannot do what it is for.
    async fn placeholder(&mut self, secret: Resource<Secret>) -> wasmtime::Result<String> {
        let handle = self.secret(&secret)?;
        let word = self.placeholder_of(handle).await?;
        self.sender.know_placeholder(&word);
        Ok(word)
    }

    async fn drop(&mut self, secret: Resource<Secret>) -> wasmtime::Result<()> {
        let Secret { handle, .. } = self.table.delete(secret)?;
        self.release(handle).await
    }
}

impl StepState {
    /// Forgets a handle. A broker that has none of that number has nothing left to forget.
    pub(crate) async fn release(&mut self, handle: Handle) -> wasmtime::Result<()> {
        match self.ask(Request::Drop { handle }).await {
            Err(error) if error.kind != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}
