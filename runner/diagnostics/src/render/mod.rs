//! Diagnostics as text, JSON, GitHub's workflow commands, and SARIF.

mod github;
mod json;
mod sarif;
mod text;

pub use github::{github, message as github_message, property as github_property};
pub use json::{json, json_of};
pub use sarif::sarif;
pub use text::{Colour, summary, text};

use crate::{Diagnostic, Source};

/// A source and the problems found in it.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The text that the diagnostics point into.
    pub source: &'a Source,
    /// In the order of the file.
    pub diagnostics: &'a [Diagnostic],
}

/// Errors and warnings of all reports.
fn counts(reports: &[Report<'_>]) -> (usize, usize) {
    let all = reports.iter().flat_map(|report| report.diagnostics);
    let errors = all.clone().filter(|diagnostic| diagnostic.is_error()).count();
    (errors, all.count() - errors)
}
