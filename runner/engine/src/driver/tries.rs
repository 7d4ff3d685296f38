//! Tries of steps, settled: every expression evaluated, every program found, nothing started.

use std::sync::Arc;

use sealock_events::{Cause, EventKind};
use sealock_plan::evaluate;
use sealock_plan::{LateFlag, PlannedStep};
use sealock_sandbox::Entry;

use super::Driver;
use crate::attempt::Attempt as Try;
use crate::deployments::{self, Way};
use crate::known::StepKnown;
use crate::machine::{Attempt, Input, StageId};
use crate::prepare::{self, Prepared};
use crate::rollback_steps::RollbackStep;
use crate::room::Room;
use crate::verifying::Ready;

/// How a step's text is evaluated.
type Prepare = fn(
    &PlannedStep,
    &sealock_plan::PlannedPlugin,
    &StepKnown<'_>,
    &[(String, sealock_contract::SecretText)],
) -> Result<Prepared, Cause>;

/// What marks the effect of a step.
pub(crate) struct EffectKey {
    pub(crate) stage: String,
    pub(crate) step: String,
    /// The same in every try, in `probe`, and in `rollback`.
    pub(crate) key: String,
}

impl Driver {
    /// One try of a step, settled.
    pub(super) fn ready(&self, id: StageId, attempt: Attempt, entry: Entry) -> Result<Try, Cause> {
        let stage = self.machine.stage(id);
        let step = &stage.plan.steps[attempt.step];
        let key = self.key_of(id, attempt.step).key;
        // Tries that were interrupted are the same as the one that is made in their place.
        let number = attempt.number.saturating_sub(stage.steps[attempt.step].interruptions);
        let action = match entry {
            Entry::Run => format!("{key}-{number}"),
            Entry::Rollback => "undo".to_owned(),
        };
        Ok(Try { action, ..self.try_of(id, step, attempt.number, entry, Some(key))? })
    }

    /// What marks the effect of a step.
    pub(super) fn key_of(&self, id: StageId, step: usize) -> EffectKey {
        let stage = self.machine.stage(id);
        let (name, step) = (stage.plan.name.clone(), stage.plan.steps[step].key.clone());
        let key = deployments::effect_key(&self.shared.run, &name, &step, stage.generation);
        EffectKey { stage: name, step, key }
    }

    fn try_of(
        &self,
        id: StageId,
        step: &PlannedStep,
        number: u32,
        entry: Entry,
        key: Option<String>,
    ) -> Result<Try, Cause> {
        self.try_prepared(id, step, number, entry, key, prepare::prepare)
    }

    fn try_prepared(
        &self,
        id: StageId,
        step: &PlannedStep,
        number: u32,
        entry: Entry,
        key: Option<String>,
        prepare: Prepare,
    ) -> Result<Try, Cause> {
        let stage = &self.machine.stage(id).plan;
        let plugin = self.shared.plan.plugins.get(&step.plugin).ok_or_else(|| missing(&step.plugin))?;
        let program = self.shared.programs.get(&step.plugin).ok_or_else(|| missing(&step.plugin))?.clone();
        let room = &self.rooms[&id];
        let prepared: Prepared =
            self.with_known(id, step, |known| prepare(step, plugin, known, &room.environment_secrets))?;
        let is_effect = plugin.manifest.as_ref().is_some_and(|manifest| manifest.effect);
        Ok(Try {
            name: sealock_contract::StepName { stage: stage.name.clone(), step: step.key.clone() },
            number,
            epoch: self.shared.next_epoch(),
            action: "extra".to_owned(),
            program,
            grant: self.shared.grant(stage, &step.key),
            limits: step.limits,
            prepared,
            entry,
            key: key.filter(|_| is_effect),
            release: room.release(),
            environment: stage.environment.clone(),
            component: plugin.digest.to_string(),
            manifest: plugin.manifest.clone(),
        })
    }

    /// The stage's verifiers whose inputs are known by now.
    pub(super) fn verifiers(&self, id: StageId) -> Vec<Ready> {
        let stage = &self.machine.stage(id).plan;
        let steps = stage.steps.iter().filter(|step| {
            let manifest = self.shared.plan.plugins.get(&step.plugin).and_then(|plugin| plugin.manifest.as_ref());
            manifest.is_some_and(|manifest| manifest.verifies) && !is_forgiven(step)
        });
        let ready = steps.filter_map(|step| {
            let prepared = self.try_of(id, step, 1, Entry::Run, None).ok()?.prepared;
            let (inputs, secrets) = (prepared.inputs, prepared.secrets);
            Some(Ready { step: step.key.clone(), plugin: step.plugin.clone(), inputs, secrets })
        });
        ready.collect()
    }

    pub(super) fn roll_back(&self, id: StageId, steps: &[usize]) {
        let stage = &self.machine.stage(id).plan;
        let undo = steps
            .iter()
            .filter_map(|&step| self.ready(id, Attempt { step, number: 1 }, Entry::Rollback).ok())
            .collect();
        let extra: Vec<_> = stage.rollback.iter().map(|step| self.rollback_step(id, step)).collect();
        let unmade = extra.iter().filter(|step| step.is_err()).count();
        let extra = extra.into_iter().flatten().flatten().collect();
        let (shared, room, feed) = (self.shared.clone(), self.rooms[&id].clone(), self.feed.clone());
        let complete = Way { undo, extra };
        let lost = steps.len() - complete.undo.len() + unmade;
        tokio::spawn(async move {
            // The intent to roll back is in the journal before anything is taken back.
            shared.recorder.settled().await;
            let mut result = deployments::roll_back(&shared, &room, complete).await;
            if lost > 0 {
                result.result = sealock_events::DeploymentResult::RollbackFailed;
            }
            let _ = feed.send(Input::RolledBack { stage: id, result });
        });
    }

    /// One of the stage's own rollback steps; `None` when its condition does not hold.
    fn rollback_step(&self, id: StageId, step: &PlannedStep) -> Result<Option<RollbackStep>, Cause> {
        let holds = |written: &String| self.with_known(id, step, |known| evaluate::condition(written, known));
        let holds = step.condition.as_ref().map_or(Ok(true), holds).map_err(|error| prepare::evaluation(&error))?;
        if !holds {
            let why = format!("its condition is false: {}", step.condition.as_deref().unwrap_or_default());
            let stage = self.machine.stage(id).plan.name.clone();
            self.shared.recorder.tell(EventKind::Skipped { stage, step: Some(step.key.clone()), why });
            return Ok(None);
        }
        let most = step.retry.as_ref().map_or(1, |retry| retry.attempts);
        let tries = (1..=most).map(|number| self.try_of(id, step, number, Entry::Run, None));
        Ok(Some(RollbackStep { tries: tries.collect::<Result<_, _>>()?, retry: step.retry.clone() }))
    }

    /// The rollbacks of a stage's steps with effects, newest first, as they can be asked for by hand.
    ///
    /// # Errors
    ///
    /// An expression that fails.
    pub(crate) fn undo_by_hand(&mut self, id: StageId, room: Arc<Room>) -> Result<Vec<Try>, Cause> {
        self.rooms.insert(id, room);
        let stage = self.machine.stage(id).plan.clone();
        let has_effect = |step: &&PlannedStep| {
            let manifest = self.shared.plan.plugins.get(&step.plugin).and_then(|plugin| plugin.manifest.as_ref());
            manifest.is_some_and(|manifest| manifest.effect)
        };
        let steps = stage.steps.iter().rev().filter(has_effect);
        let undo = steps.map(|step| {
            let key = deployments::effect_key(&self.shared.run, &stage.name, &step.key, 0);
            self.try_prepared(id, step, 1, Entry::Rollback, Some(key), prepare::prepare_without_needs)
        });
        let undo = undo.collect();
        self.rooms.remove(&id);
        undo
    }

    /// The stage's own rollback steps, as they can be had without the stages before it.
    ///
    /// # Errors
    ///
    /// An expression that fails.
    pub(crate) fn rollback_steps_by_hand(&mut self, id: StageId, room: Arc<Room>) -> Result<Vec<RollbackStep>, Cause> {
        self.rooms.insert(id, room);
        let stage = self.machine.stage(id).plan.clone();
        let steps: Result<Vec<_>, Cause> = stage.rollback.iter().map(|step| self.rollback_step(id, step)).collect();
        self.rooms.remove(&id);
        Ok(steps?.into_iter().flatten().collect())
    }
}

fn is_forgiven(step: &PlannedStep) -> bool {
    step.allow_failure == LateFlag::Known(true)
}

fn missing(plugin: &str) -> Cause {
    Cause {
        code: "E-PLUGIN-UNKNOWN".into(),
        message: format!("the plugin `{plugin}` is not loaded"),
        help: None,
        exit: 70,
    }
}
