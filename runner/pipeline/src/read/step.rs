//! Steps.

use sealock_diagnostics::{Diagnostic, near};

use super::reader::{Field, Keys, Reader};
use super::shape::{CACHE, RETRY, RETRY_ON, STEP};
use super::slot::Slot;
use crate::model::{Cache, Call, Entries, Late, Retry, RetryOn, Shell, Spanned, Step};
use crate::script::{ScriptPlace, expressions_in_script};
use crate::yaml::NodeId;

/// How many steps a pipeline has at most; stops a file from planning for minutes.
const STEPS_MAX: usize = 10_000;

/// The most attempts of a step; stops a retry from never ending.
const ATTEMPTS_MAX: u32 = 100;

impl Reader<'_> {
    /// Whether there is room for one more step; the first one too many is reported.
    pub(super) fn one_more_step(&mut self, node: NodeId) -> bool {
        self.steps += 1;
        if self.steps == STEPS_MAX + 1 {
            let message =
                format!("there are more than {STEPS_MAX} steps in the pipeline: this is number {}", self.steps);
            let span = super::first_line(self.file, self.tree.span(node));
            self.report(Diagnostic::error("E-CFG-BUDGET", message, span));
        }
        self.steps <= STEPS_MAX
    }

    pub(super) fn step(&mut self, node: NodeId, subject: &str) -> Step {
        let mut step = empty(self.tree.span(node));
        let Some(keys) = self.keys(node, subject, &STEP) else {
            return step;
        };
        if let Some(call) = self.call(&keys, subject) {
            step.call = call;
        }
        let of = |key: &str| format!("`{key}` of {subject}");
        step.id = keys.get("id").and_then(|field| self.id(field.node, &of("id")));
        step.name = keys.get("name").and_then(|field| self.template(field.node, &of("name"), Slot::StepName));
        if let Some(field) = keys.get("env") {
            step.env = self.env(field.node, &of("env"), Slot::StepEnv);
        }
        step.condition = keys.get("if").and_then(|field| self.condition(field.node, &of("if"), Slot::StepIf));
        step.allow = keys.get("allow").and_then(|field| self.allow(field.node, &of("allow")));
        step.timeout = keys.get("timeout").and_then(|field| self.duration(field.node, &of("timeout"), Slot::Timeout));
        step.retry = keys.get("retry").and_then(|field| self.retry(field.node, &of("retry"), Slot::StepOption));
        let allow_failure = keys
            .get("allow-failure")
            .and_then(|field| self.late_boolean(field.node, &of("allow-failure"), Slot::StepOption));
        step.allow_failure = allow_failure.unwrap_or(Late::Known(false));
        step.working_directory = keys
            .get("working-directory")
            .and_then(|field| self.below_workspace(field.node, &of("working-directory"), Slot::WorkingDirectory));
        let cache = keys
            .get("cache")
            .and_then(|field| self.choice(field.node, &of("cache"), CACHE, &[Cache::Auto, Cache::Off]));
        step.cache = cache.map(|word| word.value).unwrap_or_default();
        step
    }

    /// What the step calls. Every part is read, whether it fits the others or not.
    fn call(&mut self, keys: &Keys, subject: &str) -> Option<Call> {
        let script = keys.get("run").map(|field| self.script(field, subject));
        let plugin = keys.get("uses").map(|field| self.plugin(field.node, &format!("`uses` of {subject}")));
        let shell = keys.get("shell").map(|field| self.shell(field, subject));
        let with = keys.get("with").map(|field| self.values(field.node, &format!("`with` of {subject}"), Slot::With));
        match (script, plugin) {
            (Some(script), None) => {
                let help = "hand values to a script by `env`";
                self.refuse_together(keys, "run", "with", help, subject);
                Some(Call::Run { script: script?, shell: shell.flatten().unwrap_or_default() })
            }
            (None, Some(plugin)) => {
                self.refuse_together(keys, "uses", "shell", "`shell` goes with `run` only", subject);
                Some(Call::Uses { plugin: plugin?, with: with.unwrap_or_default() })
            }
            (Some(_), Some(_)) => {
                self.refuse_together(keys, "run", "uses", "make two steps of them", subject);
                None
            }
            (None, None) => {
                self.report_no_call(keys, subject);
                None
            }
        }
    }

    fn refuse_together(&mut self, keys: &Keys, one: &str, other: &str, help: &str, subject: &str) {
        if let Some(field) = keys.get(other) {
            let message = format!("{subject} has both `{one}` and `{other}`");
            self.report(Diagnostic::error("E-KEY-CONFLICT", message, field.key).help(help));
        }
    }

    fn report_no_call(&mut self, keys: &Keys, subject: &str) {
        let is_meant = |name: &str| near::nearest(name, ["run", "uses"]).is_some();
        let is_misspelt = keys.others().any(|(name, _)| is_meant(name));
        if !is_misspelt && !self.is_damaged(keys.span()) {
            let span = super::first_line(self.file, keys.span());
            let found = Diagnostic::error("E-KEY-MISSING", format!("{subject} has neither `run` nor `uses`"), span)
                .help("add `run: SCRIPT`, or `uses: PLUGIN` with its inputs under `with`");
            self.report(found);
        }
    }

    fn script(&mut self, field: Field, subject: &str) -> Option<Spanned<String>> {
        let script = self.scalar(field.node, &format!("`run` of {subject}"), "a script")?;
        for found in expressions_in_script(&script, self.file, ScriptPlace::Run) {
            self.report(found);
        }
        Some(script)
    }

    fn shell(&mut self, field: Field, subject: &str) -> Option<Shell> {
        let subject = format!("`shell` of {subject}");
        if self.is_list(field.node) {
            let nodes = self.full_list(field.node, &subject, "a program and its arguments");
            let words =
                nodes.into_iter().filter_map(|node| self.text(node, &format!("an item of {subject}"))).collect();
            return Some(Shell::Program(words));
        }
        let text = self.text(field.node, &subject)?;
        let mut words = text.split_ascii_whitespace().map(|word| Spanned::new(word.to_owned(), text.span)).peekable();
        match text.trim() {
            "sh" => Some(Shell::Sh),
            "bash" => Some(Shell::Bash),
            _ if words.peek().is_some() => Some(Shell::Program(words.collect())),
            _ => {
                self.report(Diagnostic::error("E-EMPTY", format!("{subject} is empty"), text.span));
                None
            }
        }
    }

    pub(super) fn retry(&mut self, node: NodeId, subject: &str, slot: Slot) -> Option<Spanned<Retry>> {
        let keys = self.keys(node, subject, &RETRY)?;
        let backoff =
            keys.get("backoff").and_then(|field| self.duration(field.node, &format!("`backoff` of {subject}"), slot));
        let on = keys.get("on").map(|field| {
            let of = format!("`on` of {subject}");
            let values = [RetryOn::Failure, RetryOn::Timeout, RetryOn::Trap, RetryOn::Remote];
            let nodes = self.several(field.node, &of, "a list of text");
            self.unique(
                nodes,
                &of,
                |reader, node| reader.choice(node, &of, RETRY_ON, &values),
                |on| format!("{on:?}").to_lowercase(),
            )
        });
        let attempts = keys.get("attempts")?;
        let attempts = self.count(attempts.node, &format!("`attempts` of {subject}"), 1, ATTEMPTS_MAX)?;
        Some(Spanned::new(Retry { attempts, backoff, on: on.unwrap_or_default() }, keys.span()))
    }
}

fn empty(span: sealock_diagnostics::Span) -> Step {
    Step {
        id: None,
        name: None,
        call: Call::Run { script: Spanned::new(String::new(), span), shell: Shell::default() },
        env: Entries::default(),
        condition: None,
        allow: None,
        timeout: None,
        retry: None,
        allow_failure: Late::Known(false),
        working_directory: None,
        cache: Cache::default(),
        span,
    }
}
