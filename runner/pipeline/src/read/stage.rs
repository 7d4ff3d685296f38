//! Stages.

use super::reader::{Keys, Reader, StepPlace};
use super::shape::STAGE;
use super::slot::Slot;
use crate::model::{Entries, Spanned, Stage, Step};
use crate::yaml::NodeId;

impl Reader<'_> {
    /// The stage called `id`. What could not be read of it is missing, and reported.
    pub(super) fn stage(&mut self, id: &Spanned<String>, node: NodeId) -> Stage {
        let subject = format!("stage `{}`", super::shortened(id));
        let mut stage = empty(id, self.tree.span(node));
        let Some(keys) = self.keys(node, &subject, &STAGE) else {
            return stage;
        };
        self.stage_head(&mut stage, &keys, &subject);
        self.stage_surroundings(&mut stage, &keys, &subject);
        if let Some(field) = keys.get("steps") {
            let nodes = self.full_list(field.node, &format!("`steps` of {subject}"), "a list of steps");
            stage.steps = self.steps(nodes, &subject, StepPlace::Steps);
        }
        if let Some(field) = keys.get("rollback") {
            let nodes = self.list(field.node, &format!("`rollback` of {subject}"), "a list of steps");
            stage.rollback = self.steps(nodes, &format!("the rollback of {subject}"), StepPlace::Rollback);
        }
        stage
    }

    /// When it runs.
    fn stage_head(&mut self, stage: &mut Stage, keys: &Keys, subject: &str) {
        let of = |key: &str| format!("`{key}` of {subject}");
        stage.name = keys.get("name").and_then(|field| self.template(field.node, &of("name"), Slot::StageName));
        if let Some(field) = keys.get("needs") {
            let nodes = self.several(field.node, &of("needs"), "the name of a stage, or a list of them");
            let read = |reader: &mut Self, node| reader.id(node, &format!("an item of {}", of("needs")));
            stage.needs = self.unique(nodes, &of("needs"), read, String::clone);
        }
        stage.condition = keys.get("if").and_then(|field| self.condition(field.node, &of("if"), Slot::StageIf));
        stage.matrix = keys.get("matrix").and_then(|field| self.matrix(field.node, &of("matrix")));
        stage.concurrency = keys
            .get("concurrency")
            .and_then(|field| self.concurrency(field.node, &of("concurrency"), Slot::StageConcurrency));
        stage.timeout = keys.get("timeout").and_then(|field| self.duration(field.node, &of("timeout"), Slot::Timeout));
    }

    /// What it runs with.
    fn stage_surroundings(&mut self, stage: &mut Stage, keys: &Keys, subject: &str) {
        let of = |key: &str| format!("`{key}` of {subject}");
        stage.environment =
            keys.get("environment").and_then(|field| self.template(field.node, &of("environment"), Slot::Environment));
        if let Some(field) = keys.get("env") {
            stage.env = self.env(field.node, &of("env"), Slot::StageEnv);
        }
        stage.container = keys.get("container").and_then(|field| self.container(field.node, &of("container")));
        if let Some(field) = keys.get("services") {
            stage.services = self.services(field.node, &of("services"));
        }
        if let Some(field) = keys.get("outputs") {
            stage.outputs = self.outputs(field.node, &of("outputs"));
        }
        stage.allow = keys.get("allow").and_then(|field| self.allow(field.node, &of("allow")));
    }

    fn outputs(&mut self, node: NodeId, subject: &str) -> crate::model::Env {
        self.entries(
            node,
            subject,
            |reader, key| {
                reader.check_id(key, "the output");
            },
            |reader, key, node| reader.template(node, &format!("`{}` of {subject}", key.value), Slot::Output),
        )
    }

    fn steps(&mut self, nodes: Vec<NodeId>, subject: &str, place: fn(usize) -> StepPlace) -> Vec<Step> {
        let mut steps = Vec::with_capacity(nodes.len());
        for (number, node) in nodes.into_iter().enumerate() {
            if !self.one_more_step(node) {
                break;
            }
            self.owner.step = Some(place(number));
            steps.push(self.step(node, &format!("step {} of {subject}", number + 1)));
        }
        self.owner.step = None;
        steps
    }
}

fn empty(id: &Spanned<String>, span: sealock_diagnostics::Span) -> Stage {
    Stage {
        id: id.clone(),
        name: None,
        needs: Vec::new(),
        condition: None,
        matrix: None,
        env: Entries::default(),
        container: None,
        services: Entries::default(),
        environment: None,
        concurrency: None,
        timeout: None,
        outputs: Entries::default(),
        allow: None,
        steps: Vec::new(),
        rollback: Vec::new(),
        span,
    }
}
