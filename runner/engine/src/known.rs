//! The contexts of one step's expressions.

use sealock_events::Conclusion;
use sealock_plan::evaluate::{self, Known};
use sealock_plan::{EnvEntry, Plan};
use serde_json::{Map, Value as Json};

use crate::contexts;
use crate::machine::Stage;

/// Answers `hashFiles` below the workspace.
pub(crate) trait Files {
    /// The hash of the files that match, empty when none does.
    fn hash(&self, patterns: &[String]) -> Result<String, String>;
}

/// What the expressions of a step may read.
pub(crate) struct StepKnown<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) stage: &'a Stage,
    /// `needs`, settled when the stage started.
    pub(crate) needs: &'a Map<String, Json>,
    /// `stage`: services and container.
    pub(crate) room: &'a Map<String, Json>,
    /// `runner`.
    pub(crate) runner: &'a Map<String, Json>,
    /// Variables that earlier steps handed on.
    pub(crate) handed_on: &'a [(String, String)],
    /// The step's own `env`.
    pub(crate) env: &'a [EnvEntry],
    pub(crate) files: Option<&'a dyn Files>,
}

impl StepKnown<'_> {
    fn env_context(&self) -> Map<String, Json> {
        let base = contexts::of_plan(self.plan, self.stage, "env");
        let mut values = base.and_then(|env| env.as_object().cloned()).unwrap_or_default();
        values.extend(self.handed_on.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
        let outer = StepKnown { env: &[], files: None, ..*self };
        for entry in self.env {
            if let Ok(Ok(text)) = evaluate::text_or_secret(&entry.value, &outer) {
                values.insert(entry.name.clone(), text.into());
            }
        }
        values
    }

    fn failed(&self) -> bool {
        self.stage.failure.is_some() || self.stage.steps.iter().any(|step| step.conclusion == Some(Conclusion::Failure))
    }
}

impl Known for StepKnown<'_> {
    fn json(&self, name: &str) -> Option<Json> {
        match name {
            "needs" => Some(self.needs.clone().into()),
            "steps" => Some(self.stage.steps_context().into()),
            "stage" => Some(self.room.clone().into()),
            "runner" => Some(self.runner.clone().into()),
            "env" => Some(self.env_context().into()),
            _ => contexts::of_plan(self.plan, self.stage, name),
        }
    }

    fn function(&self, name: &str, arguments: &[String]) -> Option<Result<Json, String>> {
        let cancelled = self.stage.is_cancelled();
        let holds = match name.to_ascii_lowercase().as_str() {
            "always" => true,
            "cancelled" => cancelled,
            "failure" => !cancelled && self.failed(),
            "success" => !cancelled && !self.failed(),
            "hashfiles" => return Some(self.files?.hash(arguments).map(Json::from)),
            _ => return None,
        };
        Some(Ok(holds.into()))
    }
}
