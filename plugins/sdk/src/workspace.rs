//! Where the workspace is.

use std::path::PathBuf;

/// The folder of the workspace: `/workspace` in a component, the kit's own folder in a test.
pub fn workspace() -> PathBuf {
    place()
}

#[cfg(target_family = "wasm")]
fn place() -> PathBuf {
    PathBuf::from("/workspace")
}

#[cfg(not(target_family = "wasm"))]
fn place() -> PathBuf {
    crate::testing::fake::workspace()
}
