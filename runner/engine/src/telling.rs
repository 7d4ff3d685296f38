//! What steps tell becomes events, and the last attempt's outputs are kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sealock_broker::NoteSink;
use sealock_contract::StepName;
use sealock_contract::seam::{Annotation, Level, Note};
use sealock_events::{EventKind, LogLevel};
use serde_json::{Map, Value as Json};

use crate::recorder::Recorder;

/// What a step has told so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// Its outputs.
    pub(crate) outputs: Map<String, Json>,
    /// Bytes of its log.
    pub(crate) log_bytes: u64,
}

/// Hears the steps of a run.
pub(crate) struct Teller {
    recorder: Recorder,
    heard: Mutex<BTreeMap<StepName, Heard>>,
}

impl Teller {
    pub(crate) fn new(recorder: Recorder) -> Arc<Self> {
        Arc::new(Self { recorder, heard: Mutex::default() })
    }

    /// Forgets what an earlier attempt told.
    pub(crate) fn reset(&self, step: &StepName) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).remove(step);
    }

    /// What the step has told, taken out.
    pub(crate) fn take(&self, step: &StepName) -> Heard {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).remove(step).unwrap_or_default()
    }

    fn keep(&self, step: &StepName, note: &Note) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let own = heard.entry(step.clone()).or_default();
        match note {
            Note::Output { name, value } => {
                own.outputs.insert(name.clone(), value.to_json());
            }
            Note::Log { message, .. } => own.log_bytes += message.len() as u64 + 1,
            _ => {}
        }
    }
}

impl NoteSink for Teller {
    fn note(&self, step: &StepName, notes: Vec<Note>) {
        for note in notes {
            self.keep(step, &note);
            let is_flood = matches!(note, Note::Log { .. });
            let kind = event(step, note);
            if is_flood { self.recorder.tell_in_turn(kind) } else { self.recorder.tell(kind) }
        }
    }
}

fn event(name: &StepName, note: Note) -> EventKind {
    let (stage, step) = (name.stage.clone(), name.step.clone());
    match note {
        Note::Log { level, message } => EventKind::Log { stage, step, level: log_level(level), text: message },
        Note::GroupStart { group, title } => EventKind::Group { stage, step, group, title: Some(title) },
        Note::GroupEnd { group } => EventKind::Group { stage, step, group, title: None },
        Note::Annotation(annotation) => annotated(stage, step, annotation),
        Note::Progress { done, total, message } => EventKind::Progress { stage, step, done, total, message },
        Note::Output { name, value } => EventKind::Output { stage, step, name, value: value.to_json() },
        Note::Summary { markdown } => EventKind::Summary { stage, step, markdown },
        Note::GrantUsed { capability, what } => {
            EventKind::GrantUsed { stage, step, capability: capability.name().to_owned(), what }
        }
        Note::Denied(error) => {
            EventKind::Denied { stage, step, code: error.code, message: error.message, help: error.help }
        }
    }
}

fn annotated(stage: String, step: String, annotation: Annotation) -> EventKind {
    let place = annotation.location;
    EventKind::Annotation {
        stage,
        step,
        level: log_level(annotation.level),
        message: annotation.message,
        title: annotation.title,
        line: place.as_ref().map(|place| place.line),
        column: place.as_ref().and_then(|place| place.column),
        end_line: place.as_ref().and_then(|place| place.end_line),
        end_column: place.as_ref().and_then(|place| place.end_column),
        file: place.map(|place| place.file),
    }
}

pub(crate) fn log_level(level: Level) -> LogLevel {
    match level {
        Level::Trace => LogLevel::Trace,
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Notice => LogLevel::Notice,
        Level::Warning => LogLevel::Warning,
        Level::Error => LogLevel::Error,
    }
}
