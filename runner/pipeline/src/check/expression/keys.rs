//! Keys of contexts, where the file says which there are.

use sealock_diagnostics::Diagnostic;
use sealock_expression::{Expression, PathPart, Reference};

use super::super::reach;
use super::super::variables::holds_secret;
use super::Place;
use crate::model::{Axes, Cells, Stage};
use crate::problems::Offers;
use crate::read::slot::Slot;

/// What the `github` context has: what git, the event, and a workflow say.
pub const GITHUB: [&str; 19] = [
    "actor",
    "api_url",
    "base_ref",
    "event",
    "event_name",
    "head_ref",
    "job",
    "ref",
    "ref_name",
    "ref_protected",
    "ref_type",
    "repository",
    "repository_owner",
    "run_attempt",
    "run_id",
    "run_number",
    "server_url",
    "sha",
    "workflow",
];
/// What is known of the machine.
const RUNNER: [&str; 4] = ["arch", "name", "os", "temp"];

impl Place<'_> {
    /// Reports a key that the context does not have.
    pub(super) fn check_key(&mut self, reference: &Reference) {
        match reference.context.as_str() {
            "inputs" => self.check_input(reference),
            "env" => self.check_variable(reference),
            "needs" => self.check_need(reference),
            "steps" => self.check_step(reference),
            "matrix" => self.check_axis(reference),
            "stage" => self.check_service(reference),
            "github" => self.check_fact(reference, &GITHUB),
            "runner" => self.check_fact(reference, &RUNNER),
            _ => {}
        }
    }

    fn offers(&self) -> &Offers {
        self.subject.offers
    }

    fn unknown(&mut self, reference: &Reference, what: &str, name: &str, help: Option<String>) {
        if (self.subject.is_lost)(name) {
            return;
        }
        let span = self.span(reference.at.clone());
        let found = Diagnostic::error("E-EXPR-KEY", format!("`{reference}`: {what}"), span).maybe_help(help);
        self.diagnostics.push(found);
    }

    fn check_input(&mut self, reference: &Reference) {
        let inputs = &self.subject.pipeline.inputs;
        if let Some(name) = key(reference, 0).filter(|name| !has(inputs.names(), name)) {
            let help = self.offers().offer(name, inputs.names());
            let help = help.unwrap_or_else(|| format!("declare it: `inputs: {{ {name}: {{ type: string }} }}`"));
            self.unknown(reference, &format!("there is no input `{name}`"), name, Some(help));
        }
    }

    /// A variable that is not in the file may still be set by a script, but not before steps run.
    fn check_variable(&mut self, reference: &Reference) {
        let Some(name) = key(reference, 0) else {
            self.refuse_hidden_secret(reference);
            return;
        };
        let variables = &self.tainted.variables;
        let (slot, owner) = (self.written.slot, self.written.owner);
        if let Some(variable) = variables.find(slot, owner, name) {
            let text = variable.text;
            if holds_secret(text) {
                let secret =
                    text.template().and_then(|template| template.expressions().find_map(Expression::as_secret));
                let secret = secret.unwrap_or_default();
                let message = format!("`env.{name}` holds the secret `{secret}`");
                let found = Diagnostic::error("E-EXPR-SECRET", message, self.span(reference.at.clone()))
                    .label("a secret would become text here")
                    .help(format!("name the secret where it is needed: `${{{{ secrets.{secret} }}}}`"));
                self.diagnostics.push(found);
            }
            return;
        }
        let is_step = matches!(
            self.written.slot,
            Slot::StepEnv | Slot::StepIf | Slot::With | Slot::WorkingDirectory | Slot::Output
        );
        if !is_step {
            let seen = variables.seen(slot, owner);
            let names = seen.iter().flat_map(|layer| layer.names());
            let help = self.offers().nearest(name, names).map(|near| format!("there is `{near}`"));
            self.unknown(reference, &format!("`{name}` is not in the `env` around it"), name, help);
        }
    }

    /// `env` as a whole, when a secret is in it.
    fn refuse_hidden_secret(&mut self, reference: &Reference) {
        let seen = self.tainted.variables.seen(self.written.slot, self.written.owner);
        if let Some(name) = seen.into_iter().find_map(|layer| layer.secret) {
            let message = format!("`env` is read as a whole, and `env.{name}` holds a secret");
            let found = Diagnostic::error("E-EXPR-SECRET-DYNAMIC", message, self.span(reference.at.clone()))
                .help("name the variables that are needed");
            self.diagnostics.push(found);
        }
    }

    fn check_need(&mut self, reference: &Reference) {
        let pipeline = self.subject.pipeline;
        let (Some(stage), Some(name)) = (reach::stage_of(pipeline, self.written.owner), key(reference, 0)) else {
            return;
        };
        let needs = stage.needs.iter().map(|need| need.value.as_str());
        if !has(needs.clone(), name) {
            let is_stage = pipeline.stages.names().any(|stage| stage.eq_ignore_ascii_case(name));
            let help = if is_stage {
                Some(format!("add `{name}` to `needs` of this stage"))
            } else {
                self.offers().offer(name, needs)
            };
            let what = format!("`{name}` is not in `needs` of stage `{}`", stage.id.value);
            self.unknown(reference, &what, name, help);
            return;
        }
        let needed = pipeline.stages.values().find(|stage| stage.id.eq_ignore_ascii_case(name));
        if self.check_member(reference, &["result", "outputs", "cells"])
            && let Some(needed) = needed
        {
            self.check_output(reference, needed);
        }
    }

    fn check_output(&mut self, reference: &Reference, stage: &Stage) {
        let outputs = &stage.outputs;
        let is_outputs = key(reference, 1).is_some_and(|member| member.eq_ignore_ascii_case("outputs"));
        if let Some(name) = key(reference, 2).filter(|name| is_outputs && !has(outputs.names(), name)) {
            let help = self.offers().offer(name, outputs.names());
            let help =
                help.unwrap_or_else(|| format!("declare it in stage `{}`: `outputs: {{ {name}: … }}`", stage.id.value));
            self.unknown(reference, &format!("stage `{}` has no output `{name}`", stage.id.value), name, Some(help));
        }
    }

    /// Whether the second key is one of `members`.
    fn check_member(&mut self, reference: &Reference, members: &[&str]) -> bool {
        match key(reference, 1) {
            Some(name) if !has(members.iter().copied(), name) => {
                let help = self.offers().offer(name, members.iter().copied());
                self.unknown(reference, &format!("there is no `{name}` in it"), name, help);
                false
            }
            _ => true,
        }
    }

    /// A fact that nothing ever fills; whether one that there is has a value is known to the plan.
    fn check_fact(&mut self, reference: &Reference, facts: &'static [&'static str]) {
        if let Some(name) = key(reference, 0).filter(|name| !has(facts.iter().copied(), name)) {
            let help = self.offers().offer(name, facts.iter().copied());
            self.unknown(reference, &format!("there is no `{name}` in it"), name, help);
        }
    }

    fn check_step(&mut self, reference: &Reference) {
        let owner = self.written.owner;
        let (Some(stage), Some(name)) = (reach::stage_of(self.subject.pipeline, owner), key(reference, 0)) else {
            return;
        };
        match self.step_ids.place(owner, name) {
            Some(place) if reach::has_run(place, owner) => {
                self.check_member(reference, &["outputs", "outcome", "conclusion"]);
            }
            Some(_) => {
                let help = "a step reads what ran before it: move this step behind that one".to_owned();
                self.unknown(reference, &format!("step `{name}` has not run yet"), name, Some(help));
            }
            None => {
                let ids = stage.steps.iter().filter_map(|step| step.id.as_ref()).map(|id| id.value.as_str());
                let near = self.offers().nearest(name, ids).map(|near| format!("there is `{near}`"));
                let help = near.unwrap_or_else(|| format!("give the step that is meant `id: {name}`"));
                let what = format!("no step of stage `{}` has the id `{name}`", stage.id.value);
                self.unknown(reference, &what, name, Some(help));
            }
        }
    }

    fn check_axis(&mut self, reference: &Reference) {
        let Some(stage) = reach::stage_of(self.subject.pipeline, self.written.owner) else {
            return;
        };
        let Some(matrix) = &stage.matrix else {
            let what = format!("stage `{}` has no matrix", stage.id.value);
            self.unknown(reference, &what, "matrix", None);
            return;
        };
        let (Axes::Named(axes), Cells::Listed(included)) = (&matrix.axes, &matrix.include) else {
            return;
        };
        let added = included.iter().flat_map(|cell| cell.value.names());
        let names: Vec<&str> = axes.names().chain(added).collect();
        if let Some(name) = key(reference, 0).filter(|name| !has(names.iter().copied(), name)) {
            let help = self.offers().offer(name, names);
            self.unknown(reference, &format!("the matrix has no `{name}`"), name, help);
        }
    }

    fn check_service(&mut self, reference: &Reference) {
        let Some(stage) = reach::stage_of(self.subject.pipeline, self.written.owner) else {
            return;
        };
        let is_services = key(reference, 0).is_some_and(|member| member.eq_ignore_ascii_case("services"));
        let services = &stage.services;
        if let Some(name) = key(reference, 1).filter(|name| is_services && !has(services.names(), name)) {
            let help = self.offers().offer(name, services.names());
            self.unknown(reference, &format!("stage `{}` has no service `{name}`", stage.id.value), name, help);
        }
    }
}

fn key(reference: &Reference, place: usize) -> Option<&str> {
    match reference.path.get(place) {
        Some(PathPart::Key(name)) => Some(name),
        _ => None,
    }
}

/// Names are compared as GitHub compares keys: in any case.
fn has<'a>(mut names: impl Iterator<Item = &'a str>, wanted: &str) -> bool {
    names.any(|name| name.eq_ignore_ascii_case(wanted))
}
