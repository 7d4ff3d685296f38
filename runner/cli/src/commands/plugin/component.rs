//! A component's file.

use std::path::Path;

use sealock_contract::limits::COMPONENT_BYTES;

use crate::failure::Failure;

/// Reads a component: no more than one may have, however large the file is.
///
/// # Errors
///
/// When it is not there, no plain file, or too large.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let shown = file.display();
    let refused = |what: String| Failure::new("E-FILE-READ", format!("{shown}: {what}"));
    let metadata = file
        .metadata()
        .map_err(|error| refused(error.to_string()).help("`sealock plugin build` makes a project's component"))?;
    if !metadata.is_file() {
        return Err(refused("expected a component's file".to_owned()));
    }
    if metadata.len() > COMPONENT_BYTES {
        let message = format!("{shown} has {} bytes; {COMPONENT_BYTES} are the most", metadata.len());
        return Err(Failure::new("E-PLUGIN-FORMAT", message));
    }
    std::fs::read(file).map_err(|error| refused(error.to_string()))
}
