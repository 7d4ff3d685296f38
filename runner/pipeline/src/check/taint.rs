//! Which variables, axes, and outputs hold text that anyone can write.
//!
//! What a step puts out is not followed: it is the step's own text.

use std::collections::HashSet;

use sealock_expression::{Expression, PathPart, Reference};

use super::reach;
use crate::model::{Axes, Axis, Cells, Pipeline, Stage, Text};
use crate::read::Owner;
use crate::read::slot::Slot;

/// Names that hold outside text.
#[derive(Debug, Default)]
pub(super) struct Tainted {
    /// Outputs, as `stage.output`.
    outputs: HashSet<String>,
    /// Axes, as `place of the stage.axis`; `place.*` for all of them.
    axes: HashSet<String>,
}

impl Tainted {
    /// Follows outside text through outputs and matrices until nothing new is found.
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let mut tainted = Self::default();
        while tainted.grow(pipeline) {}
        tainted
    }

    fn grow(&mut self, pipeline: &Pipeline) -> bool {
        let before = self.outputs.len() + self.axes.len();
        for (place, stage) in pipeline.stages.values().enumerate() {
            let owner = Owner { stage: Some(place), step: None };
            self.add_axes(pipeline, stage, owner, place);
            for output in &stage.outputs {
                if self.taints(pipeline, &output.value, Slot::Output, owner) {
                    self.outputs.insert(format!("{}.{}", stage.id.value, output.key.value).to_ascii_lowercase());
                }
            }
        }
        self.outputs.len() + self.axes.len() > before
    }

    fn add_axes(&mut self, pipeline: &Pipeline, stage: &Stage, owner: Owner, place: usize) {
        let Some(matrix) = &stage.matrix else {
            return;
        };
        for (name, text) in matrix_texts(&matrix.value) {
            if self.taints(pipeline, text, Slot::Matrix, owner) {
                self.axes.insert(format!("{place}.{name}").to_ascii_lowercase());
            }
        }
    }

    fn taints(&self, pipeline: &Pipeline, text: &Text, slot: Slot, owner: Owner) -> bool {
        let mut expressions = text.template().into_iter().flat_map(|template| template.expressions());
        expressions.any(|expression| self.taint(pipeline, expression, slot, owner).is_some())
    }

    /// The outside text that the value of `expression` can hold.
    pub(super) fn taint(
        &self,
        pipeline: &Pipeline,
        expression: &Expression,
        slot: Slot,
        owner: Owner,
    ) -> Option<sealock_expression::Taint> {
        expression.taint(|reference| self.is_tainted(pipeline, reference, slot, owner))
    }

    fn is_tainted(&self, pipeline: &Pipeline, reference: &Reference, slot: Slot, owner: Owner) -> bool {
        let key = |place: usize| match reference.path.get(place) {
            Some(PathPart::Key(name)) => Some(name.as_str()),
            _ => None,
        };
        if reference.reads("env") {
            return self.variable_is_tainted(pipeline, key(0), slot, owner);
        }
        if reference.reads("matrix") {
            let place = owner.stage.unwrap_or_default();
            let is_named = |name: &str| self.axes.contains(&format!("{place}.{name}").to_ascii_lowercase());
            let is_any = || self.axes.iter().any(|axis| axis.starts_with(&format!("{place}.")));
            return is_named("*") || key(0).map_or_else(is_any, is_named);
        }
        if reference.reads("needs") {
            let Some((stage, output)) = key(0).zip(key(2)) else {
                return !self.outputs.is_empty();
            };
            return self.outputs.contains(&format!("{stage}.{output}").to_ascii_lowercase());
        }
        false
    }

    /// Variables see only what is further out, so this ends.
    fn variable_is_tainted(&self, pipeline: &Pipeline, name: Option<&str>, slot: Slot, owner: Owner) -> bool {
        let maps = reach::variables(pipeline, slot, owner);
        let Some(name) = name else {
            let (slot, owner) = further_out(slot, owner);
            return maps.iter().flat_map(|map| map.values()).any(|text| self.taints(pipeline, text, slot, owner));
        };
        for (place, map) in maps.iter().enumerate() {
            if let Some(text) = reach::variable(&[*map], name) {
                let is_outermost = place + 1 == maps.len();
                let is_of_step = maps.len() - place == 3;
                let (slot, owner) = match (is_outermost, is_of_step) {
                    (true, _) => (Slot::PipelineEnv, Owner::default()),
                    (false, true) => (Slot::StepEnv, owner),
                    (false, false) => (Slot::StageEnv, Owner { step: None, ..owner }),
                };
                return self.taints(pipeline, text, slot, owner);
            }
        }
        false
    }
}

/// From where the variables themselves see.
fn further_out(slot: Slot, owner: Owner) -> (Slot, Owner) {
    match (slot, owner.step) {
        (Slot::StageEnv, _) | (_, None) if owner.stage.is_none() || slot == Slot::StageEnv => {
            (Slot::PipelineEnv, Owner::default())
        }
        (Slot::StepEnv, _) | (_, None) => (Slot::StageEnv, Owner { step: None, ..owner }),
        _ => (Slot::StepEnv, owner),
    }
}

/// Every text of a matrix, with the axis that it belongs to, or `*`.
fn matrix_texts(matrix: &crate::model::Matrix) -> Vec<(String, &Text)> {
    let mut texts = Vec::new();
    match &matrix.axes {
        Axes::Computed(text) => texts.push(("*".to_owned(), &text.value)),
        Axes::Named(axes) => {
            for axis in axes {
                let name = &axis.key.value;
                match &axis.value {
                    Axis::Computed(text) => texts.push((name.clone(), &text.value)),
                    Axis::Values(values) => {
                        texts.extend(values.iter().flat_map(|value| value.texts()).map(|text| (name.clone(), text)));
                    }
                }
            }
        }
    }
    match &matrix.include {
        Cells::Computed(text) => texts.push(("*".to_owned(), &text.value)),
        Cells::Listed(cells) => {
            for entry in cells.iter().flat_map(|cell| cell.value.iter()) {
                texts.extend(entry.value.texts().into_iter().map(|text| (entry.key.value.clone(), text)));
            }
        }
    }
    texts
}
