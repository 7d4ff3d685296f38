//! Who acts on which requests.

use std::fmt;
use std::sync::Arc;

use sealock_contract::seam::{Answer, Request};

use crate::Step;

/// Which handler a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Requests over HTTP, and their bodies.
    Http,
    /// Handles of secrets.
    Secrets,
    /// Native programs.
    Process,
    /// Images and containers.
    Containers,
    /// Machines deployed to.
    Targets,
}

impl Family {
    /// The family of `request`; `None` for what the desk does by itself.
    pub fn of(request: &Request) -> Option<Self> {
        match request {
            Request::Http(_) | Request::HttpRead { .. } => Some(Self::Http),
            Request::SecretOpen { .. }
            | Request::SecretPlaceholder { .. }
            | Request::SecretReveal { .. }
            | Request::SecretMask { .. } => Some(Self::Secrets),
            Request::Start(_) => Some(Self::Process),
            Request::Containers(_) => Some(Self::Containers),
            Request::Targets(_) => Some(Self::Targets),
            Request::Wait { .. }
            | Request::ReadOutput { .. }
            | Request::Kill { .. }
            | Request::Produce { .. }
            | Request::Drop { .. } => None,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Secrets => "secrets",
            Self::Process => "native programs",
            Self::Containers => "containers",
            Self::Targets => "targets",
        })
    }
}

/// Acts on the requests of one [`Family`].
///
/// A handler trusts nothing in a request: it checks [`Step::grant`], takes handles from [`Step::handles`]
/// only, and opens files through [`Step::workspace`] only. When a step's desk closes, the call in progress
/// is dropped; what it started must not outlive that ([`crate::Started`] sees to it).
pub trait Handler: Send + Sync {
    /// Does what `request` asks, for `step`.
    ///
    /// # Errors
    ///
    /// The answer is a refusal with a stable code: not granted, not there, or it failed.
    fn handle<'a>(&'a self, step: &'a Arc<Step>, request: Request) -> Answer<'a>;
}
