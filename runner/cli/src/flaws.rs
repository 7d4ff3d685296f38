//! What is wrong with a manifest that reads well: its author is told before the component is built, whoever uses it never.

use sealock_contract::Manifest;
use sealock_contract::grant::Capability;
use sealock_contract::manifest::{InputSpec, InputType, RequestSpec, Source};
use sealock_diagnostics::near;

use crate::failure::Failure;

/// What a request may be made with.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

/// One thing that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Where: keys of the manifest, and numbers of its lists.
    pub path: Vec<String>,
    /// What.
    pub message: String,
    /// Whether an SDK's code may still mend it.
    pub is_of_code: bool,
}

/// Everything that is wrong with `manifest`.
pub(crate) fn of(manifest: &Manifest) -> Vec<Flaw> {
    let mut found = Vec::new();
    if !is_version(&manifest.version) {
        let message = format!("`version`: expected three numbers such as `1.0.0`, found `{}`", manifest.version);
        found.push(flaw(&["version"], message));
    }
    for (name, spec) in &manifest.inputs {
        input(name, spec, &mut found);
    }
    for (number, request) in manifest.requests.iter().enumerate() {
        asked(manifest, number, request, &mut found);
    }
    found
}

/// The failure that tells them, with the line of each that `line` knows.
pub(crate) fn refused(found: &[Flaw], line: impl Fn(&[String]) -> Option<usize>) -> Failure {
    let each = found.iter().map(|flaw| match line(&flaw.path) {
        Some(line) => format!("line {line}: {}", flaw.message),
        None => flaw.message.clone(),
    });
    Failure::new("E-PLUGIN-PROJECT", format!("plugin.toml: {}", each.collect::<Vec<_>>().join("; ")))
}

fn flaw(path: &[&str], message: String) -> Flaw {
    Flaw { path: path.iter().map(|&key| key.to_owned()).collect(), message, is_of_code: false }
}

fn input(name: &str, spec: &InputSpec, found: &mut Vec<Flaw>) {
    if let Err(problem) = sealock_plan::inputs::default(spec) {
        found.push(flaw(&["inputs", name, "default"], format!("the default of the input `{name}`: {problem}")));
    }
    if spec.kind == InputType::Choice && spec.options.is_empty() {
        found.push(flaw(&["inputs", name], format!("the input `{name}` is a choice without `options`")));
    }
    if let (Some(least), Some(most)) = (spec.minimum, spec.maximum)
        && least > most
    {
        let message = format!("the input `{name}` has the minimum {least} and the maximum {most}: no number is both");
        found.push(flaw(&["inputs", name, "minimum"], message));
    }
}

fn asked(manifest: &Manifest, number: usize, request: &RequestSpec, found: &mut Vec<Flaw>) {
    let index = number.to_string();
    for method in request.methods.iter().filter(|method| !METHODS.contains(&method.as_str())) {
        let offer = near::nearest(method, METHODS).map(|near| format!(": there is `{near}`")).unwrap_or_default();
        let message = format!("request {} has the HTTP method `{method}`, which is none{offer}", number + 1);
        found.push(flaw(&["requests", &index, "methods"], message));
    }
    if !request.methods.is_empty() && request.capability != Capability::Network {
        let message = format!("request {} has `methods`, which only `network` has", number + 1);
        found.push(flaw(&["requests", &index, "methods"], message));
    }
    if let Source::Input(name) = request.source()
        && !manifest.inputs.contains_key(&name)
    {
        let message = format!("request {} is to the input `{name}`, which is not declared", number + 1);
        found.push(Flaw { is_of_code: true, ..flaw(&["requests", &index, "to"], message) });
    }
}

/// Semantic versioning: three numbers, then what stands behind `-` and `+`.
fn is_version(text: &str) -> bool {
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (core, before) = text.split_once('-').map_or((text, None), |(core, before)| (core, Some(before)));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_word =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && before.into_iter().chain(build).all(|words| words.split('.').all(is_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(rest: &str) -> Manifest {
        let text = format!("name = 'x'\nworld = 'w'\n{rest}");
        toml::from_str(&text).expect("it reads as a manifest")
    }

    #[test]
    fn a_sound_manifest_has_no_flaw() {
        let sound = manifest(
            "version = '1.0.0-rc.1+5'\n[inputs]\nurl = { type = 'string' }\nn = { type = 'integer', default = 1 }\n\
             [[requests]]\ncapability = 'network'\nto = '{inputs.url}'\nmethods = ['GET']",
        );
        assert_eq!(of(&sound), []);
    }

    #[test]
    fn each_flaw_is_told_with_its_place() {
        let flawed = manifest(
            "version = 'one'\n[inputs]\nn = { type = 'integer', default = 'x', minimum = 3, maximum = 2 }\n\
             kind = { type = 'choice' }\n[[requests]]\ncapability = 'network'\nto = '{inputs.gone}'\nmethods = ['PSOT']",
        );
        let found = of(&flawed);
        let places: Vec<String> = found.iter().map(|flaw| flaw.path.join(".")).collect();
        assert_eq!(
            places,
            ["version", "inputs.kind", "inputs.n.default", "inputs.n.minimum", "requests.0.methods", "requests.0.to"]
        );
        assert!(found[4].message.ends_with("there is `POST`"), "{}", found[4].message);
    }
}
