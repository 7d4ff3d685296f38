//! How our own things are told from other people's in an engine.

use std::collections::HashMap;

/// The run that a container, network, or image belongs to.
pub(super) const RUN: &str = "dev.sealock.run";
/// The step that had it made, as `stage/step`.
pub(super) const STEP: &str = "dev.sealock.step";
/// The [`super::Scope`] that removes it.
pub(super) const SCOPE: &str = "dev.sealock.scope";

/// A filter for listings: everything with `label`, or with one value of it.
pub(super) fn filter(label: &str, value: Option<&str>) -> HashMap<String, Vec<String>> {
    let text = value.map_or_else(|| label.to_owned(), |value| format!("{label}={value}"));
    HashMap::from([("label".to_owned(), vec![text])])
}

/// Sixteen random hexadecimal digits, for names that nobody else takes.
pub(super) fn random() -> String {
    let mut bytes = [0; 8];
    // Without random bytes the names are equal, and the engine refuses the second.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}
