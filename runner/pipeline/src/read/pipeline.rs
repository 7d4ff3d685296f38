//! The top of the file.

use sealock_diagnostics::{Diagnostic, Span};

use super::reader::{Keys, Reader};
use super::shape::{CONCURRENCY, DEFAULTS, ON_CONFLICT, PIPELINE};
use super::slot::Slot;
use crate::model::{Concurrency, Defaults, Draft, Entries, Lost, OnConflict, Spanned, Triggers};
use crate::yaml::NodeId;

/// How many stages a pipeline has at most; stops a file from planning for minutes.
const STAGES_MAX: usize = 2_000;

impl Reader<'_> {
    /// The pipeline at `root`; what could not be read of it is missing, and reported.
    pub(crate) fn draft(&mut self, root: NodeId) -> Option<Draft> {
        let keys = self.keys(root, "the pipeline", &PIPELINE)?;
        Some(Draft {
            name: self.pipeline_name(&keys),
            on: keys.get("on").map_or_else(Triggers::default, |field| self.triggers(field.node)),
            inputs: keys.get("inputs").map(|field| self.inputs(field.node)).unwrap_or_default(),
            env: keys
                .get("env")
                .map(|field| self.env(field.node, "the pipeline's `env`", Slot::PipelineEnv))
                .unwrap_or_default(),
            secrets: keys.get("secrets").map(|field| self.secret_names(field.node)).unwrap_or_default(),
            environments: keys.get("environments").map(|field| self.environments(field.node)).unwrap_or_default(),
            networks: keys.get("networks").map(|field| self.networks(field.node)).unwrap_or_default(),
            plugins: keys.get("plugins").map(|field| self.plugins(field.node)).unwrap_or_default(),
            defaults: keys.get("defaults").map(|field| self.defaults(field.node)).unwrap_or_default(),
            concurrency: keys.get("concurrency").and_then(|field| {
                self.concurrency(field.node, "the pipeline's `concurrency`", Slot::PipelineConcurrency)
            }),
            stages: self.stages(&keys),
            lost: Lost::default(),
        })
    }

    fn pipeline_name(&mut self, keys: &Keys) -> Spanned<String> {
        let nameless = Spanned::new(String::new(), Span::default());
        let Some(field) = keys.get("name") else {
            return nameless;
        };
        let name = self.text(field.node, "the pipeline's `name`");
        if let Some(name) = name.as_ref().filter(|name| name.trim().is_empty()) {
            self.report(Diagnostic::error("E-EMPTY", "the pipeline's `name` is empty", name.span));
        }
        name.unwrap_or(nameless)
    }

    fn secret_names(&mut self, node: NodeId) -> Vec<Spanned<String>> {
        self.granting("secrets", |reader| {
            let nodes = reader.list(node, "`secrets`", "a list of names");
            reader.unique(nodes, "`secrets`", |reader, node| reader.id(node, "the secret"), String::clone)
        })
    }

    fn defaults(&mut self, node: NodeId) -> Defaults {
        let Some(keys) = self.keys(node, "`defaults`", &DEFAULTS) else {
            return Defaults::default();
        };
        Defaults {
            timeout: keys
                .get("timeout")
                .and_then(|field| self.duration(field.node, "`timeout` of `defaults`", Slot::Defaults)),
            retry: keys.get("retry").and_then(|field| self.retry(field.node, "`retry` of `defaults`", Slot::Defaults)),
            working_directory: keys.get("working-directory").and_then(|field| {
                self.below_workspace(field.node, "`working-directory` of `defaults`", Slot::Defaults)
            }),
        }
    }

    /// `concurrency`, of the pipeline or of a stage.
    pub(super) fn concurrency(&mut self, node: NodeId, subject: &str, slot: Slot) -> Option<Spanned<Concurrency>> {
        let span = self.tree.span(node);
        if !self.is_map(node) {
            let group = self.template(node, subject, slot)?;
            return Some(Spanned::new(Concurrency { group, on_conflict: OnConflict::default() }, span));
        }
        let keys = self.keys(node, subject, &CONCURRENCY)?;
        let values = [OnConflict::Queue, OnConflict::CancelOlder, OnConflict::Fail];
        let on_conflict = keys
            .get("on-conflict")
            .and_then(|field| self.choice(field.node, &format!("`on-conflict` of {subject}"), ON_CONFLICT, &values));
        let group = keys.get("group")?;
        let group = self.template(group.node, &format!("`group` of {subject}"), slot)?;
        Some(Spanned::new(
            Concurrency { group, on_conflict: on_conflict.map(|word| word.value).unwrap_or_default() },
            span,
        ))
    }

    fn stages(&mut self, keys: &Keys) -> Entries<crate::model::Stage> {
        let Some(field) = keys.get("stages") else {
            return Entries::default();
        };
        let mut count = 0;
        let stages = self.entries(
            field.node,
            "`stages`",
            |reader, key| {
                reader.check_id(key, "the stage");
            },
            |reader, key, node| {
                count += 1;
                reader.owner.stage = Some(count - 1);
                let stage = (count <= STAGES_MAX).then(|| reader.stage(key, node));
                reader.owner = super::Owner::default();
                stage
            },
        );
        if count > STAGES_MAX {
            let message = format!("there are {count} stages, {STAGES_MAX} are the most");
            self.report(Diagnostic::error("E-CFG-BUDGET", message, field.key));
        }
        if count == 0 && self.is_map(field.node) {
            self.report(Diagnostic::error("E-EMPTY", "`stages` is empty", field.key));
        }
        stages
    }
}
