//! The host's functions, by the names that the bindings have.

pub(crate) mod containers;
pub(crate) mod facts;
pub(crate) mod http;
pub(crate) mod inputs;
pub(crate) mod lifecycle;
pub(crate) mod log;
pub(crate) mod outputs;
pub(crate) mod process;
pub(crate) mod secrets;
pub(crate) mod secrets_reveal;
pub(crate) mod targets;

use std::path::PathBuf;

/// Where the kit's workspace is.
pub(crate) fn workspace() -> PathBuf {
    crate::testing::state::with(|state| state.workspace.clone())
}

/// Where the kit's temporary folder is.
pub(crate) fn temporary() -> PathBuf {
    crate::testing::state::with(|state| state.temporary.clone())
}
