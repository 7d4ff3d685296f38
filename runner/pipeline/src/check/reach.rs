//! Which stage and which steps an expression belongs to.

use std::collections::HashMap;

use crate::model::{Draft, Stage, Step};
use crate::read::{Owner, StepPlace};

/// The stage that `owner` is in.
pub(super) fn stage_of(pipeline: &Draft, owner: Owner) -> Option<&Stage> {
    pipeline.stages.at(owner.stage?).map(|entry| &entry.value)
}

/// Where the steps with ids stand, by stage and by id in lower case: keys are compared in any case.
#[derive(Debug)]
pub(super) struct StepIds(Vec<HashMap<String, StepPlace>>);

impl StepIds {
    pub(super) fn of(pipeline: &Draft) -> Self {
        Self(pipeline.stages.values().map(ids_of).collect())
    }

    /// Where the step `id` of the owner's stage stands.
    pub(super) fn place(&self, owner: Owner, id: &str) -> Option<StepPlace> {
        self.0.get(owner.stage?)?.get(&id.to_ascii_lowercase()).copied()
    }
}

fn ids_of(stage: &Stage) -> HashMap<String, StepPlace> {
    let steps = stage.steps.iter().enumerate().map(|(place, step)| (StepPlace::Steps(place), step));
    let rollback = stage.rollback.iter().enumerate().map(|(place, step)| (StepPlace::Rollback(place), step));
    let with_id = |(place, step): (StepPlace, &Step)| Some((step.id.as_ref()?.value.to_ascii_lowercase(), place));
    steps.chain(rollback).filter_map(with_id).collect()
}

/// Whether what runs at `place` has run when `owner` does: `outputs` come last, `rollback` after `steps`.
pub(super) fn has_run(place: StepPlace, owner: Owner) -> bool {
    owner.step.is_none_or(|own| place < own)
}
