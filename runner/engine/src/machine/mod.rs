//! Decides everything about a run, and touches nothing.
//!
//! [`Machine::step`] is a pure function from an [`Input`] to [`Command`]s: no clock, no tasks, no files. The
//! driver carries commands out and feeds results back. So a run can be simulated under a seed, and driven by another
//! engine. What is recorded changes the state in one place (`fold.rs`): [`Machine::replay`] takes the events of a
//! record and is where the run was.
//!
//! # Invariants
//!
//! - Every stage that starts is closed exactly once, and every step that starts finishes exactly once.
//! - After `Finish` there is no further command.
//! - A deployment that began an effect ends verified, rolled back, as a failed rollback, or interrupted, to be resumed:
//!   never between without saying so.
//! - An effect that was begun before an interruption is asked for before it is made again.

mod fold;
mod interruption;
mod messages;
mod resumption;
mod rollback;
mod schedule;
#[cfg(test)]
mod simulation;
mod stage;
#[cfg(test)]
mod tests;
mod time;
mod verdict;

use std::collections::{BTreeMap, HashMap};

use sealock_events::{Conclusion, EventKind};
use sealock_plan::Plan;
use serde_json::{Map, Value as Json};

use self::verdict::Failure;

pub use fold::ReplayError;
pub use messages::{Attempt, Command, DeploymentEnd, Ended, Input, RolledBack, StageId, Timer, Why};
pub(crate) use rollback::cancelled;
pub use stage::{Deployment, Phase, Stage, StepState, StepStatus};
pub(crate) use stage::{backoff_ms, is_retried, timeout as stage_timeout};

/// The state of a run.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Machine {
    plan: Plan,
    /// What commands that are told to a person call the run.
    run: String,
    /// In the plan's order; cells made at run time take the place of their template.
    stages: Vec<Stage>,
    /// The places of each stage's cells, by id.
    places: HashMap<String, Vec<usize>>,
    /// Whether something happened that may let a waiting stage start.
    may_start: bool,
    /// How many stages may run at once.
    jobs: usize,
    /// Whether the run is being cancelled.
    cancelled: bool,
    /// Failures in the order in which they happened.
    failures: Vec<Failure>,
    /// What each deployment came to.
    deployments: BTreeMap<StageId, sealock_events::DeploymentResult>,
    /// Stages that stopped because nobody knows how far an effect of theirs got. Nothing new is started then.
    unsettled: BTreeMap<StageId, sealock_events::Cause>,
    /// Stages by the names that events use.
    names: BTreeMap<String, StageId>,
    finished: bool,
    /// Whether it came to its end once, and was not only interrupted.
    has_ended: bool,
}

/// Why everything that is left of a cancelled run is.
const RUN_CANCELLED: &str = "the run is being cancelled";

impl Machine {
    /// Ready to run `plan`, with at most `jobs` stages at once.
    pub fn new(plan: Plan, jobs: usize) -> Self {
        let stages: Vec<Stage> = plan.stages.iter().cloned().map(Stage::new).collect();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, stage) in stages.iter().enumerate() {
            places.entry(stage.plan.id.clone()).or_default().push(place);
        }
        Self {
            plan,
            run: "RUN".to_owned(),
            names: fold::names(&stages),
            stages,
            places,
            may_start: true,
            jobs: jobs.max(1),
            cancelled: false,
            failures: Vec::new(),
            deployments: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            finished: false,
            has_ended: false,
        }
    }

    /// Calls the run so where a person is told what to type.
    #[must_use]
    pub fn called(mut self, run: &str) -> Self {
        run.clone_into(&mut self.run);
        self
    }

    /// The stages that there are by now.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A stage, by its number.
    pub fn stage(&self, id: StageId) -> &Stage {
        &self.stages[id.0]
    }

    /// Takes one input and says what to do.
    pub fn step(&mut self, input: Input) -> Vec<Command> {
        let mut commands = Vec::new();
        if self.finished && !matches!(input, Input::Resumed { .. }) {
            return commands;
        }
        self.take(input, &mut commands);
        if self.finished {
            return commands;
        }
        self.schedule(&mut commands);
        self.finish_when_done(&mut commands);
        commands
    }

    fn take(&mut self, input: Input, out: &mut Vec<Command>) {
        match input {
            Input::Start => {}
            Input::CellsMade { stage, cells } => self.cells_made(stage, cells, out),
            Input::StageReady { stage, deployment, fresh } => self.stage_ready(stage, deployment, fresh, out),
            Input::StageRefused { stage, cause } => self.stage_refused(stage, cause, out),
            Input::StepDecided { stage, step, decision } => self.step_decided(stage, step, decision, out),
            Input::EffectBegan { stage } => self.effect_began(stage),
            Input::StepEnded { stage, step, ended } => self.step_ended(stage, step, *ended, out),
            Input::TimerFired(timer) => self.timer_fired(timer, out),
            Input::RolledBack { stage, result } => self.rolled_back(stage, result, out),
            Input::StageClosed { stage, outputs, deployment, cause } => {
                self.stage_closed(stage, outputs, deployment, cause, out);
            }
            Input::CancelStage { stage } => {
                self.cancel_stage(stage, "a newer run asked for its concurrency group", out);
            }
            Input::CancelAsked => self.cancel(out),
            Input::Interrupted => self.interrupted(out),
            Input::Resumed { again, by } => self.resumed(&again, by, out),
            Input::Probed { stage, step, state, why, outputs } => self.probed(stage, step, (state, why), outputs, out),
        }
    }

    /// The contexts `needs` for the stage: result, outputs, and cells of each stage that it needs.
    pub fn needs(&self, stage: &Stage) -> Map<String, Json> {
        let mut needs = Map::new();
        for id in &stage.plan.needs {
            needs.insert(id.clone(), self.need(id));
        }
        needs
    }

    fn need(&self, id: &str) -> Json {
        let cells: Vec<&Stage> = self.cells_of(id).collect();
        let result = cells.iter().filter_map(|cell| cell.result).max().unwrap_or(Conclusion::Skipped);
        let agree = cells.windows(2).all(|pair| pair[0].outputs == pair[1].outputs);
        let outputs = match cells.first() {
            Some(first) if agree => first.outputs.clone(),
            _ => Map::new(),
        };
        let listed: Vec<Json> = cells
            .iter()
            .map(|cell| {
                serde_json::json!({
                    "name": cell.plan.name,
                    "matrix": cell.plan.matrix,
                    "result": cell.result.unwrap_or(Conclusion::Skipped).word(),
                    "outputs": cell.outputs,
                })
            })
            .collect();
        serde_json::json!({ "result": result.word(), "outputs": outputs, "cells": listed })
    }

    /// The stage is over, with this result.
    fn end(&mut self, id: StageId, result: Conclusion) {
        let needs = &self.stages[id.0].plan.needs;
        let behind: Vec<&Stage> = needs.iter().flat_map(|need| self.cells_of(need)).collect();
        let failed = result == Conclusion::Failure || behind.iter().any(|other| other.failed_behind);
        let cancelled = result == Conclusion::Cancelled || behind.iter().any(|other| other.cancelled_behind);
        let stage = &mut self.stages[id.0];
        stage.phase = Phase::Done;
        stage.result = Some(result);
        (stage.failed_behind, stage.cancelled_behind) = (failed, cancelled);
        self.may_start = true;
    }

    /// The stage called `id`: its cells, in order.
    fn cells_of(&self, id: &str) -> impl Iterator<Item = &Stage> {
        self.places.get(id).into_iter().flatten().map(|&place| &self.stages[place])
    }

    /// Every stage behind `stage`, its needs' needs included.
    fn ancestors(&self, stage: &Stage) -> Vec<&Stage> {
        let mut seen: BTreeMap<usize, &Stage> = BTreeMap::new();
        let mut open: Vec<&str> = stage.plan.needs.iter().map(String::as_str).collect();
        while let Some(id) = open.pop() {
            for &place in self.places.get(id).into_iter().flatten() {
                let other = &self.stages[place];
                if seen.insert(place, other).is_none() {
                    open.extend(other.plan.needs.iter().map(String::as_str));
                }
            }
        }
        seen.into_values().collect()
    }

    fn cancel(&mut self, out: &mut Vec<Command>) {
        if self.cancelled {
            return;
        }
        let told = EventKind::Cancelling { stage: None, why: RUN_CANCELLED.to_owned(), cause: None };
        self.tell(told, out);
        for place in 0..self.stages.len() {
            self.halt(StageId(place), out);
        }
    }
}
