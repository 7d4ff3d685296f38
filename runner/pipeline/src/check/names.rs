//! Names that stand for something else in the file: it has to be there.

use std::collections::HashMap;

use sealock_diagnostics::{Diagnostic, Span};

use super::Subject;
use crate::model::{Allow, Draft, Late, Login, NetworkEntry, Spanned, Stage, Step, Text};
use crate::problems::Problems;

pub(super) fn check(diagnostics: &mut Problems, subject: &Subject<'_>) {
    check_logins(diagnostics, subject);
    for stage in subject.pipeline.stages.values() {
        check_environment(diagnostics, subject, stage);
        check_step_ids(diagnostics, stage);
        check_ports(diagnostics, stage);
        let steps = stage.steps.iter().chain(&stage.rollback);
        for allow in stage.allow.iter().chain(steps.filter_map(|step| step.allow.as_ref())) {
            check_allow(diagnostics, subject, stage, allow);
        }
    }
}

fn check_logins(diagnostics: &mut Problems, subject: &Subject<'_>) {
    let targets = subject.pipeline.environments.values().flat_map(|environment| environment.targets.values());
    for target in targets {
        if let Login::Key(secret) = &target.login {
            diagnostics.extend(undeclared_secret(subject, secret, secret.span));
        }
    }
}

/// The error for a secret that is not declared.
pub(super) fn undeclared_secret(subject: &Subject<'_>, name: &str, span: Span) -> Option<Diagnostic> {
    if subject.secrets.contains(name) || (subject.is_lost)(name) {
        return None;
    }
    let declared = subject.pipeline.secrets.iter().map(|secret| secret.value.as_str());
    let help = match subject.offers.nearest(name, declared) {
        Some(near) => format!("there is `{near}`"),
        None => format!("declare it at the top of the file: `secrets: [{name}]`"),
    };
    let message = format!("the secret `{name}` is not declared");
    Some(Diagnostic::error("E-SECRET-UNDECLARED", message, span).label("not in `secrets`").help(help))
}

fn check_environment(diagnostics: &mut Problems, subject: &Subject<'_>, stage: &Stage) {
    let Some(environment) = &stage.environment else {
        if let Some(first) = stage.rollback.first() {
            let message = format!("stage `{}` has `rollback` and no `environment`", stage.id.value);
            let span = Span::new(first.span.start, first.span.start);
            let help = "these steps run when a deployment is rolled back: name its `environment`, or remove them";
            diagnostics.push(Diagnostic::error("E-KEY-CONFLICT", message, span).help(help));
        }
        return;
    };
    let Some(name) = environment.literal() else {
        return;
    };
    let known = &subject.pipeline.environments;
    if known.contains(name) || (subject.is_lost)(name) {
        return;
    }
    let message = format!("stage `{}` deploys to `{name}`, which is not in `environments`", stage.id.value);
    let help = subject.offers.offer(name, known.names());
    let help = help.unwrap_or_else(|| format!("say what it is: `environments: {{ {name}: {{ targets: … }} }}`"));
    diagnostics.push(
        Diagnostic::error("E-ENVIRONMENT-UNKNOWN", message, environment.span)
            .label("no environment has this name")
            .help(help),
    );
}

fn check_step_ids(diagnostics: &mut Problems, stage: &Stage) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    let steps: Vec<&Step> = stage.steps.iter().chain(&stage.rollback).collect();
    for id in steps.iter().filter_map(|step| step.id.as_ref()) {
        if let Some(&first) = seen.get(id.value.as_str()) {
            let message = format!("two steps of stage `{}` have the id `{}`", stage.id.value, id.value);
            let found = Diagnostic::error("E-DUPLICATE", message, id.span).label("the second one");
            diagnostics.push(found.note(first, "the first one"));
        } else {
            seen.insert(&id.value, id.span);
        }
    }
}

/// Two services of a stage cannot have the same port of the host.
fn check_ports(diagnostics: &mut Problems, stage: &Stage) {
    let mut seen: HashMap<u16, Span> = HashMap::new();
    for port in stage.services.values().flat_map(|service| &service.ports) {
        let Some(fixed) = port.known().and_then(|port| port.host) else {
            continue;
        };
        if let Some(&first) = seen.get(&fixed) {
            let message = format!("two services of stage `{}` take the port {fixed} of the host", stage.id.value);
            let found = Diagnostic::error("E-DUPLICATE", message, port.span).label("the second one");
            let help = "write the container's port alone, and read `stage.services.NAME.ports['…']`";
            diagnostics.push(found.note(first, "the first one").help(help));
        } else {
            seen.insert(fixed, port.span);
        }
    }
}

fn check_allow(diagnostics: &mut Problems, subject: &Subject<'_>, stage: &Stage, allow: &Allow) {
    for secret in &allow.secrets {
        diagnostics.extend(undeclared_secret(subject, secret, secret.span));
    }
    for target in &allow.targets {
        diagnostics.extend(check_target(subject, stage, target));
    }
    for entry in &allow.network {
        diagnostics.extend(check_network(subject, entry));
    }
}

fn check_target(subject: &Subject<'_>, stage: &Stage, target: &Spanned<Text>) -> Option<Diagnostic> {
    let name = target.literal()?;
    let known = targets_of(subject.pipeline, stage);
    if known.contains(&name) || (subject.is_lost)(name) {
        return None;
    }
    let message = format!("`{name}` is not a target of stage `{}`", stage.id.value);
    let found = Diagnostic::error("E-TARGET-UNKNOWN", message, target.span)
        .label("no target has this name")
        .maybe_help(subject.offers.offer(name, known));
    Some(found)
}

/// The targets of the stage's environment; of all environments where that is not known yet.
fn targets_of<'a>(pipeline: &'a Draft, stage: &Stage) -> Vec<&'a str> {
    let own = stage.environment.as_ref().and_then(|name| pipeline.environments.get(name.literal()?));
    match own {
        Some(environment) => environment.targets.names().collect(),
        None => pipeline.environments.values().flat_map(|environment| environment.targets.names()).collect(),
    }
}

/// Only the machine's policy knows whether it defines a network of this name, so this is a warning.
fn check_network(subject: &Subject<'_>, entry: &Spanned<Late<NetworkEntry>>) -> Option<Diagnostic> {
    let Some(NetworkEntry::Named(name)) = entry.known() else {
        return None;
    };
    let known = &subject.pipeline.networks;
    if known.contains(name) || (subject.is_lost)(name) {
        return None;
    }
    let near = subject.offers.nearest(name, known.names()).map(|near| format!("there is `@{near}`"));
    let help = near.unwrap_or_else(|| format!("add it to `networks`, unless the machine's policy defines `{name}`"));
    let message = format!("the network `@{name}` is not in this file");
    Some(Diagnostic::warning("E-NETWORK-UNKNOWN", message, entry.span).help(help))
}
