//! The counter at which the sandbox of one step asks.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sealock_contract::limits::HOST_CALL_BYTES;
use sealock_contract::seam::{Answer, Desk, Handle, LimitName, Note, Refusal, Request, Response};
use sealock_contract::{ErrorKind, StepError};

use crate::broker::Handlers;
use crate::handler::Family;
use crate::handles::{self, Object};
use crate::log::redact_error;
use crate::produce;
use crate::running::Running;
use crate::step::Step;

/// A desk for one step and one epoch.
///
/// Refusals that a grant would have prevented are told as [`Note::Denied`] by the desk itself; a sandbox
/// tells only those that it refuses without asking.
pub struct StepDesk {
    step: Arc<Step>,
    handlers: Arc<Handlers>,
}

impl StepDesk {
    pub(crate) fn new(step: Arc<Step>, handlers: Arc<Handlers>) -> Self {
        Self { step, handlers }
    }

    /// The step that it serves.
    pub fn step(&self) -> &Arc<Step> {
        &self.step
    }

    /// Asks what runs for the step to stop by itself: native programs get SIGTERM. The step hears of it by its own flag.
    pub fn ask_to_stop(&self) {
        self.step.handles().ask_to_stop();
    }

    /// Ends everything that still runs for the step, and gives out the rest of its log; returns when all
    /// is dead. Every later request is answered `E-DESK-CLOSED`.
    pub async fn close(&self) {
        let running = self.shut();
        join_all(running.iter().map(|running| running.kill())).await;
        self.step.end_log();
    }

    /// After [`Self::close`]: whether it is certain that every native program of the step, with everything that it started,
    /// is dead. It is not where a request was cut off, a program failed to start, or one was lost.
    pub fn has_accounted(&self) -> bool {
        self.step.has_accounted()
    }

    /// Takes nothing more, and has what runs stopped without waiting for it.
    pub(crate) fn shut(&self) -> Vec<Arc<dyn Running>> {
        self.step.closed().cancel();
        self.step.handles().close()
    }

    async fn answer(&self, request: Request) -> Result<Response, Refusal> {
        check_size(&request)?;
        let Some(family) = Family::of(&request) else {
            return self.answer_itself(request).await;
        };
        match self.handlers.get(&family) {
            Some(handler) => handler.handle(&self.step, request).await,
            None => Err(unconnected(family)),
        }
    }

    async fn answer_itself(&self, request: Request) -> Result<Response, Refusal> {
        match request {
            Request::Wait { running, timeout_ms } => self.wait(running, timeout_ms).await,
            Request::ReadOutput { running, error, max } => {
                let running = self.step.handles().running(running)?;
                let max = usize::try_from(max).unwrap_or(usize::MAX).min(HOST_CALL_BYTES);
                running.read(error, max).await.map(Response::Bytes)
            }
            Request::Kill { running } => {
                self.step.handles().running(running)?.kill().await;
                Ok(Response::Done)
            }
            Request::Drop { handle } => {
                self.step.lose_account();
                if let Object::Running(running) = self.step.handles().remove(handle)? {
                    running.kill().await;
                }
                self.step.account();
                Ok(Response::Done)
            }
            Request::Produce { path } => produce::digest(&self.step, path).await.map(Response::Digest),
            _ => Err(StepError::new(ErrorKind::Other, "E-DESK-HANDLER", "no part of the broker answers this request")),
        }
    }

    async fn wait(&self, running: Handle, timeout_ms: Option<u64>) -> Result<Response, Refusal> {
        let running = self.step.handles().running(running)?;
        let Some(timeout_ms) = timeout_ms else {
            return running.wait().await.map(|exit| Response::Exit(Some(exit)));
        };
        match tokio::time::timeout(Duration::from_millis(timeout_ms), running.wait()).await {
            Ok(exit) => exit.map(|exit| Response::Exit(Some(exit))),
            Err(_) => Ok(Response::Exit(None)),
        }
    }

    /// What a step hears of a refusal, and what the run hears.
    fn refuse(&self, refusal: Refusal) -> Refusal {
        let refusal = redact_error(self.step.redactor(), refusal);
        if refusal.kind == ErrorKind::Denied {
            self.step.hear(vec![Note::Denied(refusal.clone())]);
        }
        refusal
    }
}

impl Desk for StepDesk {
    fn call(&self, request: Request) -> Answer<'_> {
        Box::pin(async move {
            let answer = tokio::select! {
                biased;
                () = self.step.closed().cancelled() => Err(handles::closed()),
                answer = self.answer(request) => answer,
            };
            answer.map_err(|refusal| self.refuse(refusal))
        })
    }

    fn note(&self, mut notes: Vec<Note>) {
        // What was used is the broker's to say.
        notes.retain(|note| !matches!(note, Note::GrantUsed { .. }));
        if !self.step.closed().is_cancelled() {
            self.step.hear(notes);
        }
    }
}

impl Drop for StepDesk {
    fn drop(&mut self) {
        self.shut();
    }
}

fn unconnected(family: Family) -> Refusal {
    StepError::new(ErrorKind::Other, "E-DESK-HANDLER", format!("nothing in this run acts on requests for {family}"))
}

/// A sandbox is meant to have refused this already.
fn check_size(request: &Request) -> Result<(), Refusal> {
    let carried = match request {
        Request::Http(request) => request.body.len(),
        Request::Start(command) => command.stdin_bytes.as_ref().map_or(0, Vec::len),
        Request::SecretMask { value } => value.len(),
        _ => 0,
    };
    if carried <= HOST_CALL_BYTES {
        return Ok(());
    }
    let message = format!("one call carries {carried} bytes; {HOST_CALL_BYTES} are the most");
    Err(StepError::new(ErrorKind::Quota, LimitName::HostCall.code(), message))
}
