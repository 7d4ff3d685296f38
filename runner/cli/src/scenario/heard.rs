//! What a run told of its one step, gathered from its events.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::files::Found;
use super::served::Made;

/// What was heard of the step.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// How it ended: the event's word; nothing when it never ended.
    pub outcome: Option<String>,
    /// The code of its failure.
    pub code: Option<String>,
    /// Its failure's message, or why it skipped.
    pub message: Option<String>,
    /// Its outputs.
    pub outputs: Map<String, Value>,
    /// Its annotations.
    pub annotations: Vec<Value>,
    /// Codes of what it was denied.
    pub denials: Vec<String>,
    /// What it was denied, and what would grant it.
    pub denied: Vec<String>,
    /// The requests that it made.
    pub requests: Vec<Made>,
    /// What became of the files that were looked at; none of them when the step never ran.
    pub files: BTreeMap<PathBuf, Found>,
    /// How far it said that it was.
    pub progress: Vec<Value>,
    /// Its log.
    pub log: Vec<String>,
    /// Its summary.
    pub summary: String,
    /// Titles of its groups.
    pub groups: Vec<String>,
}

impl Heard {
    /// Reads the lines of `--format jsonl`.
    pub(crate) fn from_lines(lines: &str) -> Self {
        let mut heard = Self::default();
        for event in lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            heard.hear(event);
        }
        heard
    }

    fn hear(&mut self, event: Value) {
        let text = |key: &str| event[key].as_str().map(str::to_owned);
        match event["kind"].as_str().unwrap_or_default() {
            "log" => self.log.extend(text("text")),
            "group" => self.groups.extend(text("title")),
            "summary" => self.summary.extend(text("markdown")),
            "denied" => {
                self.denials.extend(text("code"));
                self.denied.extend(text("message"));
                self.denied.extend(text("help").iter().flat_map(|help| help.lines()).map(|line| format!("  {line}")));
            }
            "skipped" if event["step"].is_string() => self.message = text("why"),
            "output" => {
                self.outputs.insert(text("name").unwrap_or_default(), event["value"].clone());
            }
            "progress" => self.progress.push(event),
            "annotation" => self.annotations.push(event),
            "step-finished" => self.end(&event),
            _ => {}
        }
    }

    fn end(&mut self, event: &Value) {
        self.outcome = event["outcome"].as_str().map(str::to_owned);
        self.code = event["cause"]["code"].as_str().map(str::to_owned);
        if let Some(message) = event["cause"]["message"].as_str() {
            self.message = Some(message.to_owned());
        }
    }
}
