//! Makes the plan of a pipeline, and keeps what all parts of planning share.

use std::collections::{BTreeMap, BTreeSet};

use sealock_contract::{GrantTable, StepName};
use sealock_diagnostics::{Diagnostic, Span, near};
use serde_json::{Map, Value as Json};

use crate::frozen::{EnvEntry, Plan, PlannedPlugin};
use crate::request::Question;
use crate::settled::Settled;
use crate::told::Told;
use crate::{Request, Review, environments, trust};

/// A plan, and what its author should know.
#[derive(Debug)]
pub struct Planned {
    /// The plan; `None` when there is an error among the diagnostics.
    pub plan: Option<Plan>,
    /// Errors and warnings, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Plans the pipeline, or says everything that stands in the way.
pub fn plan(request: Request<'_>) -> Planned {
    let told = Told::default();
    let mut planner = Planner::new(Question::of_request(request, &told));
    let plan = planner.freeze();
    let diagnostics = planner.finish();
    let failed = diagnostics.iter().any(Diagnostic::is_error);
    Planned { plan: (!failed).then_some(plan), diagnostics }
}

/// Everything that would stand in the way of a plan, beside what the reader of the file has told.
pub fn review(review: Review<'_>) -> Vec<Diagnostic> {
    let told = Told::new(review.told, review.draft.is_torn());
    let mut planner = Planner::new(Question::of_review(review, &told));
    planner.freeze();
    let mut diagnostics = planner.finish();
    diagnostics.retain(|diagnostic| !told.covers(diagnostic));
    diagnostics
}

/// Freezes one environment of the pipeline, for commands that need no run. `None` when there is none of that name,
/// or something about it is wrong.
pub fn environment(request: Request<'_>, name: &str) -> (Option<crate::PlannedEnvironment>, Vec<Diagnostic>) {
    let told = Told::default();
    let mut planner = Planner::new(Question::of_request(request, &told));
    planner.settle_contexts();
    let Some(entry) = request.pipeline.environments.entry(name) else {
        let help = near::offer(name, request.pipeline.environments.names());
        return (
            None,
            vec![
                Diagnostic::error("E-ENVIRONMENT-UNKNOWN", format!("there is no environment `{name}`"), None)
                    .maybe_help(help),
            ],
        );
    };
    let frozen = environments::environment(&mut planner, entry);
    let diagnostics = planner.finish();
    let failed = diagnostics.iter().any(Diagnostic::is_error);
    ((!failed).then_some(frozen), diagnostics)
}

/// What all parts of planning share.
pub(crate) struct Planner<'a> {
    pub(crate) request: Question<'a>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) plugins: BTreeMap<String, PlannedPlugin>,
    pub(crate) missing: BTreeSet<String>,
    pub(crate) grants: GrantTable,
    /// The contexts that are known before the run.
    pub(crate) known: Settled,
    /// The variables of `env` that rest on what is not given, in lower case.
    pub(crate) unset_env: BTreeSet<String>,
    /// Whether the values of the matrix rest on what is not given.
    pub(crate) unset_matrix: bool,
    /// Cells so far.
    pub(crate) cells: usize,
    /// Steps so far.
    pub(crate) steps: usize,
}

impl<'a> Planner<'a> {
    fn new(request: Question<'a>) -> Self {
        Self {
            request,
            diagnostics: Vec::new(),
            plugins: BTreeMap::new(),
            missing: BTreeSet::new(),
            grants: GrantTable::new(),
            known: Settled::default(),
            unset_env: BTreeSet::new(),
            unset_matrix: false,
            cells: 0,
            steps: 0,
        }
    }

    /// What was found, in the order of the file, each once. What has no value is told where it is read first.
    fn finish(self) -> Vec<Diagnostic> {
        let mut diagnostics = self.diagnostics;
        diagnostics.sort_by_key(|diagnostic| diagnostic.span.map(|span| span.start));
        diagnostics.dedup();
        let mut unset = BTreeSet::new();
        diagnostics.retain(|one| one.code != "E-EXPR-UNKNOWN" || unset.insert(one.message.clone()));
        diagnostics
    }

    /// What is known before the run: facts, inputs, and the pipeline's `env`.
    fn settle_contexts(&mut self) -> (Map<String, Json>, Vec<EnvEntry>) {
        let inputs = self.inputs();
        self.known.set("github", self.request.facts.github.clone());
        self.known.set("vars", self.request.facts.vars.clone());
        self.known.set("inputs", inputs.clone());
        let env = self.env(&self.request.pipeline.env);
        self.enter_env(&env);
        (inputs, env)
    }

    fn freeze(&mut self) -> Plan {
        let pipeline = self.request.pipeline;
        let (inputs, env) = self.settle_contexts();
        let stages = self.stages();
        let stages = trust::cap(self, stages);
        let environments = environments::freeze(self, &stages);
        let concurrency = pipeline.concurrency.as_ref().map(|own| self.concurrency(own));
        Plan {
            version: crate::frozen::VERSION,
            name: pipeline.name.value.clone(),
            file: self.request.source.name().to_owned(),
            file_digest: sealock_contract::Digest::of(self.request.source.text().as_bytes()),
            github: self.request.facts.github.clone(),
            inputs,
            vars: self.request.facts.vars.clone(),
            env,
            secrets: trust::secrets(self),
            trust: self.request.facts.trust,
            environments,
            plugins: std::mem::take(&mut self.plugins),
            concurrency,
            stages,
            grants: std::mem::take(&mut self.grants),
        }
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub(crate) fn line(&self, span: Span) -> u64 {
        self.request.source.position(span.start).line as u64
    }

    pub(crate) fn grant(&mut self, stage: &str, step: &str, grant: sealock_contract::Grant) {
        self.grants.insert(StepName { stage: stage.to_owned(), step: step.to_owned() }, grant);
    }
}
