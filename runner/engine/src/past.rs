//! What the record of a run says that goes on: everything that its machine does not keep.

use std::collections::BTreeMap;

use sealock_events::{Event, EventKind, Goal, ProbeState};
use sealock_plan::Plan;

use crate::machine::{Machine, Phase, ReplayError, StageId};
use crate::room::writer;
use crate::scripts::Taken;

/// The record of a run that is to go on.
pub struct Past {
    pub(crate) events: Vec<Event>,
    /// Stages that are asked to run again.
    pub(crate) again: Vec<String>,
    /// What a person found out about effects, by `stage/step`.
    pub(crate) settled: BTreeMap<String, ProbeState>,
    has_ended: bool,
}

impl Past {
    /// Of these events, after checking that they are of `plan`.
    ///
    /// # Errors
    ///
    /// When they are not.
    pub fn read(plan: &Plan, events: Vec<Event>) -> Result<Self, ReplayError> {
        Machine::replay(plan.clone(), 1, &events)?;
        let has_ended = matches!(events.last().map(|event| &event.kind), Some(EventKind::RunFinished { .. }));
        Ok(Self { events, again: Vec::new(), settled: BTreeMap::new(), has_ended })
    }

    /// Has this stage, and what is behind it, run again; answers whether there is one.
    pub fn run_again(&mut self, plan: &Plan, stage: &str) -> bool {
        let Ok(machine) = Machine::replay(plan.clone(), 1, &self.events) else { return false };
        let named = |own: &&crate::machine::Stage| own.plan.name == stage || own.plan.id == stage;
        self.again.extend(machine.stages().iter().filter(named).map(|own| own.plan.name.clone()));
        !self.again.is_empty()
    }

    /// Takes a person's word for what became of the effect of `stage/step`.
    pub fn settle(&mut self, step: &str, state: ProbeState) {
        self.settled.insert(step.to_owned(), state);
    }

    /// Whether an earlier process wrote an end of the run.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The number of the last event.
    pub(crate) fn last_seq(&self) -> u64 {
        self.events.last().map_or(0, |event| event.seq)
    }

    /// The machine as it was after the last event.
    pub(crate) fn machine(&self, plan: &Plan, jobs: usize) -> Result<Machine, ReplayError> {
        Machine::replay(plan.clone(), jobs, &self.events)
    }

    /// The stages that are asked to run again.
    pub(crate) fn again(&self, machine: &Machine) -> Vec<StageId> {
        let is_asked = |(_, stage): &(usize, &crate::machine::Stage)| {
            stage.phase != Phase::Waiting && self.again.contains(&stage.plan.name)
        };
        machine.stages().iter().enumerate().filter(is_asked).map(|(place, _)| StageId(place)).collect()
    }

    /// The cells of matrices that were made while the run went on.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (&str, &serde_json::Map<String, serde_json::Value>)> {
        self.events.iter().flat_map(|event| match &event.kind {
            EventKind::Cells { stage, cells } => cells.iter().map(|cell| (stage.as_str(), cell)).collect(),
            _ => Vec::new(),
        })
    }

    /// The tries of `stage` that came to their end, as they are noted beside its workspace.
    pub(crate) fn finished(&self, stage: &str) -> Vec<String> {
        let mut tries = Vec::new();
        for event in self.events.iter().filter(|event| event.kind.stage() == Some(stage)) {
            match &event.kind {
                EventKind::StepFinished { step, attempt, cause, .. }
                    if !cause.as_ref().is_some_and(sealock_events::Cause::is_interruption) =>
                {
                    tries.push(writer(step, *attempt));
                }
                // Tries are counted from 1 again.
                EventKind::StageRestarted { effects_again: true, .. } => tries.clear(),
                _ => {}
            }
        }
        tries
    }

    /// What the finished steps of `stage` gave to those behind them, oldest first.
    pub(crate) fn handed_on(&self, stage: &str) -> Vec<Taken> {
        let mut kept = Vec::new();
        let mut open: Option<Taken> = None;
        for event in self.events.iter().filter(|event| event.kind.stage() == Some(stage)) {
            match &event.kind {
                EventKind::HandedOn { env, path, .. } => {
                    open = Some(Taken { env: env.clone(), path: path.clone(), ..Taken::default() });
                }
                EventKind::StepFinished { cause, .. } => {
                    let is_over = !cause.as_ref().is_some_and(sealock_events::Cause::is_interruption);
                    kept.extend(open.take().filter(|_| is_over));
                }
                EventKind::StageRestarted { .. } => kept.clear(),
                _ => {}
            }
        }
        kept
    }

    /// Whether a deployment of the run was begun.
    pub fn has_deployed(&self) -> bool {
        self.events.iter().any(|event| matches!(event.kind, EventKind::DeploymentStarted { .. }))
    }

    /// What the run is for, and how many files that were not committed went in.
    pub fn start(&self) -> (Goal, u64) {
        let started = self.events.iter().find_map(|event| match event.kind {
            EventKind::RunStarted { goal, dirty_files, .. } => Some((goal, dirty_files)),
            _ => None,
        });
        started.unwrap_or_default()
    }
}
