//! The pipeline's own inputs, as they were given.

use sealock_diagnostics::{Diagnostic, near};
use sealock_pipeline::Spanned;
use serde_json::{Map, Value as Json};

use crate::planner::Planner;
use crate::request::Unset;

impl Planner<'_> {
    /// Checks every `--input` and fills in defaults.
    pub(crate) fn inputs(&mut self) -> Map<String, Json> {
        let declared = &self.request.pipeline.inputs;
        for (name, _) in &self.request.facts.inputs {
            if !declared.contains(name) {
                let message = format!("the pipeline has no input `{name}`");
                let help = near::offer(name, declared.names());
                self.report(Diagnostic::error("E-INPUT-UNKNOWN", message, None).maybe_help(help));
            }
        }
        let mut values = Map::new();
        for entry in declared {
            if let Some(value) = self.input(&entry.key, &entry.value) {
                values.insert(entry.key.value.clone(), value);
            }
        }
        values
    }

    fn input(&mut self, key: &Spanned<String>, input: &sealock_pipeline::Input) -> Option<Json> {
        let given = self.request.facts.inputs.iter().rev().find(|(name, _)| *name == key.value);
        if let Some((name, text)) = given {
            return match input.kind.read(text) {
                Ok(value) => Some(input_json(&value)),
                Err(error) => {
                    let message = format!("`--input {name}={text}`: {error}");
                    self.report(Diagnostic::error("E-INPUT-TYPE", message, key.span).label("declared here"));
                    None
                }
            };
        }
        if let Some(default) = &input.default {
            return Some(input_json(&default.value));
        }
        if input.required && self.request.unset == Unset::Unknown {
            return None;
        }
        if input.required {
            let message = format!("the input `{}` is required and was not given", key.value);
            let help = format!("add `--input {}=…`", key.value);
            self.report(Diagnostic::error("E-INPUT-MISSING", message, key.span).label("required").help(help));
            return None;
        }
        Some(match input.kind {
            sealock_pipeline::InputKind::Boolean => false.into(),
            sealock_pipeline::InputKind::Number => 0.into(),
            _ => "".into(),
        })
    }
}

fn input_json(value: &sealock_pipeline::InputValue) -> Json {
    match value {
        sealock_pipeline::InputValue::Text(text) => text.as_str().into(),
        sealock_pipeline::InputValue::Number(number) => (*number).into(),
        sealock_pipeline::InputValue::Boolean(flag) => (*flag).into(),
    }
}
