//! A component's file.

use std::io::ErrorKind;
use std::path::Path;

use sealock_contract::limits::COMPONENT_BYTES;

use crate::content;
use crate::failure::Failure;

/// Reads a component: no more than one may have, however large the file is.
///
/// # Errors
///
/// When it is not there, no plain file, or too large.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let shown = file.display();
    let refused = |what: String| Failure::new("E-FILE-READ", format!("{shown}: {what}"));
    content::named(file, COMPONENT_BYTES).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => Failure::new("E-PLUGIN-FORMAT", format!("{shown}: {error}")),
        ErrorKind::NotFound => refused(error.to_string()).help("`sealock plugin build` makes a project's component"),
        _ => refused(error.to_string()),
    })
}
