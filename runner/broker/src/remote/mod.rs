//! A desk at the other end of a socket.
//!
//! [`serve`] answers for a [`crate::StepDesk`]; [`RemoteDesk`] is the same desk in another process. The first
//! frame says for which step and epoch the other side believes to ask; it changes nothing but that a
//! mistake is refused. A side that breaks the protocol is not talked to any longer, and its desk closes:
//! a sandbox that lies is broken out of.

mod client;
mod frame;
mod server;

pub use client::RemoteDesk;
pub use frame::{FRAME_BYTES_MAX, FrameError};
pub use server::{CALLS_MAX, ServeError, serve};
