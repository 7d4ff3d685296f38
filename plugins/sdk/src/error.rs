//! The one error of a step.

use std::any::Any;
use std::fmt;

use crate::bindings::sealock::step::base;
pub use crate::bindings::sealock::step::base::ErrorKind;

/// Why a step could not do what it is for.
///
/// Every `std::error::Error` becomes one by `?`: the host's own errors keep their code, others get `E-STEP`.
pub struct Error(Box<base::Error>);

impl Error {
    /// An error with a stable code of the plugin's own, such as `E-REPORT-EMPTY`, and one sentence.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::of_kind(ErrorKind::Other, code, message)
    }

    /// The same, of a kind.
    pub fn of_kind(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self(Box::new(base::Error { kind, code, message, help: None, retryable: false, details: Vec::new() }))
    }

    /// Says what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Says that the same call may work when made again.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    /// Adds a detail.
    #[must_use]
    pub fn detail(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.details.push((name.into(), value.into()));
        self
    }

    /// Puts what was being done before the message.
    #[must_use]
    pub fn while_doing(mut self, what: impl fmt::Display) -> Self {
        self.0.message = format!("{what}: {}", self.0.message);
        self
    }

    /// Its kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Its code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Its sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the host refused, for want of a grant.
    pub fn is_denied(&self) -> bool {
        self.0.kind == ErrorKind::Denied
    }

    /// Whether the same call may work when made again.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn as_base(&self) -> &base::Error {
        &self.0
    }

    pub(crate) fn into_base(self) -> base::Error {
        *self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl<E: std::error::Error + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let any: &dyn Any = &error;
        if let Some(host) = any.downcast_ref::<base::Error>() {
            return Self(Box::new(host.clone()));
        }
        let kind = any.downcast_ref::<std::io::Error>().map_or(ErrorKind::Other, kind_of_io);
        Self::of_kind(kind, "E-STEP", error.to_string())
    }
}

fn kind_of_io(error: &std::io::Error) -> ErrorKind {
    match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        std::io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        _ => ErrorKind::Io,
    }
}
