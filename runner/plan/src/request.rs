//! What a plan is made from.

use sealock_diagnostics::Source;
use sealock_pipeline::Pipeline;
use serde_json::{Map, Value};

use crate::Catalogue;

/// Everything that goes into a plan.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// The text that it was read from.
    pub source: &'a Source,
    /// What is known of the repository and the event.
    pub facts: &'a Facts,
    /// Where plugins are.
    pub catalogue: &'a dyn Catalogue,
    /// Only this stage, with what it needs.
    pub only: Option<&'a str>,
}

/// What is known of the repository and the event.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The `github` context.
    pub github: Map<String, Value>,
    /// The `vars` context.
    pub vars: Map<String, Value>,
    /// What was passed with `--input`.
    pub inputs: Vec<(String, String)>,
}
