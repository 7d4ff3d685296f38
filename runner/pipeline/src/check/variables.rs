//! The variables of the file, and what is known of each before anything runs.

use std::collections::HashMap;

use crate::model::{Draft, Env, Text};
use crate::read::slot::Slot;
use crate::read::{Owner, StepPlace};

/// Every map of variables, by where it stands.
#[derive(Debug, Default)]
pub(super) struct Variables<'a> {
    pub(super) pipeline: Layer<'a>,
    pub(super) stages: Vec<Layer<'a>>,
    pub(super) steps: HashMap<(usize, StepPlace), Layer<'a>>,
}

/// One map of variables. Names are compared as GitHub compares keys: in any case.
#[derive(Debug, Default)]
pub(super) struct Layer<'a> {
    by_name: HashMap<String, Variable<'a>>,
    /// The first that holds a secret.
    pub(super) secret: Option<&'a str>,
    /// Whether any of them holds text that anyone can write.
    pub(super) is_tainted: bool,
}

/// One variable.
#[derive(Debug)]
pub(super) struct Variable<'a> {
    pub(super) text: &'a Text,
    pub(super) is_tainted: bool,
}

impl<'a> Layer<'a> {
    fn of(env: &'a Env) -> Self {
        let mut layer = Self::default();
        for entry in env {
            let text = &entry.value.value;
            if holds_secret(text) {
                layer.secret = layer.secret.or(Some(&entry.key.value));
            }
            let name = entry.key.value.to_ascii_lowercase();
            layer.by_name.entry(name).or_insert(Variable { text, is_tainted: false });
        }
        layer
    }

    pub(super) fn get(&self, name: &str) -> Option<&Variable<'a>> {
        self.by_name.get(&name.to_ascii_lowercase())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Marks every variable for which `taints` holds.
    pub(super) fn mark(&mut self, taints: impl Fn(&Text) -> bool) {
        for variable in self.by_name.values_mut() {
            variable.is_tainted = taints(variable.text);
            self.is_tainted |= variable.is_tainted;
        }
    }
}

impl<'a> Variables<'a> {
    /// The variables of `pipeline`; which of them are tainted is not known yet.
    pub(super) fn of(pipeline: &'a Draft) -> Self {
        let mut variables = Self { pipeline: Layer::of(&pipeline.env), ..Self::default() };
        for (place, stage) in pipeline.stages.values().enumerate() {
            variables.stages.push(Layer::of(&stage.env));
            let steps = stage.steps.iter().enumerate().map(|(number, step)| (StepPlace::Steps(number), step));
            let rollback = stage.rollback.iter().enumerate().map(|(number, step)| (StepPlace::Rollback(number), step));
            for (number, step) in steps.chain(rollback).filter(|(_, step)| !step.env.is_empty()) {
                variables.steps.insert((place, number), Layer::of(&step.env));
            }
        }
        variables
    }

    /// What an expression in `slot` sees, nearest first. An `env` does not see itself, and a matrix sees
    /// the pipeline's alone, since its stage's may hold what the matrix gives.
    pub(super) fn seen(&self, slot: Slot, owner: Owner) -> Vec<&Layer<'a>> {
        let step = owner.stage.zip(owner.step).filter(|_| slot != Slot::StepEnv);
        let stage = owner.stage.filter(|_| !matches!(slot, Slot::StageEnv | Slot::Matrix | Slot::MatrixOption));
        let pipeline = Some(&self.pipeline).filter(|_| slot != Slot::PipelineEnv);
        let of_step = step.and_then(|place| self.steps.get(&place));
        of_step.into_iter().chain(stage.and_then(|place| self.stages.get(place))).chain(pipeline).collect()
    }

    /// The nearest variable called `name` that an expression in `slot` sees.
    pub(super) fn find(&self, slot: Slot, owner: Owner, name: &str) -> Option<&Variable<'a>> {
        self.seen(slot, owner).into_iter().find_map(|layer| layer.get(name))
    }
}

pub(super) fn holds_secret(text: &Text) -> bool {
    text.template().is_some_and(|template| !template.secret_uses().is_empty())
}
