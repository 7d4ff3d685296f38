//! Which variables an expression sees, and what is known of them.

use crate::model::{Entry, Env, Pipeline, Spanned, Stage, Step, Text};
use crate::read::slot::Slot;
use crate::read::{Owner, StepPlace};

/// The stage that `owner` is in.
pub(super) fn stage_of(pipeline: &Pipeline, owner: Owner) -> Option<&Stage> {
    pipeline.stages.values().nth(owner.stage?)
}

/// The step that `owner` is.
pub(super) fn step_of(stage: &Stage, owner: Owner) -> Option<&Step> {
    match owner.step? {
        StepPlace::Steps(place) => stage.steps.get(place),
        StepPlace::Rollback(place) => stage.rollback.get(place),
    }
}

/// The steps whose results `owner` can read.
pub(super) fn earlier_steps(stage: &Stage, owner: Owner) -> Vec<&Step> {
    let before = |steps: &'_ [Step], place: usize| place.min(steps.len());
    match owner.step {
        Some(StepPlace::Steps(place)) => stage.steps[..before(&stage.steps, place)].iter().collect(),
        Some(StepPlace::Rollback(place)) => {
            stage.steps.iter().chain(&stage.rollback[..before(&stage.rollback, place)]).collect()
        }
        None => stage.steps.iter().collect(),
    }
}

/// The maps of variables that an expression in `slot` sees, nearest first.
pub(super) fn variables<'a>(pipeline: &'a Pipeline, slot: Slot, owner: Owner) -> Vec<&'a Env> {
    let stage = stage_of(pipeline, owner);
    let step = stage.and_then(|stage| step_of(stage, owner)).filter(|_| slot != Slot::StepEnv);
    let stage = stage.filter(|_| slot != Slot::StageEnv);
    let of_stage = stage.map(|stage| &stage.env);
    step.map(|step| &step.env).into_iter().chain(of_stage).chain([&pipeline.env]).collect()
}

/// The variable called `name` in the nearest of `maps`.
pub(super) fn variable<'a>(maps: &[&'a Env], name: &str) -> Option<&'a Spanned<Text>> {
    let is_it = |entry: &&Entry<Spanned<Text>>| entry.key.value.eq_ignore_ascii_case(name);
    maps.iter().find_map(|map| map.get(name).or_else(|| map.iter().find(is_it).map(|entry| &entry.value)))
}
