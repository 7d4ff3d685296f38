//! Everything that belongs to one call of a step, held in its store.

use std::collections::BTreeSet;
use std::sync::Arc;

use sealock_contract::grant::Capability;
use sealock_contract::limits::{HOST_CALL_BYTES, HTTP_HEADER_BYTES};
use sealock_contract::seam::{Desk, LimitName, Note, Request, Response};
use sealock_contract::{ErrorKind, Grant, StepError, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::call::Facts;
use crate::capability::file_watch::FileWatch;
use crate::capability::http::Sender;
use crate::capability::outputs::OutputBook;
use crate::convert::{hermetic_denial, strange_answer};
use crate::limit::LimitHit;
use crate::limiter::Limiter;
use crate::notes::Notes;

/// What one entry of a draft costs besides its text.
const ENTRY_BYTES: usize = 64;

/// A request that a guest is still building.
#[expect(unreachable_pub, reason = "the generated traits name it")]
pub struct Draft<T> {
    pub(crate) value: T,
    bytes: usize,
}

/// The data of a store.
pub(crate) struct StepState {
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) http: WasiHttpCtx,
    pub(crate) sender: Sender,
    pub(crate) limiter: Limiter,
    pub(crate) files: FileWatch,
    pub(crate) desk: Arc<dyn Desk>,
    pub(crate) notes: Notes,
    pub(crate) facts: Facts,
    pub(crate) inputs: Vec<(String, Value)>,
    /// Inputs that may be asked for.
    pub(crate) declared: Option<BTreeSet<String>>,
    /// How often something else was asked for, as far as it was told.
    pub(crate) told: usize,
    pub(crate) outputs: OutputBook,
    pub(crate) grant: Arc<Grant>,
    pub(crate) hermetic: bool,
    pub(crate) stop: CancellationToken,
    pub(crate) deadline: Instant,
    /// What all drafts hold together.
    pub(crate) draft_bytes: usize,
    pub(crate) groups: u32,
}

impl StepState {
    /// Lets nothing but files into a hermetic step, whatever was granted.
    pub(crate) fn leave_hermetic(&self, capability: Capability, what: &str) -> Result<(), StepError> {
        if self.hermetic { Err(hermetic_denial(capability, what)) } else { Ok(()) }
    }

    /// Asks the desk, after everything that was told before.
    pub(crate) async fn ask(&mut self, request: Request) -> Result<Response, StepError> {
        self.notes.flush();
        let answer = self.desk.call(request).await;
        answer.inspect_err(|refusal| self.note_denial(refusal))
    }

    /// Asks for something that is answered by [`Response::Done`].
    pub(crate) async fn ask_done(&mut self, request: Request, asked: &str) -> Result<(), StepError> {
        match self.ask(request).await? {
            Response::Done => Ok(()),
            _ => Err(strange_answer(asked)),
        }
    }

    /// Asks for bytes, of which no more than `max` are taken.
    pub(crate) async fn ask_bytes(&mut self, request: Request, max: usize, asked: &str) -> Result<Vec<u8>, StepError> {
        match self.ask(request).await? {
            Response::Bytes(bytes) if bytes.len() <= max => Ok(bytes),
            _ => Err(strange_answer(asked)),
        }
    }

    /// Makes the denial an event, and hands it on.
    pub(crate) fn note_denial(&self, error: &StepError) {
        if error.kind == ErrorKind::Denied {
            self.notes.tell(error.message.len(), Note::Denied(error.clone()));
        }
    }

    /// Checks a grant; a denial is an event.
    pub(crate) fn granted(&self, checked: Result<(), StepError>) -> Result<(), StepError> {
        checked.inspect_err(|error| self.note_denial(error))
    }

    /// A new draft.
    pub(crate) fn new_draft<T: Send + 'static>(
        &mut self,
        value: T,
        bytes: usize,
    ) -> wasmtime::Result<Resource<Draft<T>>> {
        self.charge_draft(bytes)?;
        Ok(self.table.push(Draft { value, bytes: bytes + ENTRY_BYTES })?)
    }

    /// Adds to a draft something of `bytes`.
    pub(crate) fn extend_draft<T: Send + 'static>(
        &mut self,
        draft: &Resource<Draft<T>>,
        bytes: usize,
        change: impl FnOnce(&mut T),
    ) -> wasmtime::Result<()> {
        self.charge_draft(bytes)?;
        let draft = self.table.get_mut(draft)?;
        draft.bytes += bytes + ENTRY_BYTES;
        change(&mut draft.value);
        Ok(())
    }

    /// Forgets a draft.
    pub(crate) fn drop_draft<T: Send + 'static>(&mut self, draft: Resource<Draft<T>>) -> wasmtime::Result<()> {
        self.draft_bytes -= self.table.delete(draft)?.bytes;
        Ok(())
    }

    /// All drafts together are one host call's worth: a million arguments must not fill the host's memory.
    fn charge_draft(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.draft_bytes = self.draft_bytes.saturating_add(bytes).saturating_add(ENTRY_BYTES);
        if self.draft_bytes > HOST_CALL_BYTES {
            return Err(LimitHit::bytes(LimitName::HostCall, HOST_CALL_BYTES as u64).into());
        }
        Ok(())
    }
}

/// The part of a store that `wasi:http` needs.
pub(crate) fn http_ctx() -> WasiHttpCtx {
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(HTTP_HEADER_BYTES);
    http
}

impl WasiView for StepState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for StepState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.sender, table: &mut self.table, ctx: &mut self.http }
    }
}
