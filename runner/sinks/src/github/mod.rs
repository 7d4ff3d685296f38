//! The run in the log of a GitHub workflow: plain lines, foldable groups, annotations, a summary, outputs.
//!
//! GitHub takes commands from standard output: `::` at the start of a line, `##[` anywhere in one. So the log
//! is stopped (`::stop-commands::TOKEN`) from the first line on, with a token that nobody can know, and is
//! resumed only for commands of our own.
//!
//! # Invariants
//!
//! - Text of a step, a name, or a message is printed only while commands are stopped, or escaped inside one of
//!   our own commands, where it cannot end its line or its property.
//! - A token is used once: a step that saw one in a log cannot resume with it.
//! - Nothing here knows a secret: who starts the sink masks them first.

mod annotations;
mod outputs;
mod summary;
mod timeline;

use std::fmt::Write as _;
use std::io::{self, Write};

use sealock_diagnostics::escape;
use sealock_diagnostics::render::{github_message, github_property};
use sealock_events::{Conclusion, Event, EventKind, LogLevel, RunResult, Sink, SinkError};

use crate::plain::GITHUB_COMMAND;
use crate::story::Step;
use crate::{Options, Plain};
use annotations::ANNOTATIONS_MAX;
pub use annotations::{Annotated, Annotations};
use outputs::Outputs;
use summary::{LeftOut, Summary};

/// Of the errors, as many are kept for why steps failed: the first linter must not take them all.
const FAILURES_KEPT: usize = 3;
/// Of one message: GitHub cuts longer ones, and a step can write without end.
const MESSAGE_CHARS_MAX: usize = 2_000;

/// Of a failed step's log, below its failure.
const LOG_LINES: usize = 10;

/// Gives words that nobody can guess, each time another.
pub type Tokens = Box<dyn FnMut() -> String + Send>;

/// The files that GitHub gives to a step of a workflow.
#[derive(Default)]
pub struct GithubFiles {
    /// `$GITHUB_STEP_SUMMARY`, open for appending.
    pub summary: Option<Box<dyn Write + Send>>,
    /// `$GITHUB_OUTPUT`, open for appending.
    pub output: Option<Box<dyn Write + Send>>,
}

/// Tells the run to GitHub.
pub struct Github<W: Write + Send> {
    out: W,
    plain: Plain<io::Sink>,
    tokens: Tokens,
    files: GithubFiles,
    /// The word that resumes; none while commands are taken.
    stopped: Option<String>,
    /// The stage and step whose group is open.
    group: Option<(String, String)>,
    annotations: Annotations,
    summary: Summary,
    outputs: Outputs,
}

impl<W: Write + Send> Github<W> {
    /// To `out`, which needs no buffer of its own.
    pub fn new(out: W, options: Options, tokens: Tokens, files: GithubFiles) -> Self {
        Self {
            out,
            plain: Plain::new(io::sink(), options),
            tokens,
            files,
            stopped: None,
            group: None,
            annotations: Annotations::default(),
            summary: Summary::default(),
            outputs: Outputs::default(),
        }
    }

    /// After these annotations of the same step of a workflow.
    #[must_use]
    pub fn after(mut self, annotations: Annotations) -> Self {
        self.annotations = annotations;
        self
    }

    /// Text, with commands stopped.
    fn print(&mut self, told: &mut String, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.stopped.is_none() {
            let token = (self.tokens)();
            let _ = writeln!(told, "::stop-commands::{token}");
            self.stopped = Some(token);
        }
        told.push_str(text);
    }

    fn resume(&mut self, told: &mut String) {
        if let Some(token) = self.stopped.take() {
            let _ = writeln!(told, "::{token}::");
        }
    }

    /// A command of ours. `text` is escaped here; `head` is ours already.
    fn command(&mut self, told: &mut String, head: &str, text: &str) {
        self.resume(told);
        let _ = writeln!(told, "::{head}::{}", message(text));
    }

    /// Opens the group that lines of this event belong to. Stages run side by side, and groups of a log do not:
    /// a step whose group was closed by another's goes on in one of the same name.
    fn enter(&mut self, told: &mut String, kind: &EventKind) {
        let (EventKind::StepStarted { stage, step, .. }
        | EventKind::Log { stage, step, .. }
        | EventKind::Group { stage, step, .. }
        | EventKind::Annotation { stage, step, .. }
        | EventKind::Progress { stage, step, .. }
        | EventKind::Output { stage, step, .. }
        | EventKind::GrantUsed { stage, step, .. }
        | EventKind::EffectIntent { stage, step, .. }
        | EventKind::EffectDone { stage, step, .. }) = kind
        else {
            return self.leave(told);
        };
        let is_open = self.group.as_ref().is_some_and(|(own, open)| own == stage && open == step);
        if is_open {
            return;
        }
        self.leave(told);
        let name = self.plain.story().step(stage, step).map_or(step.as_str(), |own| &own.name);
        let title = format!("{stage} / {name}");
        self.command(told, "group", &title);
        self.group = Some((stage.clone(), step.clone()));
    }

    fn leave(&mut self, told: &mut String) {
        if self.group.take().is_some() {
            self.command(told, "endgroup", "");
        }
    }

    /// What GitHub shows beside the code.
    fn annotate(&mut self, told: &mut String, kind: &EventKind) {
        match kind {
            EventKind::Annotation { level, message, title, .. } => {
                let Some(word) = word(*level) else {
                    return;
                };
                let most = if word == "error" { ANNOTATIONS_MAX - FAILURES_KEPT } else { ANNOTATIONS_MAX };
                let head = [Some(word.to_owned()), properties(kind, title.as_deref())].into_iter().flatten();
                let head = head.collect::<Vec<_>>().join(" ");
                self.show(told, most, (word, &head, message), kind);
            }
            EventKind::StepFinished {
                stage,
                step,
                conclusion: Conclusion::Failure,
                cause: Some(cause),
                retrying: false,
                ..
            } => {
                let own = self.plain.story().step(stage, step);
                let at = own.and_then(|own| own.at.as_ref());
                let place = at.map(|at| format!("file={},line={},", property(&at.file), at.line)).unwrap_or_default();
                let name = own.map_or(step.as_str(), |own| &own.name);
                let head = format!("error {place}title={}", property(&format!("{}: {stage} / {name}", cause.code)));
                let message = own.map_or_else(|| cause.message.clone(), |own| with_log(&cause.message, own));
                self.show(told, ANNOTATIONS_MAX, ("error", &head, &message), kind);
            }
            _ => {}
        }
    }

    /// One annotation, while there is room for its kind, of which GitHub shows `most`; else a line of the summary.
    fn show(&mut self, told: &mut String, most: usize, own: (&'static str, &str, &str), kind: &EventKind) {
        let (word, head, message) = own;
        if !self.annotations.take(word, most) {
            return self.summary.leave_out(LeftOut::of(word, message, kind));
        }
        self.command(told, head, message);
    }

    fn finish(&mut self, told: &mut String, run: &str, result: RunResult) -> Result<(), SinkError> {
        self.resume(told);
        if let Some(file) = &mut self.files.summary {
            file.write_all(self.summary.text(self.plain.story(), run, result).as_bytes())?;
            file.flush()?;
        }
        if let Some(file) = &mut self.files.output {
            let (url, outputs) = (outputs::url(self.plain.story()), self.outputs.json());
            let known =
                [("run", run), ("result", result_word(result)), ("environment-url", &url), ("outputs", &outputs)];
            for (name, value) in known {
                let end = (self.tokens)();
                write!(file, "{name}<<{end}\n{value}\n{end}\n")?;
            }
            file.flush()?;
        }
        Ok(())
    }
}

impl<W: Write + Send> Sink for Github<W> {
    fn name(&self) -> &'static str {
        "github"
    }

    fn receive(&mut self, event: &Event) -> Result<(), SinkError> {
        let text = self.plain.text(event);
        self.summary.keep(&event.kind);
        self.outputs.keep(&event.kind);
        let mut told = String::new();
        if !text.is_empty() {
            self.enter(&mut told, &event.kind);
            self.print(&mut told, &text);
        }
        self.annotate(&mut told, &event.kind);
        let ended = match &event.kind {
            EventKind::RunFinished { result, .. } => self.finish(&mut told, &event.run, *result),
            _ => Ok(()),
        };
        self.out.write_all(told.as_bytes())?;
        self.out.flush()?;
        ended
    }
}

impl<W: Write + Send> Drop for Github<W> {
    /// A run that was cut short leaves GitHub listening again.
    fn drop(&mut self) {
        let mut told = String::new();
        self.resume(&mut told);
        let _ = self.out.write_all(told.as_bytes());
    }
}

/// GitHub's word for a level that it shows.
fn word(level: LogLevel) -> Option<&'static str> {
    match level {
        LogLevel::Error => Some("error"),
        LogLevel::Warning => Some("warning"),
        LogLevel::Notice => Some("notice"),
        LogLevel::Info | LogLevel::Debug | LogLevel::Trace => None,
    }
}

/// `file=…,line=…,col=…,title=…`, as much of it as there is.
fn properties(kind: &EventKind, title: Option<&str>) -> Option<String> {
    let EventKind::Annotation { file, line, column, end_line, end_column, .. } = kind else {
        return None;
    };
    let mut properties: Vec<String> = Vec::new();
    properties.extend(file.as_ref().map(|file| format!("file={}", property(file))));
    if file.is_some() {
        let numbers = [("line", line), ("endLine", end_line), ("col", column), ("endColumn", end_column)];
        // GitHub ignores columns of an annotation that spans lines.
        let spans = end_line.is_some_and(|end| Some(end) != *line);
        let shown = numbers.into_iter().filter(|(name, _)| !spans || !name.to_lowercase().contains("col"));
        properties.extend(shown.filter_map(|(name, number)| number.map(|number| format!("{name}={number}"))));
    }
    properties.extend(title.map(|title| format!("title={}", property(title))));
    (!properties.is_empty()).then(|| properties.join(","))
}

/// A step's failure, and the last lines that it printed.
fn with_log(message: &str, step: &Step) -> String {
    let last = step.tail.iter().skip(step.tail.len().saturating_sub(LOG_LINES));
    let last: Vec<&str> = last.map(String::as_str).filter(|line| !line.trim().is_empty()).collect();
    if last.is_empty() { message.to_owned() } else { format!("{message}\n\n{}", last.join("\n")) }
}

fn message(text: &str) -> String {
    github_message(&harmless(text))
}

fn property(text: &str) -> String {
    github_property(&harmless(text))
}

/// Bounded, without control characters other than line ends, and without what GitHub takes for a command.
fn harmless(text: &str) -> String {
    let text: String = text.chars().take(MESSAGE_CHARS_MAX).collect();
    let lines: Vec<_> = text.lines().map(escape).collect();
    lines.join("\n").replace(GITHUB_COMMAND, "## [")
}

fn result_word(result: RunResult) -> &'static str {
    match result {
        RunResult::Success => "success",
        RunResult::Failure => "failure",
        RunResult::Cancelled => "cancelled",
        RunResult::NeedsRecovery => "needs-recovery",
        RunResult::Interrupted => "interrupted",
    }
}
