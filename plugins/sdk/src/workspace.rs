//! Where the workspace and the step's own temporary folder are.

use std::path::PathBuf;

/// The folder of the workspace: `/workspace` in a component, the kit's own folder in a test.
pub fn workspace() -> PathBuf {
    place::workspace()
}

/// The step's own temporary folder, gone with its call: `/tmp` in a component, one of the kit's own in a test.
pub fn temporary() -> PathBuf {
    place::temporary()
}

#[cfg(target_family = "wasm")]
mod place {
    use std::path::PathBuf;

    pub(super) fn workspace() -> PathBuf {
        PathBuf::from("/workspace")
    }

    pub(super) fn temporary() -> PathBuf {
        PathBuf::from("/tmp")
    }
}

#[cfg(not(target_family = "wasm"))]
use crate::testing::fake as place;
