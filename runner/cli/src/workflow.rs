//! The step of a GitHub workflow that this process is: what happened, and the files that GitHub reads.
//!
//! # Invariants
//!
//! - The names begin with `GITHUB_`: no step of a workflow can set those for the next one.

use std::path::PathBuf;

use sealock_pipeline::GITHUB;
use serde_json::{Map, Value as Json};

/// The facts of the `github` context that no variable `GITHUB_<NAME>` holds as they are: the event is a file, whether the ref
/// is protected no text, and the commit is what is checked out, because that is what is run.
const NO_VARIABLES: [&str; 3] = ["event", "ref_protected", "sha"];

/// What GitHub says to a step of a workflow that runs here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Workflow {
    /// Where the step's summary goes.
    pub summary: Option<PathBuf>,
    /// Where the step's outputs go.
    pub output: Option<PathBuf>,
    /// The event, as JSON.
    pub event: Option<PathBuf>,
    /// What is known of the `github` context.
    pub facts: Map<String, Json>,
}

impl Workflow {
    /// The one that these variables tell of.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let filled = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| filled(name).map(PathBuf::from);
        if filled("GITHUB_ACTIONS").is_none_or(|value| value != "true") {
            return None;
        }
        let mut facts = Map::new();
        for name in GITHUB.into_iter().filter(|name| !NO_VARIABLES.contains(name)) {
            let value = filled(&format!("GITHUB_{}", name.to_ascii_uppercase()));
            facts.extend(value.map(|value| (name.to_owned(), value.into())));
        }
        let is_protected = filled("GITHUB_REF_PROTECTED").map(|value| value == "true");
        facts.extend(is_protected.map(|value| ("ref_protected".to_owned(), value.into())));
        Some(Self {
            summary: path("GITHUB_STEP_SUMMARY"),
            output: path("GITHUB_OUTPUT"),
            event: path("GITHUB_EVENT_PATH"),
            facts,
        })
    }
}
