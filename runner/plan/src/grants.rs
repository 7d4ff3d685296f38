//! What a step may touch: what its plugin asks for, and its author allows.

use sealock_contract::grant::{Capability, ContainerGrant, FileGrant, ImagePattern, NetworkGrant, Pattern};
use sealock_contract::manifest::{InputType, RequestSpec, Source};
use sealock_contract::{Grant, Manifest, SecretText, Value};
use sealock_diagnostics::{Diagnostic, Span};
use sealock_pipeline::{Allow, NetworkEntry, Spanned};

use crate::inputs::Input;

/// What is known of one step when its grant is fixed.
pub(crate) struct Step<'a> {
    /// What its plugin says; `None` for a plain `wasi:cli` program.
    pub(crate) manifest: Option<&'a Manifest>,
    /// The builtin that runs scripts asks for whatever its author writes.
    pub(crate) runs_script: bool,
    /// The inputs that are known now, by name; a name without an entry here is late.
    pub(crate) known: &'a [(String, Input)],
    /// The inputs that are known only later, by name, with their place.
    pub(crate) late: &'a [(String, Span)],
    /// `allow` of the step, or of its stage.
    pub(crate) allow: Option<&'a Spanned<Allow>>,
    /// Groups of hosts.
    pub(crate) networks: &'a dyn Fn(&str) -> Vec<NetworkGrant>,
    /// The targets of the stage's environment.
    pub(crate) targets: &'a [String],
    /// Secrets that the step names in its inputs.
    pub(crate) secrets: Vec<String>,
    /// Where the step stands.
    pub(crate) at: Span,
    /// What the step is called in messages.
    pub(crate) name: &'a str,
}

/// Fixes the grant of one step.
pub(crate) fn fix(step: &Step<'_>, diagnostics: &mut Vec<Diagnostic>) -> Grant {
    let mut grant = Grant { files: files(step), secrets: step.secrets.clone(), ..Grant::default() };
    if let Some(allow) = step.allow {
        let declared = allow.value.secrets.iter().map(|secret| secret.value.clone());
        grant.secrets.extend(declared);
    }
    let requests = step.manifest.map(|manifest| manifest.requests.as_slice()).unwrap_or_default();
    for request in requests {
        answer(step, request, &mut grant, diagnostics);
    }
    if step.runs_script {
        grant.network = allowed_network(step);
        if hands_over(step) && !grant.exec.iter().any(|own| own == "sh") {
            grant.exec.push("sh".to_owned());
        }
    }
    grant.secrets.sort();
    grant.secrets.dedup();
    warn_of_unused(step, requests, diagnostics);
    grant
}

/// Whether the step's program is given its script as a file, which `sh` writes and names.
fn hands_over(step: &Step<'_>) -> bool {
    let shell = step.known.iter().find(|(name, _)| name == crate::steps::SHELL_INPUT);
    let Some((_, Input::Value(Value::Items(words)))) = shell else {
        return false;
    };
    !matches!(words.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), ["sh" | "bash"])
}

fn files(step: &Step<'_>) -> FileGrant {
    if let Some(files) = step.allow.and_then(|allow| allow.value.files.as_ref()) {
        let patterns = |list: &[Spanned<sealock_pipeline::Text>]| {
            list.iter().map(|pattern| Pattern(pattern.value.raw().to_owned())).collect::<Vec<_>>()
        };
        let mut grant = FileGrant { read: patterns(&files.value.read), write: patterns(&files.value.write) };
        grant.read.extend(path_inputs(step));
        return grant;
    }
    match step.manifest {
        _ if step.runs_script => FileGrant::write_all(),
        None => FileGrant::default(),
        Some(manifest) if manifest.is_hermetic() => FileGrant { read: path_inputs(step), write: Vec::new() },
        Some(_) => FileGrant::read_all(),
    }
}

/// A path that the author typed into an input may be read, with everything below it.
fn path_inputs(step: &Step<'_>) -> Vec<Pattern> {
    let Some(manifest) = step.manifest else {
        return Vec::new();
    };
    let is_path = |name: &str| manifest.inputs.get(name).is_some_and(|spec| spec.kind == InputType::Path);
    let paths = step.known.iter().filter(|(name, _)| is_path(name)).filter_map(|(_, input)| match input {
        Input::Value(Value::Text(path)) => Some(path.clone()),
        _ => None,
    });
    paths.flat_map(|path| [Pattern(path.clone()), Pattern(format!("{path}/**"))]).collect()
}

fn answer(step: &Step<'_>, request: &RequestSpec, grant: &mut Grant, diagnostics: &mut Vec<Diagnostic>) {
    match request.source() {
        Source::Input(name) => {
            if let Some((_, input)) = step.known.iter().find(|(known, _)| *known == name) {
                grant_typed(request, input, grant);
            } else if let Some((_, at)) = step.late.iter().find(|(late, _)| *late == name) {
                from_allow(step, request, grant);
                if !touches(request.capability, grant) {
                    diagnostics.push(late_grant(step, request, &name, *at));
                }
                return;
            }
            from_allow(step, request, grant);
        }
        Source::Environment => {
            if request.capability == Capability::Targets {
                grant.targets.extend(step.targets.iter().cloned());
            }
        }
        Source::Literal(wanted) => literal(step, request, &wanted, grant, diagnostics),
        Source::Allow => {
            from_allow(step, request, grant);
            if !request.optional && !touches(request.capability, grant) {
                diagnostics.push(missing(step, request, None));
            }
        }
    }
}

/// Whether anything of this kind is granted.
fn touches(capability: Capability, grant: &Grant) -> bool {
    match capability {
        Capability::Network => !grant.network.is_empty(),
        Capability::Exec => !grant.exec.is_empty(),
        Capability::Files => grant.files != FileGrant::default(),
        Capability::Secrets => !grant.secrets.is_empty(),
        Capability::Reveal => grant.reveal,
        Capability::Build => grant.containers.build,
        Capability::Run => !grant.containers.run.is_empty(),
        Capability::Push => !grant.containers.push.is_empty(),
        Capability::Targets => !grant.targets.is_empty(),
        Capability::Git | Capability::Cache | Capability::Artifacts => true,
    }
}

/// Typing the input is the grant.
fn grant_typed(request: &RequestSpec, input: &Input, grant: &mut Grant) {
    let texts: Vec<&str> = match input {
        Input::Value(Value::Text(text)) => vec![text],
        Input::Value(Value::Items(items)) => items.iter().map(String::as_str).collect(),
        _ => return,
    };
    match request.capability {
        Capability::Network => {
            grant.network.extend(texts.into_iter().filter_map(|text| typed_host(text, &request.methods)));
        }
        // A program, or a list of a program and its arguments.
        Capability::Exec => grant.exec.extend(texts.first().map(|&program| program.to_owned())),
        Capability::Build => grant.containers.build = true,
        Capability::Run => grant.containers.run.extend(texts.into_iter().map(|text| ImagePattern(text.to_owned()))),
        Capability::Push => grant.containers.push.extend(texts.into_iter().map(|text| ImagePattern(text.to_owned()))),
        Capability::Targets => grant.targets.extend(texts.into_iter().map(str::to_owned)),
        Capability::Files => grant.files.read.extend(texts.into_iter().map(|text| Pattern(text.to_owned()))),
        Capability::Secrets | Capability::Reveal | Capability::Git | Capability::Cache | Capability::Artifacts => {}
    }
}

/// The host and port of a URL that the author typed. An address written as such counts as written; a name
/// that turns out to be inside does not.
fn typed_host(url: &str, methods: &[String]) -> Option<NetworkGrant> {
    let (scheme, rest) = url.split_once("://")?;
    let default_port = match scheme {
        "https" => "443",
        "http" => "80",
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && !port.contains(']'));
    let entry = if has_port { authority.to_owned() } else { format!("{authority}:{default_port}") };
    let mut grant: NetworkGrant = entry.parse().ok()?;
    methods.clone_into(&mut grant.methods);
    Some(grant)
}

fn literal(step: &Step<'_>, request: &RequestSpec, wanted: &str, grant: &mut Grant, diagnostics: &mut Vec<Diagnostic>) {
    let mut allowed = Grant::default();
    from_allow(step, request, &mut allowed);
    let covered = match request.capability {
        Capability::Network => {
            let wanted = wanted.parse::<NetworkGrant>().ok();
            let found = wanted.filter(|wanted| allowed.network.iter().any(|own| own.includes(wanted)));
            if let Some(mut found) = found {
                request.methods.clone_into(&mut found.methods);
                grant.network.push(found);
                return;
            }
            false
        }
        Capability::Exec => {
            let found = allowed.exec.iter().any(|own| own == wanted);
            if found {
                grant.exec.push(wanted.to_owned());
            }
            found
        }
        other => {
            from_allow(step, request, grant);
            touches(other, grant)
        }
    };
    if !covered && !request.optional {
        diagnostics.push(missing(step, request, Some(wanted)));
    }
}

/// What `allow` says of this kind.
fn from_allow(step: &Step<'_>, request: &RequestSpec, grant: &mut Grant) {
    let Some(allow) = step.allow.map(|allow| &allow.value) else {
        return;
    };
    match request.capability {
        Capability::Network => grant.network.extend(allowed_network(step).into_iter().map(|mut own| {
            request.methods.clone_into(&mut own.methods);
            own
        })),
        Capability::Exec => grant.exec.extend(allow.exec.iter().map(|program| program.value.raw().to_owned())),
        Capability::Reveal => grant.reveal = !allow.secrets.is_empty(),
        Capability::Targets => grant.targets.extend(allow.targets.iter().map(|target| target.value.raw().to_owned())),
        Capability::Build | Capability::Run | Capability::Push => {
            if let Some(own) = &allow.containers {
                containers(&own.value, request.capability, &mut grant.containers);
            }
        }
        Capability::Files | Capability::Secrets | Capability::Git | Capability::Cache | Capability::Artifacts => {}
    }
}

fn containers(allow: &sealock_pipeline::Containers, capability: Capability, grant: &mut ContainerGrant) {
    let patterns = |list: &[Spanned<sealock_pipeline::Text>]| {
        list.iter().map(|pattern| ImagePattern(pattern.value.raw().to_owned())).collect::<Vec<_>>()
    };
    match capability {
        Capability::Build => grant.build |= allow.build.known().copied().unwrap_or(false),
        Capability::Run => grant.run.extend(patterns(&allow.run)),
        _ => grant.push.extend(patterns(&allow.push)),
    }
}

fn allowed_network(step: &Step<'_>) -> Vec<NetworkGrant> {
    let entries = step.allow.map(|allow| allow.value.network.as_slice()).unwrap_or_default();
    let grants = entries.iter().filter_map(|entry| entry.value.known()).flat_map(|entry| match entry {
        NetworkEntry::Grant(grant) => vec![grant.clone()],
        NetworkEntry::Named(name) => (step.networks)(name),
    });
    grants.collect()
}

fn late_grant(step: &Step<'_>, request: &RequestSpec, input: &str, at: Span) -> Diagnostic {
    let message =
        format!("`{input}` of step `{}` decides what it may touch, and is not known before the run", step.name);
    let line = entry_for(request.capability, None);
    Diagnostic::error("E-GRANT-LATE", message, at)
        .label(format!("{} is granted by what stands here", request.capability.word()))
        .help(format!("say what it may reach: allow: {{ {line} }}"))
}

fn missing(step: &Step<'_>, request: &RequestSpec, wanted: Option<&str>) -> Diagnostic {
    let what = wanted.map(|wanted| format!(" {wanted}")).unwrap_or_default();
    let message = format!("step `{}` needs {}{what}, which is not allowed", step.name, request.capability.word());
    let reason = if request.reason.is_empty() { String::new() } else { format!(" (to {})", request.reason) };
    Diagnostic::error(request.capability.code(), message, step.at)
        .label(format!("asks for {}{what}{reason}", request.capability.word()))
        .help(format!("add to the step: allow: {{ {} }}", entry_for(request.capability, wanted)))
}

/// The entry that would grant it.
fn entry_for(capability: Capability, wanted: Option<&str>) -> String {
    match capability {
        Capability::Network => format!("network: [\"{}\"]", wanted.unwrap_or("host.example.com:443")),
        Capability::Exec => format!("exec: [{}]", wanted.unwrap_or("program")),
        Capability::Files => "files: { read: [\"**\"] }".to_owned(),
        Capability::Secrets | Capability::Reveal => "secrets: [NAME]".to_owned(),
        Capability::Build => "containers: { build: true }".to_owned(),
        Capability::Run => format!("containers: {{ run: [\"{}\"] }}", wanted.unwrap_or("image:tag")),
        Capability::Push => format!("containers: {{ push: [\"{}\"] }}", wanted.unwrap_or("registry.example.com/name")),
        Capability::Targets => format!("targets: [{}]", wanted.unwrap_or("name")),
        Capability::Git | Capability::Cache | Capability::Artifacts => format!("{}: true", capability.word()),
    }
}

/// Allowing what no plugin asks for is a warning: the author believes in a grant that does nothing.
fn warn_of_unused(step: &Step<'_>, requests: &[RequestSpec], diagnostics: &mut Vec<Diagnostic>) {
    let Some(allow) = step.allow.filter(|allow| allow.span.start >= step.at.start && allow.span.end <= step.at.end)
    else {
        return;
    };
    let asks = |capability: Capability| requests.iter().any(|request| request.capability == capability);
    let containers = allow.value.containers.as_ref();
    let kinds = [
        (Capability::Network, !allow.value.network.is_empty() && !step.runs_script),
        (Capability::Exec, !allow.value.exec.is_empty() && !step.runs_script),
        (Capability::Targets, !allow.value.targets.is_empty()),
        (Capability::Build, containers.is_some_and(|own| own.value.build.known() == Some(&true))),
        (Capability::Run, containers.is_some_and(|own| !own.value.run.is_empty())),
        (Capability::Push, containers.is_some_and(|own| !own.value.push.is_empty())),
    ];
    for (capability, _) in kinds.into_iter().filter(|&(capability, allowed)| allowed && !asks(capability)) {
        let message = format!("step `{}` is allowed {}, which its plugin never asks for", step.name, capability.word());
        diagnostics.push(
            Diagnostic::warning("E-ALLOW-UNUSED", message, allow.span)
                .label("allows more than is asked for")
                .help("remove the entry"),
        );
    }
}

/// Every secret that an input names.
pub(crate) fn secrets_of(input: &Input) -> Vec<String> {
    let names = |secret: &SecretText| secret.names().map(str::to_owned).collect::<Vec<_>>();
    match input {
        Input::Secret(secret) => names(secret),
        Input::Secrets(entries) => entries.iter().flat_map(|(_, secret)| names(secret)).collect(),
        Input::Value(_) | Input::Absent => Vec::new(),
    }
}
