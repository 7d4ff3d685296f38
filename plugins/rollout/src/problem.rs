//! Errors of plugins that deploy.

use sealock_sdk::{Error, ErrorKind};

/// What the author can put right.
pub fn invalid(code: &str, message: impl Into<String>) -> Error {
    Error::of_kind(ErrorKind::Invalid, code, message)
}

/// What a target said no to.
pub fn remote(code: &str, message: impl Into<String>) -> Error {
    Error::of_kind(ErrorKind::Remote, code, message)
}
