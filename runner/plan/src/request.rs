//! What a plan is made from, and what a file is looked through with.

use std::collections::BTreeMap;

use sealock_contract::grant::NetworkGrant;
use sealock_diagnostics::{Diagnostic, Source};
use sealock_pipeline::{Draft, Pipeline};
use serde_json::{Map, Value};

use crate::Catalogue;
use crate::told::Told;
use crate::trust::Trust;

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

/// Everything that goes into looking through a file, with or without errors, for what would stand in the way
/// of a plan.
#[derive(Clone, Copy)]
pub struct Review<'a> {
    /// What could be read of the file.
    pub draft: &'a Draft,
    /// What its reader has told: nothing that follows from it is told again.
    pub told: &'a [Diagnostic],
    /// The text that it was read from.
    pub source: &'a Source,
    /// What is known of the repository and the event.
    pub facts: &'a Facts,
    /// Where plugins are.
    pub catalogue: &'a dyn Catalogue,
    /// What the absence of a fact means.
    pub unset: Unset,
}

/// What it means that a variable, an input, or a fact of `github` has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// It was not given, and that is an error where it is read.
    Missing,
    /// It may be given yet. Neither its absence nor what follows from it is an error.
    Unknown,
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
    /// How far what happened is trusted.
    pub trust: Trust,
    /// Groups of hosts that the machine's policy names; a pipeline's own group of the same name stands before them.
    pub networks: BTreeMap<String, Vec<NetworkGrant>>,
}

/// What the planner works on: a request or a review.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) pipeline: &'a Draft,
    pub(crate) source: &'a Source,
    pub(crate) facts: &'a Facts,
    pub(crate) catalogue: &'a dyn Catalogue,
    pub(crate) only: Option<&'a str>,
    pub(crate) unset: Unset,
    pub(crate) told: &'a Told,
}

impl<'a> Question<'a> {
    pub(crate) fn of_request(request: Request<'a>, told: &'a Told) -> Self {
        let Request { pipeline, source, facts, catalogue, only } = request;
        Self { pipeline, source, facts, catalogue, only, unset: Unset::Missing, told }
    }

    pub(crate) fn of_review(review: Review<'a>, told: &'a Told) -> Self {
        let Review { draft, source, facts, catalogue, unset, .. } = review;
        Self { pipeline: draft, source, facts, catalogue, only: None, unset, told }
    }
}
