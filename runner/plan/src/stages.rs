//! Freezes stages: their order, and the cells of each.

use std::collections::{BTreeSet, HashMap};

use sealock_diagnostics::{Diagnostic, near};
use sealock_pipeline::cells::PIPELINE_CELLS_MAX;
use sealock_pipeline::{Spanned, Stage};
use serde_json::{Map, Value as Json, json};

use crate::frozen::{Concurrency, Conflict, LateFlag, PlannedStage};
use crate::planner::Planner;
use crate::{deploys, matrix, steps, written};

/// One stage without `timeout`, in milliseconds.
const STAGE_TIMEOUT_MS: u64 = 60 * 60 * 1000;
/// Steps of all cells together: 256 cells of a stage of 10,000 steps would fill memory.
const PLANNED_STEPS_MAX: usize = 100_000;

impl<'a> Planner<'a> {
    /// Every stage that is wanted, each after what it needs, cells beside each other.
    pub(crate) fn stages(&mut self) -> Vec<PlannedStage> {
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
        let source = written::matrix(&own.value);
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
        if label.is_some() {
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

    fn timeout(&mut self, stage: &Stage) -> u64 {
        let own = stage.timeout.as_ref().and_then(|timeout| self.late(timeout, "a duration such as `10m`"));
        own.map_or(STAGE_TIMEOUT_MS, |timeout: sealock_pipeline::Duration| timeout.as_millis())
    }

    pub(crate) fn concurrency(&mut self, own: &Spanned<sealock_pipeline::Concurrency>) -> Concurrency {
        let on_conflict = match own.value.on_conflict {
            sealock_pipeline::OnConflict::Queue => Conflict::Queue,
            sealock_pipeline::OnConflict::CancelOlder => Conflict::CancelOlder,
            sealock_pipeline::OnConflict::Fail => Conflict::Fail,
        };
        Concurrency { group: self.written(&own.value.group), on_conflict }
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
