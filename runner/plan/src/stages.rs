//! Freezes a pipeline: stages, matrix cells, and everything around them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sealock_contract::{GrantTable, StepName};
use sealock_diagnostics::{Diagnostic, Span, near};
use sealock_pipeline::cells::PIPELINE_CELLS_MAX;
use sealock_pipeline::{Axes, Axis, Cells, Late, Spanned, Stage};
use serde_json::{Map, Value as Json, json};

use crate::check::Checker;
use crate::evaluate;
use crate::frozen::{
    Concurrency, Conflict, EnvEntry, Health, HealthTest, LateFlag, MatrixSource, Plan, PlannedContainer, PlannedPlugin,
    PlannedService, PlannedStage, ServicePort, WithValue,
};
use crate::request::{Question, Unset};
use crate::settled::Settled;
use crate::told::Told;
use crate::{Request, Review, deploys, environments, matrix, steps, trust};

/// One stage without `timeout`, in milliseconds.
const STAGE_TIMEOUT_MS: u64 = 60 * 60 * 1000;
/// Steps of all cells together: 256 cells of a stage of 10,000 steps would fill memory.
const PLANNED_STEPS_MAX: usize = 100_000;

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
    cells: usize,
    /// Steps so far.
    steps: usize,
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

    /// Checks every `--input` and fills in defaults.
    fn inputs(&mut self) -> Map<String, Json> {
        let declared = &self.request.pipeline.inputs;
        for (name, _) in &self.request.facts.inputs {
            if !declared.contains(name) {
                let message = format!("the pipeline has no input `{name}`");
                let help = near::offer(name, declared.names());
                self.report(Diagnostic::error("E-INPUT-UNKNOWN", message, None).maybe_help(help));
            }
        }
        let mut values = Map::new();
        for entry in declared {
            if let Some(value) = self.input(&entry.key, &entry.value) {
                values.insert(entry.key.value.clone(), value);
            }
        }
        values
    }

    fn input(&mut self, key: &Spanned<String>, input: &sealock_pipeline::Input) -> Option<Json> {
        let given = self.request.facts.inputs.iter().rev().find(|(name, _)| *name == key.value);
        if let Some((name, text)) = given {
            return match input.kind.read(text) {
                Ok(value) => Some(input_json(&value)),
                Err(error) => {
                    let message = format!("`--input {name}={text}`: {error}");
                    self.report(Diagnostic::error("E-INPUT-TYPE", message, key.span).label("declared here"));
                    None
                }
            };
        }
        if let Some(default) = &input.default {
            return Some(input_json(&default.value));
        }
        if input.required && self.request.unset == Unset::Unknown {
            return None;
        }
        if input.required {
            let message = format!("the input `{}` is required and was not given", key.value);
            let help = format!("add `--input {}=…`", key.value);
            self.report(Diagnostic::error("E-INPUT-MISSING", message, key.span).label("required").help(help));
            return None;
        }
        Some(match input.kind {
            sealock_pipeline::InputKind::Boolean => false.into(),
            sealock_pipeline::InputKind::Number => 0.into(),
            _ => "".into(),
        })
    }

    /// An `env` as written, with every expression checked for what is known.
    pub(crate) fn env(&mut self, env: &sealock_pipeline::Env) -> Vec<EnvEntry> {
        for entry in env {
            self.check_text(entry.value.value.raw(), entry.value.span);
        }
        let written = env
            .iter()
            .map(|entry| EnvEntry { name: entry.key.value.clone(), value: entry.value.value.raw().to_owned() });
        written.collect()
    }

    /// The `env` context of what can be known: entries without secrets and without late contexts. An entry hides
    /// the outer one of its name, whether it is known or not.
    pub(crate) fn plain_env(&mut self, env: &[EnvEntry], mut base: Map<String, Json>) -> Map<String, Json> {
        let mut unset = Vec::new();
        for entry in crate::env::inside(&mut base, env) {
            if self.rests_on_unset(&entry.value) {
                unset.push(entry.name.to_ascii_lowercase());
            } else if let Ok(Ok(text)) = evaluate::text_or_secret(&entry.value, &self.known) {
                base.insert(entry.name.clone(), text.into());
            }
        }
        for entry in env {
            self.unset_env.remove(&entry.name.to_ascii_lowercase());
        }
        self.unset_env.extend(unset);
        base
    }

    /// Makes the `env` context of what stands inside of `env`.
    pub(crate) fn enter_env(&mut self, env: &[EnvEntry]) {
        let outer = self.known.get("env").and_then(Json::as_object).cloned().unwrap_or_default();
        let visible = self.plain_env(env, outer);
        self.known.set("env", visible);
    }

    pub(crate) fn check_text(&mut self, written: &str, span: Span) {
        if let Some(mut checker) = self.checker() {
            checker.text(written, span);
        }
    }

    pub(crate) fn check_condition(&mut self, written: &str, span: Span) {
        if let Some(mut checker) = self.checker() {
            checker.condition(written, span);
        }
    }

    /// What tells of values that are missing, when their absence is a mistake.
    fn checker(&mut self) -> Option<Checker<'_>> {
        let checker = Checker { known: &self.known, source: self.request.source, diagnostics: &mut self.diagnostics };
        (self.request.unset == Unset::Missing).then_some(checker)
    }

    /// A text that must be known before the run; `None` when it is not, and that is told.
    pub(crate) fn settle(&mut self, written: &str, span: Span) -> Option<String> {
        self.check_text(written, span);
        if self.rests_on_unset(written) {
            return None;
        }
        match evaluate::text(written, &self.known) {
            Ok(text) => Some(text),
            Err(error) => {
                let place = self.check_place(written, span, &error);
                self.report(
                    Diagnostic::error("E-EXPR-EVALUATION", error.to_string(), place).label("not known before the run"),
                );
                None
            }
        }
    }

    pub(crate) fn check_place(&self, written: &str, span: Span, error: &sealock_expression::ExpressionError) -> Span {
        crate::check::place(self.request.source, written, span, error.at.clone())
    }

    /// A value that the file gives or an expression makes.
    pub(crate) fn late<T: Copy + std::str::FromStr>(&mut self, late: &Spanned<Late<T>>, expected: &str) -> Option<T> {
        match &late.value {
            Late::Known(value) => Some(*value),
            Late::Written(text) => {
                let settled = self.settle(text.raw(), late.span)?;
                let parsed = settled.parse().ok();
                if parsed.is_none() {
                    let message = format!("expected {expected}, found `{settled}`");
                    self.report(Diagnostic::error("E-INPUT-TYPE", message, late.span));
                }
                parsed
            }
        }
    }

    /// Every stage that is wanted, each after what it needs, cells beside each other.
    fn stages(&mut self) -> Vec<PlannedStage> {
        let pipeline = self.request.pipeline;
        let wanted = self.wanted();
        let ordered = ordered(pipeline.stages.values().filter(|stage| wanted.contains(stage.id.value.as_str())));
        let mut all = Vec::new();
        for stage in ordered {
            all.extend(self.stage(stage));
        }
        all
    }

    /// Whether `count` cells of `stage` may be planned beside all others; the first that may not is told.
    fn admit(&mut self, stage: &Stage, count: usize) -> bool {
        let before = self.is_full();
        self.cells += if stage.matrix.is_some() { count } else { 0 };
        self.steps += count * (stage.steps.len() + stage.rollback.len());
        if self.is_full() && !before {
            let message = format!(
                "the matrices have {} cells and {} steps in all, or more; {PIPELINE_CELLS_MAX} cells and \
                 {PLANNED_STEPS_MAX} steps are the most",
                self.cells, self.steps
            );
            self.report(Diagnostic::error("E-MATRIX-SIZE", message, stage.matrix.as_ref().map(|own| own.span)));
        }
        !self.is_full()
    }

    fn is_full(&self) -> bool {
        self.cells > PIPELINE_CELLS_MAX || self.steps > PLANNED_STEPS_MAX
    }

    /// The stages that run: all, or `--stage` with what it needs.
    fn wanted(&mut self) -> BTreeSet<&'a str> {
        let stages = &self.request.pipeline.stages;
        let Some(only) = self.request.only else {
            return stages.names().collect();
        };
        if !stages.contains(only) {
            let message = format!("the pipeline has no stage `{only}`");
            let help = near::offer(only, stages.names());
            self.report(Diagnostic::error("E-STAGE-UNKNOWN", message, None).maybe_help(help));
            return BTreeSet::new();
        }
        let mut wanted = BTreeSet::new();
        let mut open = vec![only];
        while let Some(entry) = open.pop().and_then(|id| stages.entry(id)) {
            if wanted.insert(entry.key.value.as_str()) {
                open.extend(entry.value.needs.iter().map(|need| need.value.as_str()));
            }
        }
        wanted
    }

    fn stage(&mut self, stage: &'a Stage) -> Vec<PlannedStage> {
        let Some(own) = &stage.matrix else {
            return vec![self.cell(stage, None, Map::new(), 0, 1)];
        };
        let source = matrix_source(&own.value);
        let parts = [&source.axes, &source.include, &source.exclude];
        let is_late = parts.iter().any(|part| self.is_late(part));
        let is_unset = parts.iter().any(|part| self.value_rests_on_unset(part));
        for text in own.value.texts() {
            self.check_text(text.raw(), own.span);
        }
        if is_late || is_unset {
            let outer = std::mem::replace(&mut self.unset_matrix, is_unset);
            let mut template = self.cell(stage, None, Map::new(), 0, 1);
            self.unset_matrix = outer;
            template.late_matrix = Some(source);
            return vec![template];
        }
        match matrix::cells(&source, &self.known) {
            Ok(cells) if !self.admit(stage, cells.len()) => Vec::new(),
            Ok(cells) => {
                let count = cells.len();
                let frozen = cells.into_iter().enumerate();
                frozen.map(|(index, cell)| self.cell(stage, Some(matrix::label(&cell)), cell, index, count)).collect()
            }
            Err(error) => {
                self.report(Diagnostic::error(error.code(), format!("stage `{}`: {error}", stage.id.value), own.span));
                Vec::new()
            }
        }
    }

    /// Freezes one stage with the values of one cell.
    fn cell(
        &mut self,
        stage: &'a Stage,
        label: Option<String>,
        cell: Map<String, Json>,
        index: usize,
        count: usize,
    ) -> PlannedStage {
        let outer = (self.known.clone(), self.unset_env.clone());
        let is_matrix = stage.matrix.is_some();
        if is_matrix && (label.is_some() || stage.matrix.is_none()) {
            self.known.set("matrix", cell.clone());
        }
        let own_matrix = stage.matrix.as_ref().map(|own| &own.value);
        let max_parallel =
            own_matrix.and_then(|own| own.max_parallel.as_ref()).and_then(|most| self.late(most, "a number from 1"));
        let fail_fast = stage.matrix.as_ref().map(|own| self.flag(&own.value.fail_fast, own.span));
        let fail_fast = fail_fast != Some(LateFlag::Known(false));
        self.known.set(
            "strategy",
            json!({ "job-index": index, "job-total": count, "fail-fast": fail_fast, "max-parallel": max_parallel.map_or(count, |most| most as usize) }),
        );
        let env = self.env(&stage.env);
        self.enter_env(&env);

        let cell_label = label.clone();
        let name = label.map_or_else(|| stage.id.value.clone(), |label| format!("{} ({label})", stage.id.value));
        let environment =
            stage.environment.as_ref().and_then(|environment| self.settle(environment.value.raw(), environment.span));
        let planned = PlannedStage {
            id: stage.id.value.clone(),
            title: stage.name.as_ref().and_then(|title| self.stage_title(title, cell_label.as_deref())),
            needs: stage.needs.iter().map(|need| need.value.clone()).collect(),
            condition: stage.condition.as_ref().map(|condition| self.condition(condition)),
            matrix: cell,
            late_matrix: None,
            cell: index,
            cells: count,
            max_parallel,
            fail_fast,
            withheld: None,
            env,
            container: stage.container.as_ref().map(|own| self.container(&own.value)),
            services: stage.services.iter().map(|entry| self.service(&entry.key.value, &entry.value)).collect(),
            concurrency: stage.concurrency.as_ref().map(|own| self.concurrency(own)),
            timeout_ms: self.timeout(stage),
            outputs: self.env(&stage.outputs),
            steps: steps::freeze(self, stage, &name, environment.as_deref(), &stage.steps, ""),
            rollback: steps::freeze(self, stage, &name, environment.as_deref(), &stage.rollback, "rollback-"),
            environment,
            line: self.line(stage.id.span),
            name,
        };
        deploys::warn(self, stage, &planned.steps);
        (self.known, self.unset_env) = outer;
        planned
    }

    pub(crate) fn flag(&mut self, late: &Late<bool>, span: Span) -> LateFlag {
        match late {
            Late::Known(flag) => LateFlag::Known(*flag),
            Late::Written(text) if self.is_late(&WithValue::text(text.raw())) => {
                self.check_text(text.raw(), span);
                LateFlag::Written(text.raw().to_owned())
            }
            Late::Written(text) => {
                let settled = self.settled_flag(text.raw(), span);
                settled.map_or_else(|| LateFlag::Written(text.raw().to_owned()), LateFlag::Known)
            }
        }
    }

    fn settled_flag(&mut self, written: &str, span: Span) -> Option<bool> {
        let settled = self.settle(written, span)?;
        let flag = settled.parse().ok();
        if flag.is_none() {
            let message = format!("expected `true` or `false`, found `{settled}`");
            self.report(Diagnostic::error("E-INPUT-TYPE", message, span));
        }
        flag
    }

    pub(crate) fn written(&mut self, text: &Spanned<sealock_pipeline::Text>) -> String {
        self.check_text(text.value.raw(), text.span);
        text.value.raw().to_owned()
    }

    pub(crate) fn condition(&mut self, condition: &Spanned<sealock_pipeline::Condition>) -> String {
        self.check_condition(condition.value.raw(), condition.span);
        condition.value.raw().to_owned()
    }

    fn timeout(&mut self, stage: &Stage) -> u64 {
        let own = stage.timeout.as_ref().and_then(|timeout| self.late(timeout, "a duration such as `10m`"));
        own.map_or(STAGE_TIMEOUT_MS, |timeout: sealock_pipeline::Duration| timeout.as_millis())
    }

    fn container(&mut self, container: &sealock_pipeline::Container) -> PlannedContainer {
        PlannedContainer { image: self.written(&container.image), env: self.env(&container.env) }
    }

    fn service(&mut self, name: &str, service: &sealock_pipeline::Service) -> PlannedService {
        let ports = service.ports.iter().filter_map(|port| self.late(port, "a port such as `5432` or `5432:5432`"));
        let ports = ports
            .map(|port: sealock_pipeline::Port| ServicePort { host: port.host, container: port.container })
            .collect();
        PlannedService {
            name: name.to_owned(),
            image: self.written(&service.image),
            env: self.env(&service.env),
            ports,
            health: service.health.as_ref().map(|health| self.health(&health.value)),
        }
    }

    fn health(&mut self, health: &sealock_pipeline::Health) -> Health {
        /// As Docker's own health checks have them.
        const INTERVAL_MS: u64 = 10_000;
        const TIMEOUT_MS: u64 = 5_000;
        const RETRIES: u32 = 5;
        let mut ms = |own: &Option<Spanned<Late<sealock_pipeline::Duration>>>, default: u64| {
            own.as_ref()
                .and_then(|own| self.late(own, "a duration such as `10s`"))
                .map_or(default, sealock_pipeline::Duration::as_millis)
        };
        let (interval_ms, timeout_ms) = (ms(&health.interval, INTERVAL_MS), ms(&health.timeout, TIMEOUT_MS));
        let test = match &health.command {
            sealock_pipeline::HealthCommand::Program(words) => {
                HealthTest::Program(words.iter().map(|word| self.written(word)).collect())
            }
            sealock_pipeline::HealthCommand::Shell(line) => HealthTest::Shell(self.written(line)),
        };
        Health { test, interval_ms, timeout_ms, retries: health.retries.as_ref().map_or(RETRIES, |own| own.value) }
    }

    fn concurrency(&mut self, own: &Spanned<sealock_pipeline::Concurrency>) -> Concurrency {
        let on_conflict = match own.value.on_conflict {
            sealock_pipeline::OnConflict::Queue => Conflict::Queue,
            sealock_pipeline::OnConflict::CancelOlder => Conflict::CancelOlder,
            sealock_pipeline::OnConflict::Fail => Conflict::Fail,
        };
        Concurrency { group: self.written(&own.value.group), on_conflict }
    }

    pub(crate) fn grant(&mut self, stage: &str, step: &str, grant: sealock_contract::Grant) {
        self.grants.insert(StepName { stage: stage.to_owned(), step: step.to_owned() }, grant);
    }
}

fn input_json(value: &sealock_pipeline::InputValue) -> Json {
    match value {
        sealock_pipeline::InputValue::Text(text) => text.as_str().into(),
        sealock_pipeline::InputValue::Number(number) => (*number).into(),
        sealock_pipeline::InputValue::Boolean(flag) => (*flag).into(),
    }
}

fn matrix_source(own: &sealock_pipeline::Matrix) -> MatrixSource {
    let axes = match &own.axes {
        Axes::Computed(text) => WithValue::Scalar { text: text.value.raw().to_owned(), plain: true },
        Axes::Named(axes) => {
            WithValue::Map(axes.iter().map(|axis| (axis.key.value.clone(), axis_value(&axis.value))).collect())
        }
    };
    MatrixSource { axes, include: cells_value(&own.include), exclude: cells_value(&own.exclude) }
}

fn axis_value(axis: &Axis) -> WithValue {
    match axis {
        Axis::Computed(text) => WithValue::Scalar { text: text.value.raw().to_owned(), plain: true },
        Axis::Values(values) => WithValue::List(values.iter().map(|value| steps::with_value(&value.value)).collect()),
    }
}

fn cells_value(cells: &Cells) -> WithValue {
    match cells {
        Cells::Computed(text) => WithValue::Scalar { text: text.value.raw().to_owned(), plain: true },
        Cells::Listed(list) => {
            let cell = |cell: &Spanned<sealock_pipeline::Entries<Spanned<sealock_pipeline::Value>>>| {
                WithValue::Map(
                    cell.value
                        .iter()
                        .map(|entry| (entry.key.value.clone(), steps::with_value(&entry.value.value)))
                        .collect(),
                )
            };
            WithValue::List(list.iter().map(cell).collect())
        }
    }
}

/// Each stage after what it needs, else in the order of the file.
fn ordered<'a>(stages: impl Iterator<Item = &'a Stage>) -> Vec<&'a Stage> {
    let stages: Vec<&Stage> = stages.collect();
    let places: HashMap<&str, usize> =
        stages.iter().enumerate().map(|(place, stage)| (stage.id.value.as_str(), place)).collect();
    let needs: Vec<Vec<usize>> = stages
        .iter()
        .map(|stage| stage.needs.iter().filter_map(|need| places.get(need.value.as_str()).copied()).collect())
        .collect();
    let ranks = ranks(&needs);
    let mut order: Vec<usize> = (0..stages.len()).collect();
    order.sort_by_key(|&place| (ranks[place], place));
    order.into_iter().map(|place| stages[place]).collect()
}

/// The length of the longest chain of needs behind each stage, found without recursion: 2,000 stages in a row
/// are legal. A need that closes a circle, of which its reader has told, counts for nothing.
fn ranks(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut ranks = vec![None; needs.len()];
    let mut next = vec![0; needs.len()];
    for start in 0..needs.len() {
        let mut open = vec![start];
        while let Some(&at) = open.last() {
            if let Some(&need) = needs[at].get(next[at]) {
                next[at] += 1;
                if next[need] == 0 && ranks[need].is_none() {
                    open.push(need);
                }
            } else {
                let behind = needs[at].iter().filter_map(|&need| ranks[need]).max();
                ranks[at] = ranks[at].or(Some(behind.map_or(0, |rank: usize| rank + 1)));
                open.pop();
            }
        }
    }
    ranks.into_iter().map(Option::unwrap_or_default).collect()
}
