//! `outputs`.

use crate::bindings::sealock::step::base;
use crate::testing::state::{error, with};
use crate::{ErrorKind, Value};

pub(crate) fn set(name: &str, value: &Value) -> Result<(), base::Error> {
    with(|state| {
        if state.known_outputs.as_ref().is_some_and(|known| !known.contains(name)) {
            let message = format!("the manifest declares no output `{name}`");
            return Err(error(ErrorKind::Invalid, "E-OUTPUT-UNKNOWN", message, None));
        }
        state.outputs.insert(name.to_owned(), value.clone());
        Ok(())
    })
}

/// The digest is a made-up one: the kit hashes nothing.
pub(crate) fn produce(path: &str) -> Result<String, base::Error> {
    with(|state| {
        if !state.workspace.join(path).exists() {
            let message = format!("`{path}` is not in the workspace");
            return Err(error(ErrorKind::NotFound, "E-STEP", message, None));
        }
        state.produced.push(path.to_owned());
        Ok(format!("sha256:{}", "0".repeat(64)))
    })
}

#[expect(clippy::unnecessary_wraps, reason = "the host's own function can refuse")]
pub(crate) fn summary(markdown: &str) -> Result<(), base::Error> {
    with(|state| state.summary.push_str(markdown));
    Ok(())
}
