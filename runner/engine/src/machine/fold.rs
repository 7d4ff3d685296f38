//! The state of a run is what its events add up to: the one place where recorded facts change it.
//!
//! The live machine tells an event and takes it in the same breath ([`Machine::tell`]); a resumed one takes the events of
//! the record, one after the other ([`Machine::replay`]). What no event tells is not part of the state that matters: whether
//! a stage is still being opened or already being closed is found out by doing it again.

use std::collections::BTreeMap;

use sealock_events::{Cause, Conclusion, DeploymentResult, Event, EventKind, Waiting};
use serde_json::{Map, Value as Json};

use super::messages::{Command, RolledBack, StageId};
use super::resumption::PARTLY;
use super::stage::{Deployment, Phase, StepStatus};
use super::verdict::Failure;
use super::{Machine, RUN_CANCELLED, time};

/// A record that the plan of its run does not explain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} of the run does not fit its plan: there is no {what}")]
pub struct ReplayError {
    /// The event's number.
    pub seq: u64,
    /// What it speaks of.
    pub what: String,
}

impl Machine {
    /// The machine of a run after these events, which are the first of its record, in order.
    ///
    /// # Errors
    ///
    /// When an event speaks of what the plan does not have.
    pub fn replay<'e>(
        plan: sealock_plan::Plan,
        jobs: usize,
        events: impl IntoIterator<Item = &'e Event>,
    ) -> Result<Self, ReplayError> {
        let mut machine = Self::new(plan, jobs);
        for event in events {
            let took = machine.apply(&event.kind);
            took.map_err(|what| ReplayError { seq: event.seq, what })?;
        }
        Ok(machine)
    }

    /// Records what is true from now on.
    pub(super) fn tell(&mut self, kind: EventKind, out: &mut Vec<Command>) {
        // What the machine itself tells is of its own plan.
        let _ = self.apply(&kind);
        out.push(Command::Record(Box::new(kind)));
    }

    /// Takes what has happened; answers what is not known when the plan does not have it.
    pub(super) fn apply(&mut self, kind: &EventKind) -> Result<(), String> {
        match kind {
            EventKind::RunResumed { .. } => self.take_resumed(),
            EventKind::RunFinished { result, .. } => (self.finished, self.has_ended) = (true, !result.is_open()),
            EventKind::Cancelling { stage: None, .. } => self.take_run_cancelled(),
            EventKind::Log { .. } | EventKind::Group { .. } | EventKind::Progress { .. } => {}
            kind => {
                let Some(name) = kind.stage() else { return Ok(()) };
                let id = self.stage_called(name).ok_or_else(|| format!("stage `{name}`"))?;
                self.apply_to(id, kind)?;
            }
        }
        Ok(())
    }

    fn stage_called(&self, name: &str) -> Option<StageId> {
        self.names.get(name).copied()
    }

    fn apply_to(&mut self, id: StageId, kind: &EventKind) -> Result<(), String> {
        match kind {
            EventKind::Cells { cells, .. } => self.take_cells(id, cells),
            EventKind::StageStarted { .. } => self.take_start(id),
            EventKind::StageRestarted { effects_again: true, .. } => self.take_restart(id),
            EventKind::StageRestarted { effects_again: false, .. } => self.take_fresh_workspace(id),
            EventKind::Skipped { step: None, .. } => {
                let cancelled = self.cancelled || self.stages[id.0].is_cancelled();
                self.end(id, if cancelled { Conclusion::Cancelled } else { Conclusion::Skipped });
            }
            EventKind::Cancelling { why, cause, .. } => self.take_cancelling(id, why, cause.as_ref()),
            EventKind::StageFinished { result, outputs, cause, .. } => {
                self.take_stage_end(id, *result, outputs, cause.as_ref());
            }
            EventKind::StepStarted { step, .. }
            | EventKind::Output { step, .. }
            | EventKind::EffectIntent { step, .. }
            | EventKind::EffectDone { step, .. }
            | EventKind::TimeUsed { step, .. }
            | EventKind::Waiting { step: Some(step), .. }
            | EventKind::StepFinished { step, .. }
            | EventKind::Skipped { step: Some(step), .. } => return self.apply_to_step(id, step, kind),
            kind => self.apply_to_deployment(id, kind),
        }
        Ok(())
    }

    fn apply_to_step(&mut self, id: StageId, key: &str, kind: &EventKind) -> Result<(), String> {
        if self.stages[id.0].is_going_back() {
            // The steps of a rollback have keys of their own, and are run from the first again when it goes on.
            return Ok(());
        }
        let step = self.stages[id.0].place_of(key);
        let step = step.ok_or_else(|| format!("step `{key}` in stage `{}`", self.stages[id.0].plan.name))?;
        match kind {
            EventKind::StepStarted { attempt, .. } => self.stages[id.0].take_start(step, *attempt),
            EventKind::Output { name, value, .. } => self.stages[id.0].take_output(step, name, value),
            EventKind::EffectIntent { .. } => self.effect_began(id),
            EventKind::EffectDone { applied, .. } => self.stages[id.0].take_done(step, *applied),
            EventKind::StepFinished { .. } => self.take_step_end(id, step, kind),
            EventKind::TimeUsed { step_ms, stage_ms, .. } => self.stages[id.0].take_time(step, *step_ms, *stage_ms),
            EventKind::Waiting { waiting: Waiting::Retry { ms }, .. } => {
                time::waits(&mut self.stages[id.0].steps[step], *ms);
            }
            EventKind::Skipped { .. } => self.stages[id.0].settle(step, Conclusion::Skipped, Conclusion::Skipped),
            _ => {}
        }
        Ok(())
    }

    fn take_step_end(&mut self, id: StageId, step: usize, kind: &EventKind) {
        let EventKind::StepFinished { outcome, conclusion, cause, retrying, duration_ms, .. } = kind else {
            return;
        };
        let looks = self.verifies(&self.stages[id.0].plan.steps[step]);
        let stage = &mut self.stages[id.0];
        let is_interrupted = cause.as_ref().is_some_and(Cause::is_interruption);
        if is_interrupted {
            stage.count_interruption(step, looks);
        } else {
            stage.count_end(step, *duration_ms);
        }
        stage.steps[step].is_probed = false;
        if is_interrupted {
            stage.steps[step].status = StepStatus::Interrupted;
            stage.steps[step].interruptions += 1;
        } else if *retrying {
            stage.steps[step].status = StepStatus::Waiting;
        } else {
            stage.settle(step, *outcome, *conclusion);
            if cause.as_ref().is_some_and(|cause| cause.code == PARTLY) {
                stage.half_done = Some(step);
            }
            if *conclusion == Conclusion::Failure {
                self.fail(id, cause.clone().unwrap_or_else(step_failed));
            }
        }
    }

    fn apply_to_deployment(&mut self, id: StageId, kind: &EventKind) {
        let stage = &mut self.stages[id.0];
        match kind {
            EventKind::DeploymentStarted { environment, release, fence, fences, targets, previous, .. } => {
                stage.phase = Phase::Running;
                stage.holds_locks = true;
                stage.deployment = Some(Deployment {
                    environment: environment.clone(),
                    release: release.clone(),
                    fence: *fence,
                    fences: fences.clone(),
                    targets: targets.clone(),
                    previous: previous.clone(),
                });
            }
            EventKind::RollbackStarted { .. } => {
                stage.phase = Phase::RollingBack;
                (stage.goes_back, stage.undoes) = (true, true);
            }
            EventKind::RollbackFinished { result, live, duration_ms, .. } => {
                stage.undoes = false;
                if *result != DeploymentResult::Interrupted {
                    let (result, live, duration_ms) = (*result, live.clone(), *duration_ms);
                    stage.phase = Phase::Closing;
                    stage.rolled_back = Some(RolledBack { result, live, duration_ms });
                }
            }
            EventKind::DeploymentFinished { result, .. } => {
                stage.holds_locks = false;
                stage.settled = Some(*result).filter(|result| *result != DeploymentResult::Interrupted);
            }
            _ => {}
        }
    }

    fn take_stage_end(&mut self, id: StageId, result: Conclusion, outputs: &Map<String, Json>, cause: Option<&Cause>) {
        if let Some(cause) = cause.filter(|cause| cause.is_interruption()) {
            self.stages[id.0].phase = Phase::Interrupted;
            // Who goes on tries again at once.
            self.stages[id.0].steps.iter_mut().for_each(|step| step.waiting_ms = 0);
            (self.stages[id.0].unclear, self.stages[id.0].refusal) = (None, None);
            if cause.code == sealock_events::NEEDS_RECOVERY {
                self.unsettled.insert(id, cause.clone());
            }
            return;
        }
        if let Some(cause) = cause.filter(|_| result == Conclusion::Failure)
            && self.stages[id.0].failure.as_ref() != Some(cause)
        {
            // What ended the stage stands for everything that failed in it before.
            self.stages[id.0].failure = Some(cause.clone());
            self.failures.retain(|failure| failure.stage != id);
            self.failures.push(Failure { stage: id, cause: cause.clone() });
        }
        self.stages[id.0].outputs.clone_from(outputs);
        self.deployments.extend(self.stages[id.0].settled.map(|settled| (id, settled)));
        self.end(id, result);
    }

    fn take_cancelling(&mut self, id: StageId, why: &str, cause: Option<&Cause>) {
        if let Some(cause) = cause {
            self.fail(id, cause.clone());
        }
        self.stages[id.0].cancelled.get_or_insert_with(|| why.to_owned());
        self.may_start = true;
    }

    /// A stage that starts after the run was asked to stop has a condition that wanted it to (`always()`, `cancelled()`): it
    /// is not being cancelled itself, and its steps run.
    fn take_start(&mut self, id: StageId) {
        let stage = &mut self.stages[id.0];
        stage.phase = Phase::Opening;
        stage.cancelled.take_if(|why| why == RUN_CANCELLED);
    }

    fn take_run_cancelled(&mut self) {
        self.cancelled = true;
        self.may_start = true;
        for stage in self.stages.iter_mut().filter(|stage| !stage.is_beyond_cancel()) {
            stage.cancelled.get_or_insert_with(|| RUN_CANCELLED.to_owned());
        }
    }

    /// Whoever resumes a run wants it to go on, also when it was being cancelled. What goes back, goes back.
    fn take_resumed(&mut self) {
        (self.cancelled, self.finished, self.may_start) = (false, false, true);
        self.unsettled.clear();
        for stage in self.stages.iter_mut().filter(|stage| !stage.is_going_back() && stage.phase != Phase::Done) {
            stage.cancelled.take_if(|why| why == RUN_CANCELLED);
        }
    }

    fn take_restart(&mut self, id: StageId) {
        let stage = &mut self.stages[id.0];
        let (plan, generation) = (stage.plan.clone(), stage.generation + 1);
        *stage = super::Stage { generation, ..super::Stage::new(plan) };
        self.failures.retain(|failure| failure.stage != id);
        self.deployments.remove(&id);
        self.unsettled.remove(&id);
        self.may_start = true;
    }

    /// The workspace is that of the commit again: steps that made something of it run again, effects that are done do not.
    fn take_fresh_workspace(&mut self, id: StageId) {
        let stage = &mut self.stages[id.0];
        (stage.failure, stage.cancelled) = (None, None);
        self.failures.retain(|failure| failure.stage != id);
        for step in stage.steps.iter_mut().filter(|step| step.done.is_none() && !step.has_intent) {
            *step = step.afresh();
        }
    }

    /// Cells made at run time take their template's place.
    fn take_cells(&mut self, id: StageId, cells: &[Map<String, Json>]) {
        let template = self.stages[id.0].plan.clone();
        if template.late_matrix.is_none() {
            return;
        }
        let mut made = cells.iter().enumerate().map(|(index, cell)| {
            let mut plan = template.clone();
            plan.name = sealock_plan::matrix::cell_name(&plan.id, cell);
            (plan.late_matrix, plan.cell, plan.cells, plan.matrix) = (None, index, cells.len(), cell.clone());
            self.plan.settle_titles(&mut plan);
            super::Stage::new(plan)
        });
        let made: Vec<super::Stage> = made.by_ref().collect();
        // Numbers of other stages must not change: the first cell replaces the template, the rest go to the end.
        let places = self.places.entry(template.id.clone()).or_default();
        for (index, stage) in made.into_iter().enumerate() {
            let place = if index == 0 { id.0 } else { self.stages.len() };
            self.names.insert(stage.plan.name.clone(), StageId(place));
            if index == 0 {
                self.stages[place] = stage;
            } else {
                places.push(place);
                self.stages.push(stage);
            }
        }
        self.may_start = true;
    }

    pub(super) fn fail(&mut self, id: StageId, cause: Cause) {
        self.stages[id.0].failure.get_or_insert_with(|| cause.clone());
        self.failures.push(Failure { stage: id, cause });
    }
}

/// The stages' places by the names that events use.
pub(super) fn names(stages: &[super::Stage]) -> BTreeMap<String, StageId> {
    stages.iter().enumerate().map(|(place, stage)| (stage.plan.name.clone(), StageId(place))).collect()
}

fn step_failed() -> Cause {
    Cause { code: "E-STEP-FAILED".into(), message: "the step failed".into(), help: None, exit: 1 }
}
