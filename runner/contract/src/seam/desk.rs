//! Where a sandbox asks.

use std::future::Future;
use std::pin::Pin;

use super::{Note, Refusal, Request, Response};

/// What a call to a [`Desk`] gives, later.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response, Refusal>> + Send + 'a>>;

/// The broker's counter for one step. It knows whose step it serves: nothing that a caller says changes that.
pub trait Desk: Send + Sync {
    /// Asks for one thing. The grant is checked again on the other side.
    fn call(&self, request: Request) -> Answer<'_>;

    /// Tells a batch of notes, in order. Never answered, and never blocks for longer than it takes to queue.
    fn note(&self, notes: Vec<Note>);
}
