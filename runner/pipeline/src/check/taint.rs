//! Which variables, axes, and outputs hold text that anyone can write.
//!
//! What a step puts out is not followed: it is the step's own text.

use std::collections::HashSet;

use sealock_expression::{Expression, PathPart, Reference, Taint, Template};

use super::graph;
use super::variables::Variables;
use crate::model::{Axes, Axis, Cells, Draft, Stage, Text};
use crate::read::slot::Slot;
use crate::read::{Owner, StepPlace};

/// What holds outside text.
#[derive(Debug)]
pub(super) struct Tainted<'a> {
    pub(super) variables: Variables<'a>,
    /// Outputs, as `stage.output`.
    outputs: HashSet<String>,
    /// The axes of each stage; `*` for all of them.
    axes: Vec<HashSet<String>>,
}

impl<'a> Tainted<'a> {
    /// Follows outside text through variables, matrices, and outputs, each stage after those that it needs.
    pub(super) fn of(pipeline: &'a Draft) -> Self {
        let variables = Variables::of(pipeline);
        let axes = vec![HashSet::new(); pipeline.stages.len()];
        let mut tainted = Self { variables, outputs: HashSet::new(), axes };
        let mut layer = std::mem::take(&mut tainted.variables.pipeline);
        layer.mark(|text| tainted.taints(text, Slot::PipelineEnv, Owner::default()));
        tainted.variables.pipeline = layer;
        for place in graph::in_order(&pipeline.stages) {
            if let Some(entry) = pipeline.stages.at(place) {
                tainted.follow(&entry.value, place);
            }
        }
        tainted
    }

    fn follow(&mut self, stage: &Stage, place: usize) {
        let owner = Owner { stage: Some(place), step: None };
        for (name, text) in stage.matrix.iter().flat_map(|matrix| matrix_texts(matrix)) {
            if self.taints(text, Slot::Matrix, owner) {
                self.axes[place].insert(name.to_ascii_lowercase());
            }
        }
        let mut layer = std::mem::take(&mut self.variables.stages[place]);
        layer.mark(|text| self.taints(text, Slot::StageEnv, owner));
        self.variables.stages[place] = layer;
        self.follow_steps(stage, place);
        for output in &stage.outputs {
            if self.taints(&output.value, Slot::Output, owner) {
                self.outputs.insert(format!("{}.{}", stage.id.value, output.key.value).to_ascii_lowercase());
            }
        }
    }

    fn follow_steps(&mut self, stage: &Stage, place: usize) {
        let steps = (0..stage.steps.len()).map(StepPlace::Steps);
        for step in steps.chain((0..stage.rollback.len()).map(StepPlace::Rollback)) {
            if let Some(mut layer) = self.variables.steps.remove(&(place, step)) {
                let owner = Owner { stage: Some(place), step: Some(step) };
                layer.mark(|text| self.taints(text, Slot::StepEnv, owner));
                self.variables.steps.insert((place, step), layer);
            }
        }
    }

    fn taints(&self, text: &Text, slot: Slot, owner: Owner) -> bool {
        let mut expressions = text.template().into_iter().flat_map(Template::expressions);
        expressions.any(|expression| self.taint(expression, slot, owner).is_some())
    }

    /// The outside text that the value of `expression` can hold.
    pub(super) fn taint(&self, expression: &Expression, slot: Slot, owner: Owner) -> Option<Taint> {
        expression.taint(|reference| self.is_tainted(reference, slot, owner))
    }

    fn is_tainted(&self, reference: &Reference, slot: Slot, owner: Owner) -> bool {
        let key = |place: usize| match reference.path.get(place) {
            Some(PathPart::Key(name)) => Some(name.as_str()),
            _ => None,
        };
        match reference.context.as_str() {
            "env" => match key(0) {
                Some(name) => self.variables.find(slot, owner, name).is_some_and(|variable| variable.is_tainted),
                None => self.variables.seen(slot, owner).into_iter().any(|layer| layer.is_tainted),
            },
            "matrix" => owner.stage.and_then(|place| self.axes.get(place)).is_some_and(|axes| {
                let is_named = |name: &str| axes.contains(&name.to_ascii_lowercase());
                axes.contains("*") || key(0).map_or(!axes.is_empty(), is_named)
            }),
            "needs" => match key(0).zip(key(2)) {
                Some((stage, output)) => self.outputs.contains(&format!("{stage}.{output}").to_ascii_lowercase()),
                None => !self.outputs.is_empty(),
            },
            _ => false,
        }
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
