//! One try of a step, settled: every expression is evaluated, every input fits, nothing is started yet.

use std::collections::BTreeMap;

use sealock_broker::{EnvText, SecretInput};
use sealock_contract::manifest::{InputSpec, InputType};
use sealock_contract::{Manifest, SecretText, Value};
use sealock_events::Cause;
use sealock_plan::evaluate::{self, Known};
use sealock_plan::inputs::{self, Input};
use sealock_plan::{EnvEntry, LateFlag, PlannedPlugin, PlannedStep, WithValue};

use crate::attempt::ARGUMENTS_INPUT;
use crate::known::StepKnown;

/// Everything that a try needs of its author's text.
pub(crate) struct Prepared {
    /// What the component sees.
    pub(crate) inputs: Vec<(String, Value)>,
    /// What the broker holds for it.
    pub(crate) secrets: BTreeMap<String, SecretInput>,
    /// What native commands and containers of the step are given, besides the base.
    pub(crate) env: Vec<(String, EnvText)>,
    /// Whether its failure is forgiven.
    pub(crate) allow_failure: bool,
    /// The inputs as the journal and the ledger keep them; secrets by name.
    pub(crate) record: serde_json::Value,
}

/// Evaluates what the author wrote for a step whose rollback is asked for by hand: what other stages gave is not known
/// then, and inputs that rest on it are left out.
///
/// # Errors
///
/// As [`prepare`].
pub(crate) fn prepare_without_needs(
    step: &PlannedStep,
    plugin: &PlannedPlugin,
    known: &StepKnown<'_>,
    extra: &[(String, SecretText)],
) -> Result<Prepared, Cause> {
    let is_known = |(_, value): &&(String, WithValue)| {
        !evaluate::contexts_read(value).iter().any(|context| context == "needs" || context == "steps")
    };
    let with = step.with.iter().filter(is_known).cloned().collect();
    prepare(&PlannedStep { with, ..step.clone() }, plugin, known, extra)
}

/// Evaluates what the author wrote for `step`.
///
/// # Errors
///
/// An expression that fails, or an input that does not fit its manifest: exit code 2.
pub(crate) fn prepare(
    step: &PlannedStep,
    plugin: &PlannedPlugin,
    known: &StepKnown<'_>,
    extra: &[(String, SecretText)],
) -> Result<Prepared, Cause> {
    let mut given = Given::default();
    match &plugin.manifest {
        Some(manifest) => given.typed(manifest, &step.with, known)?,
        None => given.untyped(&step.with, known)?,
    }
    if let Some(manifest) = &plugin.manifest {
        given.environment_secrets(manifest, extra);
    }
    Ok(Prepared {
        env: env(known, &step.env)?,
        allow_failure: flag(&step.allow_failure, known)?,
        record: serde_json::Value::Object(given.record),
        inputs: given.inputs,
        secrets: given.secrets,
    })
}

#[derive(Default)]
struct Given {
    inputs: Vec<(String, Value)>,
    secrets: BTreeMap<String, SecretInput>,
    record: serde_json::Map<String, serde_json::Value>,
}

impl Given {
    fn typed(&mut self, manifest: &Manifest, with: &[(String, WithValue)], known: &StepKnown<'_>) -> Result<(), Cause> {
        for (name, spec) in &manifest.inputs {
            let written = with.iter().find(|(own, _)| own == name);
            let fitted = match written {
                Some((_, value)) => {
                    inputs::fit(spec, &evaluate::value(value, known).map_err(|error| evaluation(&error))?)
                }
                None => inputs::default(spec),
            };
            let input = fitted.map_err(|problem| unfit(name, &problem))?;
            if spec.required && input == Input::Absent {
                return Err(missing(name));
            }
            self.take(name, spec, input);
        }
        Ok(())
    }

    fn take(&mut self, name: &str, spec: &InputSpec, input: Input) {
        match input {
            Input::Absent if spec.kind == InputType::Secret => {
                let nothing = SecretInput { text: SecretText::default(), place: spec.place, hosts: spec.hosts.clone() };
                self.secrets.insert(name.to_owned(), nothing);
            }
            Input::Absent => {}
            Input::Value(value) => {
                self.record.insert(name.to_owned(), value.to_json());
                self.inputs.push((name.to_owned(), value));
            }
            Input::Secret(text) => self.secret(name.to_owned(), spec, text),
            Input::Secrets(entries) => {
                let keys = entries.iter().map(|(key, _)| key.clone()).collect();
                self.inputs.push((name.to_owned(), Value::Items(keys)));
                for (key, text) in entries {
                    self.secret(format!("{name}.{key}"), spec, text);
                }
            }
        }
    }

    fn secret(&mut self, name: String, spec: &InputSpec, text: SecretText) {
        let names: Vec<&str> = text.names().collect();
        self.record.insert(name.clone(), serde_json::json!({ "secret": names }));
        self.secrets.insert(name, SecretInput { text, place: spec.place, hosts: spec.hosts.clone() });
    }

    /// The environment's `env`: a step of a deployment whose input `env` asks for it gets it, under its own entries.
    fn environment_secrets(&mut self, manifest: &Manifest, extra: &[(String, SecretText)]) {
        let Some(spec) = manifest.inputs.get("env").filter(|spec| spec.takes_environment()) else {
            return;
        };
        let missing: Vec<_> =
            extra.iter().filter(|(key, _)| !self.secrets.contains_key(&format!("env.{key}"))).cloned().collect();
        if missing.is_empty() {
            return;
        }
        let mut keys: Vec<String> = missing.iter().map(|(key, _)| key.clone()).collect();
        if let Some(place) = self.inputs.iter().position(|(name, _)| name == "env")
            && let (_, Value::Items(own)) = self.inputs.remove(place)
        {
            keys.extend(own);
        }
        self.inputs.push(("env".to_owned(), Value::Items(keys)));
        for (key, text) in missing {
            self.secret(format!("env.{key}"), spec, text);
        }
    }

    /// A plain program's inputs are texts, whatever they are; but a list of texts as its arguments stays one.
    fn untyped(&mut self, with: &[(String, WithValue)], known: &StepKnown<'_>) -> Result<(), Cause> {
        for (name, value) in with {
            let value = evaluate::value(value, known).map_err(|error| evaluation(&error))?;
            let json = inputs::to_json(&value);
            if let (ARGUMENTS_INPUT, Some(items)) = (name.as_str(), json.as_array()) {
                let items = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
                self.inputs.push((name.clone(), Value::Items(items.collect())));
                self.record.insert(name.clone(), json);
                continue;
            }
            let text = match &value {
                evaluate::Evaluated::Scalar { text, .. } => text.clone(),
                _ => json.as_str().map_or_else(|| json.to_string(), str::to_owned),
            };
            self.record.insert(name.clone(), text.clone().into());
            self.inputs.push((name.clone(), Value::Text(text)));
        }
        Ok(())
    }
}

/// An `env` as the broker takes it.
///
/// # Errors
///
/// An expression that fails.
pub(crate) fn env(known: &(impl Known + ?Sized), entries: &[EnvEntry]) -> Result<Vec<(String, EnvText)>, Cause> {
    let entry = |entry: &EnvEntry| {
        let value = evaluate::text_or_secret(&entry.value, known).map_err(|error| evaluation(&error))?;
        let value = match value {
            Ok(text) => EnvText::Plain(text),
            Err(secret) => EnvText::Secret(secret),
        };
        Ok((entry.name.clone(), value))
    };
    entries.iter().map(entry).collect()
}

/// A text without secrets.
///
/// # Errors
///
/// An expression that fails.
pub(crate) fn text(written: &str, known: &(impl Known + ?Sized)) -> Result<String, Cause> {
    evaluate::text(written, known).map_err(|error| evaluation(&error))
}

fn flag(written: &LateFlag, known: &(impl Known + ?Sized)) -> Result<bool, Cause> {
    match written {
        LateFlag::Known(flag) => Ok(*flag),
        LateFlag::Written(written) => Ok(text(written, known)? == "true"),
    }
}

/// An expression failed while the run went on.
pub(crate) fn evaluation(error: &sealock_expression::ExpressionError) -> Cause {
    Cause { code: "E-EXPR-EVALUATION".into(), message: error.to_string(), help: None, exit: 2 }
}

fn unfit(name: &str, problem: &inputs::InputProblem) -> Cause {
    Cause {
        code: problem.code().into(),
        message: format!("input `{name}`: {problem}"),
        help: problem.help().map(str::to_owned),
        exit: 2,
    }
}

fn missing(name: &str) -> Cause {
    Cause {
        code: "E-INPUT-MISSING".into(),
        message: format!("input `{name}` is required, and what stands there is empty"),
        help: None,
        exit: 2,
    }
}
