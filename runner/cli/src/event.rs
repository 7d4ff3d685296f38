//! What happened: the event that GitHub, or a file of the operator's, tells of.

use std::path::Path;

use sealock_plan::Trust;
use serde_json::{Map, Value as Json, json};

use crate::content;
use crate::failure::Failure;
use crate::shell::Shell;

/// The facts of `github` that come with an event.
const EVENT_FACTS: [&str; 4] = ["event_name", "event", "head_ref", "base_ref"];
/// GitHub delivers no event of more than 25 MB.
const EVENT_BYTES_MAX: u64 = 32 << 20;
/// What only one kind of event has, and its name; the first that is there counts. A comment on a pull request is a
/// comment.
const TELLING: [(&str, &str); 10] = [
    ("comment", "issue_comment"),
    ("workflow_run", "workflow_run"),
    ("review", "pull_request_review"),
    ("pull_request", "pull_request"),
    ("schedule", "schedule"),
    ("release", "release"),
    ("issue", "issues"),
    ("discussion", "discussion"),
    ("client_payload", "repository_dispatch"),
    ("inputs", "workflow_dispatch"),
];

/// The event of a run, and how far it is trusted.
pub(crate) struct Happened {
    event: Option<Json>,
    /// What the workflow says, where it is one.
    workflow: Map<String, Json>,
    /// Whether a file was given: its content says what it is.
    is_given: bool,
    /// The trust of the workflow's own event: a file that is given raises none.
    most: Trust,
}

impl Happened {
    /// What `--event` gives, else what the workflow tells.
    ///
    /// # Errors
    ///
    /// When the event cannot be read.
    pub(crate) fn read(shell: &Shell, given: Option<&Path>) -> Result<Self, Failure> {
        let workflow = shell.workflow();
        let told = workflow.and_then(|workflow| workflow.event.as_deref());
        let facts = workflow.map(|workflow| workflow.facts.clone()).unwrap_or_default();
        let of_workflow = Self {
            event: told.map(|path| json_of(shell, path)).transpose()?,
            workflow: facts,
            is_given: false,
            most: Trust::Trusted,
        };
        let Some(path) = given else {
            return Ok(of_workflow);
        };
        let most = if workflow.is_some() { of_workflow.trust(&of_workflow.facts()) } else { Trust::Trusted };
        Ok(Self { event: Some(json_of(shell, path)?), is_given: true, most, ..of_workflow })
    }

    /// How far what happens here is trusted, where nothing is planned.
    ///
    /// # Errors
    ///
    /// When the event cannot be read.
    pub(crate) fn trust_here(shell: &Shell) -> Result<Trust, Failure> {
        let happened = Self::read(shell, None)?;
        Ok(happened.trust(&happened.facts()))
    }

    /// How far it is trusted, with this `github` context.
    pub(crate) fn trust(&self, github: &Map<String, Json>) -> Trust {
        Trust::of(github).min(self.most)
    }

    /// What it says of the `github` context.
    pub(crate) fn facts(&self) -> Map<String, Json> {
        let event = self.event.as_ref();
        let mut facts = Map::new();
        facts.insert("event_name".to_owned(), event_name(event).into());
        facts.insert("event".to_owned(), event.cloned().unwrap_or_else(|| json!({})));
        for side in ["head", "base"] {
            facts.insert(format!("{side}_ref"), pull_request(event, side).into());
        }
        if let Some(number) =
            event.filter(|event| event.get("pull_request").is_some()).and_then(|event| event.get("number"))
        {
            facts.insert("ref".to_owned(), format!("refs/pull/{number}/merge").into());
            facts.insert("ref_name".to_owned(), format!("{number}/merge").into());
            facts.insert("ref_type".to_owned(), "branch".into());
        }
        let told = self.workflow.iter().filter(|(name, _)| !self.is_given || !EVENT_FACTS.contains(&name.as_str()));
        facts.extend(told.map(|(name, value)| (name.clone(), value.clone())));
        facts
    }
}

fn json_of(shell: &Shell, path: &Path) -> Result<Json, Failure> {
    let path = shell.path(path);
    let refused = |what: String| Failure::new("E-FILE-READ", format!("{}: {what}", path.display()));
    let bytes = content::named(&path, EVENT_BYTES_MAX).map_err(|error| refused(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| refused(format!("expected a JSON event: {error}")))
}

/// GitHub's name for what happened; on a laptop somebody started it by hand.
fn event_name(event: Option<&Json>) -> &'static str {
    let Some(event) = event else {
        return "workflow_dispatch";
    };
    let telling = TELLING.iter().find(|(key, _)| event.get(key).is_some());
    // What happens to something has an action; a push has none.
    let other = if event.get("action").is_some() { "unknown" } else { "push" };
    telling.map_or(other, |(_, name)| name)
}

fn pull_request(event: Option<&Json>, side: &str) -> String {
    let name = event.and_then(|event| event.get("pull_request")?.get(side)?.get("ref")?.as_str());
    name.unwrap_or_default().to_owned()
}
