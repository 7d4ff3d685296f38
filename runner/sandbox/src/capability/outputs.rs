//! `outputs`: checked against the manifest as they are set.
//!
//! A step that sets an output which it has not declared, or of another type, gets an error; when it hides that
//! error and reports success, the step fails with it all the same.

use std::collections::{BTreeMap, BTreeSet};

use sealock_contract::grant::Capability;
use sealock_contract::limits::{OUTPUT_BYTES, OUTPUTS};
use sealock_contract::manifest::{InputType, OutputSpec};
use sealock_contract::seam::{LimitName, Note, Request, Response};
use sealock_contract::{Digest, ErrorKind, Id, StepError, Value};

use crate::bindings::sealock::step::base;
use crate::bindings::sealock::step::outputs::Host;
use crate::convert::strange_answer;
use crate::limit::LimitHit;
use crate::state::StepState;

/// What is declared, and what was set.
pub(crate) struct OutputBook {
    declared: Option<BTreeMap<String, OutputSpec>>,
    set: BTreeSet<String>,
    summary_bytes: usize,
    fault: Option<StepError>,
}

impl OutputBook {
    pub(crate) fn new(declared: Option<BTreeMap<String, OutputSpec>>) -> Self {
        Self { declared, set: BTreeSet::new(), summary_bytes: 0, fault: None }
    }

    /// The first thing that was wrong with an output.
    pub(crate) fn fault(&mut self) -> Option<StepError> {
        self.fault.take()
    }

    /// A file's text as the type that the output is declared to have; text when it is none.
    pub(crate) fn typed(&self, name: &str, text: String) -> Value {
        let kind = self.declared.as_ref().and_then(|declared| declared.get(name)).map(|spec| spec.kind);
        let typed = match kind {
            Some(InputType::Integer | InputType::Duration | InputType::Size) => text.parse().ok().map(Value::Integer),
            Some(InputType::Number) => text.parse().ok().map(Value::Number),
            Some(InputType::Boolean) => text.parse().ok().map(Value::Flag),
            Some(InputType::List) => Some(Value::Items(text.lines().map(str::to_owned).collect())),
            Some(InputType::Map) => Some(Value::Json(text.clone())),
            _ => None,
        };
        typed.unwrap_or(Value::Text(text))
    }

    fn admit(&mut self, name: &str, value: &Value) -> Result<(), OutputRefusal> {
        if value.size_bytes() > OUTPUT_BYTES {
            return Err(LimitHit::bytes(LimitName::Outputs, OUTPUT_BYTES as u64).into());
        }
        if let Err(error) = self.check(name, value) {
            self.fault.get_or_insert_with(|| error.clone());
            return Err(error.into());
        }
        if self.set.len() >= OUTPUTS && !self.set.contains(name) {
            return Err(LimitHit::count(LimitName::Outputs, OUTPUTS as u64).into());
        }
        self.set.insert(name.to_owned());
        Ok(())
    }

    fn check(&self, name: &str, value: &Value) -> Result<(), StepError> {
        let Some(declared) = &self.declared else {
            let named = name.parse::<Id>().map(drop);
            return named
                .map_err(|error| refuse("E-OUTPUT-NAME", format!("`{}` is no output's name: {error}", short(name))));
        };
        let Some(spec) = declared.get(name) else {
            let message = format!("the step set the output `{}`, which its manifest does not declare", short(name));
            return Err(refuse("E-OUTPUT-UNKNOWN", message));
        };
        if is_of(spec.kind, value) {
            return Ok(());
        }
        let message = format!("the output `{name}` is declared as {}, and the step set another", spec.kind.word());
        Err(refuse("E-OUTPUT-TYPE", message))
    }
}

/// Why an output was not taken: an error for the step, or its end.
pub(crate) enum OutputRefusal {
    Error(StepError),
    Limit(LimitHit),
}

impl From<StepError> for OutputRefusal {
    fn from(error: StepError) -> Self {
        Self::Error(error)
    }
}

impl From<LimitHit> for OutputRefusal {
    fn from(hit: LimitHit) -> Self {
        Self::Limit(hit)
    }
}

fn refuse(code: &str, message: String) -> StepError {
    StepError::new(ErrorKind::Invalid, code, message)
}

fn short(name: &str) -> String {
    name.chars().take(100).flat_map(char::escape_default).collect()
}

fn is_of(kind: InputType, value: &Value) -> bool {
    match (kind, value) {
        (InputType::Digest, Value::Text(text)) => text.parse::<Digest>().is_ok(),
        (InputType::Map, Value::Json(json)) => serde_json::from_str::<serde_json::Map<_, _>>(json).is_ok(),
        (
            InputType::String
            | InputType::Script
            | InputType::Choice
            | InputType::Path
            | InputType::Target
            | InputType::ImageId,
            Value::Text(_),
        )
        | (InputType::Integer | InputType::Duration | InputType::Size, Value::Integer(_))
        | (InputType::Number, Value::Number(_) | Value::Integer(_))
        | (InputType::Boolean, Value::Flag(_))
        | (InputType::List, Value::Items(_)) => true,
        _ => false,
    }
}

impl StepState {
    /// Checks one output and tells it.
    pub(crate) fn set_output(&mut self, name: String, value: Value) -> Result<(), OutputRefusal> {
        self.outputs.admit(&name, &value)?;
        self.notes.tell(name.len() + value.size_bytes(), Note::Output { name, value });
        Ok(())
    }
}

impl Host for StepState {
    fn set(&mut self, name: String, value: base::Value) -> wasmtime::Result<Result<(), base::Error>> {
        match self.set_output(name, value.into()) {
            Ok(()) => Ok(Ok(())),
            Err(OutputRefusal::Error(error)) => Ok(Err(error.into())),
            Err(OutputRefusal::Limit(hit)) => Err(hit.into()),
        }
    }

    async fn produce(&mut self, path: String) -> wasmtime::Result<Result<String, base::Error>> {
        Ok(self.produce_digest(path).await.map_err(Into::into))
    }

    fn summary(&mut self, markdown: String) -> wasmtime::Result<Result<(), base::Error>> {
        let bytes = self.outputs.summary_bytes.saturating_add(markdown.len());
        if bytes > OUTPUT_BYTES {
            let message = format!("the step's summary is longer than {OUTPUT_BYTES} bytes");
            return Ok(Err(StepError::new(ErrorKind::Quota, "E-SUMMARY-SIZE", message).into()));
        }
        self.outputs.summary_bytes = bytes;
        self.notes.tell(markdown.len(), Note::Summary { markdown });
        Ok(Ok(()))
    }
}

impl StepState {
    async fn produce_digest(&mut self, path: String) -> Result<String, StepError> {
        self.granted(self.leave_hermetic(Capability::Files, &path))?;
        self.granted(self.grant.files.check_read(&path))?;
        match self.ask(Request::Produce { path }).await? {
            Response::Digest(digest) => Ok(digest.to_string()),
            _ => Err(strange_answer("`produce`")),
        }
    }
}
