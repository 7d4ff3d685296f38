//! Freezes the steps of a stage: plugin, inputs, limits, grant.

use std::collections::HashMap;

use sealock_contract::grant::NetworkGrant;
use sealock_contract::manifest::{InputSpec, InputType};
use sealock_contract::{Manifest, StepLimits};
use sealock_diagnostics::{Diagnostic, Span, near};
use sealock_pipeline::{Call, Late, NetworkEntry, PluginName, RetryOn, Shell, Spanned, Stage, Step, Value};

use crate::evaluate;
use crate::frozen::{EnvEntry, PlannedPlugin, PlannedStep, Retry, RetryKind, WithValue};
use crate::inputs::{self, Input};
use crate::planner::Planner;
use crate::{Unset, Wanted, grants, scripts, written};

/// The builtin that `run:` is short for.
pub const SHELL: &str = "shell";
/// Its input for the program and arguments that are given the script.
pub(crate) const SHELL_INPUT: &str = "shell";
/// Between two attempts, unless `backoff` says otherwise.
const BACKOFF_MS: u64 = 1_000;

pub(crate) fn freeze(
    planner: &mut Planner<'_>,
    stage: &Stage,
    stage_name: &str,
    environment: Option<&str>,
    steps: &[Step],
    prefix: &str,
) -> Vec<PlannedStep> {
    let told = planner.request.told;
    let in_steps: usize = stage.steps.iter().chain(&stage.rollback).map(|step| told.count(step.span)).sum();
    let place = Place { stage, stage_name, environment, is_excused: told.count(stage.span) > in_steps };
    let keys = keys(steps, prefix);
    steps.iter().zip(keys).map(|(step, key)| one(planner, &place, step, key)).collect()
}

/// What each step is called in logs and in the journal: its id; else its plugin, where no other step of the stage is
/// called so; else its place, counted from 1.
fn keys(steps: &[Step], prefix: &str) -> Vec<String> {
    let plugin = |step: &Step| match &step.call {
        Call::Uses { plugin, .. } => match &plugin.value {
            PluginName::Named(name) => Some(name.clone()),
            PluginName::Path(_) | PluginName::Reference(_) => None,
        },
        Call::Run { .. } => None,
    };
    let id = |step: &Step| step.id.as_ref().map(|id| id.value.clone());
    let wanted: Vec<Option<String>> = steps.iter().map(|step| id(step).or_else(|| plugin(step))).collect();
    let mut times: HashMap<&str, usize> = HashMap::new();
    wanted.iter().flatten().for_each(|name| *times.entry(name.as_str()).or_default() += 1);
    let is_only = |name: &str| times.get(name) == Some(&1);
    let named = |(index, step): (usize, &Step)| match (id(step), &wanted[index]) {
        (Some(id), _) => id,
        (None, Some(name)) if is_only(name) => format!("{prefix}{name}"),
        _ => format!("{prefix}{}", index + 1),
    };
    steps.iter().enumerate().map(named).collect()
}

struct Place<'a> {
    stage: &'a Stage,
    stage_name: &'a str,
    environment: Option<&'a str>,
    /// Whether an error in the stage's own keys may have swallowed what its steps are allowed.
    is_excused: bool,
}

/// Freezes one step; what stands in it sees the step's own `env`.
fn one(planner: &mut Planner<'_>, place: &Place<'_>, step: &Step, key: String) -> PlannedStep {
    let env = planner.env(&step.env);
    if env.is_empty() {
        return one_inside(planner, place, step, key, env);
    }
    let outer = (planner.known.clone(), planner.unset_env.clone());
    planner.enter_env(&env);
    let frozen = one_inside(planner, place, step, key, env);
    (planner.known, planner.unset_env) = outer;
    frozen
}

fn one_inside(
    planner: &mut Planner<'_>,
    place: &Place<'_>,
    step: &Step,
    key: String,
    env: Vec<EnvEntry>,
) -> PlannedStep {
    let (plugin, with, spans) = call(planner, step);
    let manifest = planner.plugins.get(&plugin).and_then(|found| found.manifest.clone());
    let is_known = planner.plugins.contains_key(&plugin);
    let checked = match (&manifest, is_known) {
        (Some(manifest), _) => check_inputs(planner, step, &plugin, manifest, &with, &spans),
        _ => Checked::default(),
    };
    let grant = grant(planner, place, step, &plugin, manifest.as_ref(), &checked);
    let runs_script = matches!(step.call, Call::Run { .. }) || plugin == SHELL;
    let wants_unconfined_network = runs_script && !grant.network.is_empty();
    planner.grant(place.stage_name, &key, grant);
    if runs_script {
        warn_of_memory(planner, place.stage, step);
    }
    PlannedStep {
        has_id: step.id.is_some(),
        title: title(planner, step, &plugin),
        with,
        env,
        condition: step.condition.as_ref().map(|condition| planner.condition(condition)),
        retry: retry(planner, step),
        allow_failure: planner.flag(&step.allow_failure, step.span),
        working_directory: working_directory(planner, step),
        limits: limits(planner, place.stage, step),
        wants_unconfined_network,
        line: planner.line(step.span),
        plugin,
        key,
    }
}

fn title(planner: &mut Planner<'_>, step: &Step, plugin: &str) -> String {
    const TITLE_CHARS_MAX: usize = 60;
    if let Some(name) = &step.name {
        return planner.title(name);
    }
    match &step.call {
        Call::Run { script, .. } => {
            let first = script.value.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
            // A script is literal text; here it is shown, not evaluated.
            shortened(&first.replace("${{", "$ {{"), TITLE_CHARS_MAX)
        }
        Call::Uses { .. } => plugin.to_owned(),
    }
}

/// The text, or its start with `…` behind it: `most` characters in all.
fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// A plugin's name, its inputs as written, and where each stands.
type Called = (String, Vec<(String, WithValue)>, Vec<(String, Span)>);

/// What the step calls.
fn call(planner: &mut Planner<'_>, step: &Step) -> Called {
    match &step.call {
        Call::Run { script, shell } => {
            resolve(planner, SHELL, Wanted::Builtin(SHELL), script.span);
            let mut with = vec![
                ("script".to_owned(), WithValue::text(script.value.as_str())),
                (SHELL_INPUT.to_owned(), shell_value(shell)),
            ];
            if let Some(folder) = working_directory(planner, step) {
                with.push(("working-directory".to_owned(), WithValue::text(folder)));
            }
            (SHELL.to_owned(), with, vec![("script".to_owned(), script.span)])
        }
        Call::Uses { plugin, with } => {
            let name = named_plugin(planner, plugin);
            for entry in with {
                check_value(planner, &entry.value);
            }
            let spans = with.iter().map(|entry| (entry.key.value.clone(), entry.value.span)).collect();
            let with = with.iter().map(|entry| (entry.key.value.clone(), written::value(&entry.value.value))).collect();
            (name, with, spans)
        }
    }
}

fn shell_value(shell: &Shell) -> WithValue {
    match shell {
        Shell::Sh => WithValue::text("sh"),
        Shell::Bash => WithValue::text("bash"),
        Shell::Program(words) => {
            WithValue::List(words.iter().map(|word| WithValue::text(word.value.as_str())).collect())
        }
    }
}

fn named_plugin(planner: &mut Planner<'_>, plugin: &Spanned<PluginName>) -> String {
    let declared = &planner.request.pipeline.plugins;
    let (name, wanted) = match &plugin.value {
        PluginName::Named(name) => (name, declared.get(name).map(|own| &own.value)),
        PluginName::Path(path) => (path, Some(&plugin.value)),
        PluginName::Reference(reference) => (reference, Some(&plugin.value)),
    };
    if wanted.is_some_and(|own| !matches!(own, PluginName::Named(_)))
        && matches!(plugin.value, PluginName::Named(_))
        && planner.request.catalogue.find(Wanted::Builtin(name)).is_ok()
    {
        let message = format!("`{name}` is the name of a builtin, and stands for another plugin here");
        let told = Diagnostic::error("E-PLUGIN-NAME", message, plugin.span).label("declared under `plugins`");
        planner.report(told.help("give it another short name"));
    }
    let wanted = match wanted {
        Some(PluginName::Path(path)) => Wanted::Path(path),
        Some(PluginName::Reference(reference)) => Wanted::Reference(reference),
        Some(PluginName::Named(name)) => Wanted::Builtin(name),
        None => Wanted::Builtin(name),
    };
    resolve(planner, name, wanted, plugin.span);
    name.clone()
}

fn resolve(planner: &mut Planner<'_>, name: &str, wanted: Wanted<'_>, at: Span) {
    if planner.plugins.contains_key(name) {
        return;
    }
    let found: Result<PlannedPlugin, _> = planner.request.catalogue.find(wanted);
    match found {
        Ok(plugin) => {
            planner.plugins.insert(name.to_owned(), plugin);
        }
        Err(error) => {
            let builtins = planner.request.catalogue.builtins();
            let declared = planner.request.pipeline.plugins.names();
            let help = error.help.or_else(|| near::offer(name, builtins.iter().map(String::as_str).chain(declared)));
            planner.missing.insert(name.to_owned());
            if planner.request.pipeline.may_hold(name) {
                return;
            }
            let may_be_right = error.is_unseen && planner.request.unset == Unset::Unknown;
            let level = if may_be_right { Diagnostic::warning } else { Diagnostic::error };
            planner.report(level(error.code, error.message, at).maybe_help(help));
        }
    }
}

/// Expressions under `with`, wherever they stand in it.
fn check_value(planner: &mut Planner<'_>, value: &Spanned<Value>) {
    match &value.value {
        Value::Null => {}
        Value::Scalar(scalar) => planner.check_text(scalar.text.raw(), value.span),
        Value::List(items) => items.iter().for_each(|item| check_value(planner, item)),
        Value::Map(entries) => entries.iter().for_each(|entry| check_value(planner, &entry.value)),
    }
}

/// What is known of the inputs before the run.
#[derive(Default)]
struct Checked {
    known: Vec<(String, Input)>,
    late: Vec<(String, Span)>,
    secrets: Vec<String>,
}

fn check_inputs(
    planner: &mut Planner<'_>,
    step: &Step,
    plugin: &str,
    manifest: &Manifest,
    with: &[(String, WithValue)],
    spans: &[(String, Span)],
) -> Checked {
    let mut checked = Checked::default();
    let span_of = |name: &str| spans.iter().find(|(own, _)| own == name).map_or(step.span, |(_, span)| *span);
    for (name, value) in with {
        let span = span_of(name);
        let Some(spec) = manifest.inputs.get(name) else {
            planner.report(unknown_input(step, plugin, manifest, name));
            continue;
        };
        if spec.kind == InputType::Script && scripts::refuse(planner, manifest, name, value, span) {
            continue;
        }
        if planner.value_rests_on_unset(value) {
            continue;
        }
        if planner.is_late(value) {
            if let Some(secrets) = late_secrets(value) {
                checked.secrets.extend(secrets);
            }
            checked.late.push((name.clone(), span));
            continue;
        }
        let fitted =
            evaluate::value(value, &planner.known).map_err(|error| ("E-EXPR-EVALUATION", error.to_string(), None));
        let fitted = fitted.and_then(|value| {
            inputs::fit(spec, &value).map_err(|problem| (problem.code(), problem.to_string(), problem.help()))
        });
        match fitted {
            Ok(input) => {
                checked.secrets.extend(grants::secrets_of(&input));
                checked.known.push((name.clone(), input));
            }
            Err((code, problem, help)) => {
                let message = format!("input `{name}` of `{plugin}`: {problem}");
                planner.report(Diagnostic::error(code, message, span).maybe_help(help.map(str::to_owned)));
            }
        }
    }
    for (name, spec) in &manifest.inputs {
        if with.iter().any(|(own, _)| own == name) {
            continue;
        }
        if spec.required {
            if planner.request.told.excuses(step.span) {
                continue;
            }
            planner.report(missing_input(step, plugin, name, &spec.description));
        } else if let Ok(input) = inputs::default(spec) {
            checked.known.push((name.clone(), input));
        }
    }
    checked
}

/// Secrets that a late value names beside what is not known yet.
fn late_secrets(value: &WithValue) -> Option<Vec<String>> {
    match value {
        WithValue::Scalar { text, .. } => {
            let template = sealock_expression::Template::parse(text).ok()?;
            let names = template.secret_uses().into_iter().filter_map(|named| match named.kind {
                sealock_expression::SecretUseKind::Direct { name } => Some(name),
                _ => None,
            });
            Some(names.collect())
        }
        WithValue::List(items) => Some(items.iter().filter_map(late_secrets).flatten().collect()),
        WithValue::Map(entries) => {
            Some(entries.iter().filter_map(|(_, entry)| late_secrets(entry)).flatten().collect())
        }
        WithValue::Null => None,
    }
}

fn unknown_input(step: &Step, plugin: &str, manifest: &Manifest, name: &str) -> Diagnostic {
    let key_span = match &step.call {
        Call::Uses { with, .. } => with.entry(name).map_or(step.span, |entry| entry.key.span),
        Call::Run { .. } => step.span,
    };
    let help = near::offer(name, manifest.inputs.keys().map(String::as_str));
    Diagnostic::error("E-INPUT-UNKNOWN", format!("`{plugin}` has no input `{name}`"), key_span)
        .label("not an input")
        .maybe_help(help)
}

fn missing_input(step: &Step, plugin: &str, name: &str, description: &str) -> Diagnostic {
    let at = match &step.call {
        Call::Uses { plugin, .. } => plugin.span,
        Call::Run { script, .. } => script.span,
    };
    let why = if description.is_empty() { String::new() } else { format!(": {description}") };
    Diagnostic::error("E-INPUT-MISSING", format!("`{plugin}` needs the input `{name}`{why}"), at)
        .label(format!("`{name}` is missing"))
        .help(format!("add it under `with`: {{ {name}: … }}"))
}

fn grant(
    planner: &mut Planner<'_>,
    place: &Place<'_>,
    step: &Step,
    plugin: &str,
    manifest: Option<&Manifest>,
    checked: &Checked,
) -> sealock_contract::Grant {
    let pipeline = planner.request.pipeline;
    let environment = place.environment.and_then(|name| pipeline.environments.get(name));
    let targets: Vec<String> =
        environment.map(|own| own.targets.names().map(str::to_owned).collect()).unwrap_or_default();
    let of_policy = |name: &str| planner.request.facts.networks.get(name).cloned().unwrap_or_default();
    let networks = |name: &str| match pipeline.networks.get(name) {
        Some(group) => network(group),
        None => of_policy(name),
    };
    // What the environment gives to the release's services reaches the steps that ask for it as their input `env`.
    let takes_env = manifest.and_then(|own| own.inputs.get("env")).is_some_and(InputSpec::takes_environment);
    let given = environment.filter(|_| takes_env).map(|own| env_secrets(&own.env)).unwrap_or_default();
    let step_name = step.id.as_ref().map_or(plugin, |id| id.value.as_str()).to_owned();
    let question = grants::Step {
        manifest,
        runs_script: plugin == SHELL,
        known: &checked.known,
        late: &checked.late,
        allow: step.allow.as_ref().or(place.stage.allow.as_ref()),
        networks: &networks,
        targets: &targets,
        secrets: [checked.secrets.clone(), given].concat(),
        at: step.span,
        name: &step_name,
    };
    if planner.missing.contains(plugin) || place.is_excused || planner.request.told.excuses(step.span) {
        return sealock_contract::Grant::default();
    }
    grants::fix(&question, &mut planner.diagnostics)
}

/// The secrets that an `env` names.
fn env_secrets(env: &sealock_pipeline::Env) -> Vec<String> {
    let values = env.iter().map(|entry| WithValue::text(entry.value.value.raw()));
    values.filter_map(|value| late_secrets(&value)).flatten().collect()
}

fn network(group: &[Spanned<NetworkEntry>]) -> Vec<NetworkGrant> {
    let grants = group.iter().filter_map(|entry| match &entry.value {
        NetworkEntry::Grant(grant) => Some(grant.clone()),
        NetworkEntry::Named(_) => None,
    });
    grants.collect()
}

fn retry(planner: &mut Planner<'_>, step: &Step) -> Option<Retry> {
    let own = step.retry.as_ref().or(planner.request.pipeline.defaults.retry.as_ref())?;
    let backoff = own.value.backoff.as_ref().and_then(|backoff| planner.late(backoff, "a duration such as `5s`"));
    let kinds = own.value.on.iter().map(|kind| match kind.value {
        RetryOn::Failure => RetryKind::Failure,
        RetryOn::Timeout => RetryKind::Timeout,
        RetryOn::Trap => RetryKind::Trap,
        RetryOn::Remote => RetryKind::Remote,
    });
    Some(Retry {
        attempts: own.value.attempts.value,
        backoff_ms: backoff.map_or(BACKOFF_MS, |own: sealock_pipeline::Duration| own.as_millis()),
        on: kinds.collect(),
    })
}

fn working_directory(planner: &mut Planner<'_>, step: &Step) -> Option<String> {
    let own = step.working_directory.as_ref().or(planner.request.pipeline.defaults.working_directory.as_ref())?;
    Some(planner.written(own))
}

/// A stage's container has no limit of memory for one command in it.
fn warn_of_memory(planner: &mut Planner<'_>, stage: &Stage, step: &Step) {
    let allow = step.allow.as_ref().or(stage.allow.as_ref());
    let memory = allow.and_then(|allow| allow.value.memory.as_ref());
    if let (Some(memory), Some(_)) = (memory, &stage.container) {
        let found =
            Diagnostic::warning("E-ALLOW-MEMORY", "a command in a stage's container is not held to this", memory.span)
                .label("holds components, and commands on the host")
                .help("limit the command itself, such as with `ulimit -d`, or run it without `container`");
        planner.report(found);
    }
}

fn limits(planner: &mut Planner<'_>, stage: &Stage, step: &Step) -> StepLimits {
    let mut limits = StepLimits::default();
    let timeout = step.timeout.as_ref().or(planner.request.pipeline.defaults.timeout.as_ref());
    if let Some(own) = timeout.and_then(|timeout| planner.late(timeout, "a duration such as `10m`")) {
        let own: sealock_pipeline::Duration = own;
        limits.wall_ms = own.as_millis();
    }
    let allow = step.allow.as_ref().or(stage.allow.as_ref());
    let memory: Option<&Spanned<Late<sealock_pipeline::Size>>> = allow.and_then(|allow| allow.value.memory.as_ref());
    if let Some(own) = memory.and_then(|memory| planner.late(memory, "a size such as `512MiB`")) {
        limits.memory_bytes = own.as_bytes();
        limits.process_memory_bytes = Some(own.as_bytes());
    }
    limits
}
