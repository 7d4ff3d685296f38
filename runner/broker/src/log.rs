//! What the sandbox tells, on its way through the redactor.
//!
//! The log lines of a step are one stream for the redactor, so that a secret that is told a piece at a
//! time is found as well. A note of another kind ends the stream: order is kept, and nothing waits.

use std::collections::VecDeque;

use sealock_contract::limits::LOG_LINE_BYTES;
use sealock_contract::seam::{Annotation, Level, Note};
use sealock_contract::{StepError, Value};
use sealock_secrets::{RedactingStream, Redactor};

use crate::output::Lines;

/// The redacted form of what one step tells.
pub(crate) struct StepLog {
    redactor: Redactor,
    stream: RedactingStream,
    lines: Lines,
    /// The levels of lines that have not come out of the stream yet.
    levels: VecDeque<Level>,
}

impl StepLog {
    pub(crate) fn new(redactor: Redactor) -> Self {
        let stream = redactor.stream();
        Self { redactor, stream, lines: Lines::default(), levels: VecDeque::new() }
    }

    pub(crate) fn take(&mut self, notes: Vec<Note>) -> Vec<Note> {
        let mut told = Vec::with_capacity(notes.len());
        for note in notes {
            match note {
                Note::Log { level, message } => self.push(level, &message),
                other => {
                    self.end(&mut told);
                    told.push(redact(&self.redactor, other));
                }
            }
        }
        self.flush(&mut told);
        told
    }

    fn push(&mut self, level: Level, message: &str) {
        let mut out = Vec::new();
        for line in message.split('\n') {
            self.levels.push_back(level);
            self.stream.push(line.as_bytes(), &mut out);
            self.stream.push(b"\n", &mut out);
        }
        self.lines.push(&out);
    }

    fn flush(&mut self, told: &mut Vec<Note>) {
        let mut out = Vec::new();
        self.stream.flush_safe(&mut out);
        self.lines.push(&out);
        self.tell_lines(told);
        if self.stream.held() == 0 {
            // A mask swallows the line ends inside it, and with them lines that had a level.
            self.levels.clear();
        }
    }

    /// The stream is at its end: gives out everything.
    pub(crate) fn end(&mut self, told: &mut Vec<Note>) {
        let mut out = Vec::new();
        self.stream.finish(&mut out);
        self.lines.push(&out);
        self.tell_lines(told);
        if let Some(message) = self.lines.rest() {
            told.push(Note::Log { level: self.levels.pop_front().unwrap_or(Level::Info), message });
        }
        self.levels.clear();
    }

    fn tell_lines(&mut self, told: &mut Vec<Note>) {
        for message in self.lines.by_ref() {
            let is_piece = message.len() >= LOG_LINE_BYTES;
            let level = if is_piece { self.levels.front().copied() } else { self.levels.pop_front() };
            told.push(Note::Log { level: level.unwrap_or(Level::Info), message });
        }
    }
}

fn redact(redactor: &Redactor, note: Note) -> Note {
    let text = |text: String| redactor.redact_text(&text).into_owned();
    match note {
        Note::Log { level, message } => Note::Log { level, message: text(message) },
        Note::GroupStart { group, title } => Note::GroupStart { group, title: text(title) },
        Note::GroupEnd { group } => Note::GroupEnd { group },
        Note::Annotation(annotation) => Note::Annotation(redact_annotation(redactor, annotation)),
        Note::Progress { done, total, message } => Note::Progress { done, total, message: text(message) },
        Note::Output { name, value } => Note::Output { name: text(name), value: redact_value(redactor, value) },
        Note::Summary { markdown } => Note::Summary { markdown: text(markdown) },
        Note::Denied(error) => Note::Denied(redact_error(redactor, error)),
        Note::GrantUsed { capability, what } => Note::GrantUsed { capability, what: text(what) },
    }
}

fn redact_annotation(redactor: &Redactor, annotation: Annotation) -> Annotation {
    let text = |text: String| redactor.redact_text(&text).into_owned();
    let location = annotation.location.map(|mut location| {
        location.file = text(location.file);
        location
    });
    Annotation {
        level: annotation.level,
        message: text(annotation.message),
        title: annotation.title.map(text),
        location,
    }
}

fn redact_value(redactor: &Redactor, value: Value) -> Value {
    let text = |text: String| redactor.redact_text(&text).into_owned();
    match value {
        Value::Text(value) => Value::Text(text(value)),
        Value::Items(items) => Value::Items(items.into_iter().map(text).collect()),
        Value::Json(json) => Value::Json(text(json)),
        plain @ (Value::Flag(_) | Value::Integer(_) | Value::Number(_)) => plain,
    }
}

/// Masks every text of `error`: a refusal may quote what a server or a program said.
pub(crate) fn redact_error(redactor: &Redactor, error: StepError) -> StepError {
    let text = |text: String| redactor.redact_text(&text).into_owned();
    StepError {
        kind: error.kind,
        code: error.code,
        message: text(error.message),
        help: error.help.map(text),
        retryable: error.retryable,
        details: error.details.into_iter().map(|(name, value)| (text(name), text(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use sealock_secrets::{SecretBytes, Vault};

    use super::*;

    fn told(messages: &[&str]) -> Vec<String> {
        let vault = Vault::new();
        vault.register("TOKEN", SecretBytes::new("hunter2-hunter2")).expect("long enough");
        let mut log = StepLog::new(vault.redactor());
        let mut told = Vec::new();
        for message in messages {
            told.extend(log.take(vec![Note::Log { level: Level::Info, message: (*message).to_owned() }]));
        }
        log.end(&mut told);
        let message = |note| match note {
            Note::Log { message, .. } => message,
            other => panic!("{other:?}"),
        };
        told.into_iter().map(message).collect()
    }

    #[test]
    fn a_secret_told_letter_by_letter_is_found() {
        let letters: Vec<String> = "hunter2-hunter2".chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(told(&letters), ["***"]);
        assert_eq!(told(&["a hunter2-hunter2 b", "", "c"]), ["a *** b", "", "c"]);
    }

    #[test]
    fn levels_stay_with_their_lines_and_other_notes_in_their_place() {
        let mut log = StepLog::new(Vault::new().redactor());
        let line = |level, message: &str| Note::Log { level, message: message.to_owned() };
        let notes = vec![
            line(Level::Error, "one\ntwo"),
            Note::GroupStart { group: 1, title: "g".into() },
            line(Level::Debug, "three"),
            Note::GroupEnd { group: 1 },
        ];
        let expected = vec![
            line(Level::Error, "one"),
            line(Level::Error, "two"),
            Note::GroupStart { group: 1, title: "g".into() },
            line(Level::Debug, "three"),
            Note::GroupEnd { group: 1 },
        ];
        assert_eq!(log.take(notes), expected);
    }
}
