//! Commands on other machines, over one SSH connection each.
//!
//! An [`SshClient`] keeps at most one connection to its [`SshTarget`], opens a channel for every command,
//! and connects again when the connection was lost. Nothing is read from `~/.ssh`: the keys that a server
//! may show are pinned by the caller.
//!
//! # Invariants
//!
//! - A server whose key is not pinned gets no user name, no key, and no command.
//! - Every phase has its own time limit ([`SshLimits`]) and its own name in the error.
//! - Nothing that the server asks for is opened: no forwarded ports, agents, displays, or sessions.
//! - A command line is made of quoted words ([`CommandLine`]); values never become syntax.
//! - A command that ended without a status ended as [`SshEnd::Unknown`], never as a success.

mod address;
mod auth;
mod client;
mod command_line;
mod connection;
mod error;
mod exec;
mod host_key;
mod limits;

pub use address::{AddressError, SshAddress};
pub use auth::SshAuth;
pub use client::{SshClient, SshTarget};
pub use command_line::{CommandLine, quoted};
pub use error::SshError;
pub use exec::{SshEnd, SshExec, SshOutput};
pub use host_key::{HostKey, HostKeyError};
pub use limits::{Phase, SshLimits};
