//! Errors of this plugin.

use sealock_sdk::{Error, ErrorKind};

/// What the author can put right.
pub(crate) fn invalid(code: &str, message: impl Into<String>) -> Error {
    Error::of_kind(ErrorKind::Invalid, code, message)
}

/// What a target said no to.
pub(crate) fn remote(code: &str, message: impl Into<String>) -> Error {
    Error::of_kind(ErrorKind::Remote, code, message)
}
