//! The run's page in GitHub: a timeline, stages with failures first, what was deployed where, and what steps added.
//!
//! # Invariants
//!
//! - What is ours comes first, and every name and message in it is escaped.
//! - What a step added stands in a quotation of its own, after everything of ours: a fence, a comment, or a tag that it
//!   leaves open ends with the quotation.
//! - GitHub takes it: it is never longer than what GitHub refuses.

use std::fmt::Write as _;

use sealock_diagnostics::escape;
use sealock_events::{Conclusion, DeploymentResult, EventKind, RunResult};

use super::timeline;
use crate::story::{Deployment, Stage, StageState, Story};
use crate::verdict::headline;
use crate::words::{count, duration};

/// GitHub refuses a summary of more than 1 MiB.
const SUMMARY_BYTES_MAX: usize = 1_000_000;
/// What steps add may take this much of it.
const ADDED_BYTES_MAX: usize = 512 << 10;
/// Stages that are listed: a matrix can have thousands, and the rest is counted.
const ROWS_MAX: usize = 500;
/// Problems that were not shown as annotations and are listed; the rest is counted.
const LEFT_OUT_MAX: usize = 200;
/// Failed steps whose log's end is shown.
const FAILURES_MAX: usize = 5;
/// Of one cell of a table: a message can be a page.
const CELL_CHARS_MAX: usize = 300;

/// What has to be kept for the summary beside the story.
#[derive(Default)]
pub(super) struct Summary {
    /// Markdown of steps, in order.
    added: Vec<(String, String)>,
    added_bytes: usize,
    /// Problems for which GitHub has no room.
    left_out: Vec<LeftOut>,
    left_out_count: usize,
}

/// A problem that is not shown as an annotation.
pub(super) struct LeftOut {
    word: &'static str,
    step: String,
    place: String,
    message: String,
}

impl LeftOut {
    /// Of an event that has a step, and of an annotation with its place.
    pub(super) fn of(word: &'static str, message: &str, kind: &EventKind) -> Self {
        let (step, place) = match kind {
            EventKind::Annotation { stage, step, file, line, .. } => {
                let line = line.map(|line| format!(":{line}")).unwrap_or_default();
                (format!("{stage} / {step}"), file.as_ref().map(|file| format!("{file}{line}")).unwrap_or_default())
            }
            EventKind::StepFinished { stage, step, .. } => (format!("{stage} / {step}"), String::new()),
            kind => (kind.stage().unwrap_or_default().to_owned(), String::new()),
        };
        Self { word, step, place, message: headline(message).chars().take(CELL_CHARS_MAX).collect() }
    }
}

impl Summary {
    pub(super) fn keep(&mut self, kind: &EventKind) {
        let EventKind::Summary { stage, step, markdown } = kind else {
            return;
        };
        let markdown = quoted(markdown);
        if self.added_bytes + markdown.len() <= ADDED_BYTES_MAX {
            self.added_bytes += markdown.len();
            self.added.push((format!("{stage} / {step}"), markdown));
        }
    }

    pub(super) fn leave_out(&mut self, problem: LeftOut) {
        self.left_out_count += 1;
        if self.left_out.len() < LEFT_OUT_MAX {
            self.left_out.push(problem);
        }
    }

    pub(super) fn text(&self, story: &Story, run: &str, result: RunResult) -> String {
        let mut out = format!("### {}: {}\n\n", cell(&story.pipeline), words(result));
        timeline::chart(&mut out, story);
        stages(&mut out, story);
        deployments(&mut out, story);
        failures(&mut out, story);
        self.left_out(&mut out);
        let run: String = run.chars().filter(char::is_ascii_alphanumeric).collect();
        let _ = writeln!(out, "Run `{run}`\n");
        for (step, markdown) in &self.added {
            let _ = writeln!(out, "#### {}\n\n{markdown}", cell(step));
        }
        cut(out)
    }

    fn left_out(&self, out: &mut String) {
        if self.left_out.is_empty() {
            return;
        }
        let _ = writeln!(out, "{} not shown as annotations:\n", count(self.left_out_count, "problem"));
        out.push_str("| step | level | place | what |\n|---|---|---|---|\n");
        for own in &self.left_out {
            let (step, place, message) = (cell(&own.step), cell(&own.place), cell(&own.message));
            let _ = writeln!(out, "| {step} | {} | {place} | {message} |", own.word);
        }
        if self.left_out_count > self.left_out.len() {
            let _ = writeln!(out, "| and {} | | | |", count(self.left_out_count - self.left_out.len(), "more problem"));
        }
        out.push('\n');
    }
}

/// Markdown of a step, where it cannot change what stands around it. A carriage return alone ends a line for Markdown, too.
fn quoted(markdown: &str) -> String {
    let markdown = markdown.replace("\r\n", "\n").replace('\r', "\n");
    let markdown = open_ended(&markdown);
    let lines = markdown.trim_end().split('\n');
    lines.flat_map(|line| ["> ".to_owned(), escape(line).into_owned(), "\n".to_owned()]).collect()
}

/// Without the tag that would end the quotation.
fn open_ended(markdown: &str) -> String {
    const END: &str = "</blockquote";
    let lower = markdown.to_ascii_lowercase();
    let mut kept = String::with_capacity(markdown.len());
    let mut from = 0;
    for (at, _) in lower.match_indices(END) {
        kept.push_str(&markdown[from..at]);
        kept.push_str("&lt;");
        from = at + 1;
    }
    kept + &markdown[from..]
}

/// Not more than GitHub takes, in whole lines.
fn cut(mut text: String) -> String {
    const NOTE: &str = "\n\nThe rest is longer than GitHub shows.\n";
    if text.len() > SUMMARY_BYTES_MAX {
        let end = text.floor_char_boundary(SUMMARY_BYTES_MAX - NOTE.len());
        let line = text[..end].rfind('\n').unwrap_or(0);
        text.truncate(line);
        text.push_str(NOTE);
    }
    text
}

fn words(result: RunResult) -> &'static str {
    match result {
        RunResult::Success => "✓ succeeded",
        RunResult::Failure => "✗ failed",
        RunResult::Cancelled => "✗ cancelled",
        RunResult::NeedsRecovery => "! needs recovery",
        RunResult::Interrupted => "! interrupted",
    }
}

fn deployments(out: &mut String, story: &Story) {
    let mut own = story.deployments().peekable();
    if own.peek().is_none() {
        return;
    }
    out.push_str("| environment | release | now | at |\n|---|---|---|---|\n");
    for (_, deployment) in own.take(ROWS_MAX) {
        let (environment, release) = (cell(&deployment.environment), cell(&deployment.release));
        let url = deployment.url.as_deref().map(link).unwrap_or_default();
        let _ = writeln!(out, "| {environment} | {release} | {} | {url} |", cell(&now(deployment)));
    }
    out.push('\n');
}

fn now(deployment: &Deployment) -> String {
    let live = |(target, release): &(String, Option<String>)| {
        format!("{target}: {}", release.as_deref().unwrap_or("no release"))
    };
    let live = deployment.live.iter().map(live).collect::<Vec<_>>().join(", ");
    let state = match deployment.result {
        Some(DeploymentResult::Verified) => "✓ verified",
        Some(DeploymentResult::RolledBackVerified) => "✗ rolled back, verified",
        Some(DeploymentResult::RolledBackUnverified) => "✗ rolled back, not verified",
        Some(DeploymentResult::RollbackFailed) => "✗ the rollback failed",
        Some(DeploymentResult::Unchanged) => "unchanged",
        Some(DeploymentResult::Interrupted) | None => "! not known",
    };
    if live.is_empty() { state.to_owned() } else { format!("{state} ({live})") }
}

fn stages(out: &mut String, story: &Story) {
    let mut rows: Vec<&Stage> = story.stages().collect();
    // Stable: within one rank they keep the plan's order.
    rows.sort_by_key(|stage| rank(&stage.state));
    out.push_str("| stage | result | time | why |\n|---|---|---|---|\n");
    for stage in rows.iter().take(ROWS_MAX) {
        let time = if stage.duration_ms == 0 { String::new() } else { duration(stage.duration_ms) };
        let _ = writeln!(out, "| {} | {} | {time} | {} |", cell(stage.shown()), state(&stage.state), cell(&why(stage)));
    }
    if rows.len() > ROWS_MAX {
        let _ = writeln!(out, "| and {} | | | |", count(rows.len() - ROWS_MAX, "more stage"));
    }
    out.push('\n');
}

/// The end of what failed steps printed, as code: a line that starts with four spaces is nothing else to Markdown.
fn failures(out: &mut String, story: &Story) {
    let failed = story.stages().flat_map(|stage| stage.failed_steps().map(move |step| (stage, step)));
    for (stage, step) in failed.filter(|(_, step)| !step.tail.is_empty()).take(FAILURES_MAX) {
        let _ = writeln!(out, "{} / {} printed at its end:\n", cell(stage.shown()), cell(&step.name));
        for line in &step.tail {
            let _ = writeln!(out, "    {}", escape(line));
        }
        out.push('\n');
    }
}

fn rank(state: &StageState) -> u8 {
    match state {
        StageState::Finished(Conclusion::Failure) => 0,
        StageState::Finished(Conclusion::Cancelled) => 1,
        StageState::Running | StageState::Waiting => 2,
        StageState::Finished(_) => 3,
        StageState::Skipped(_) => 4,
    }
}

fn state(state: &StageState) -> &'static str {
    match state {
        StageState::Finished(Conclusion::Failure) => "✗ failed",
        StageState::Finished(Conclusion::Cancelled) => "✗ cancelled",
        StageState::Finished(Conclusion::Success) => "✓",
        StageState::Finished(Conclusion::Skipped) | StageState::Skipped(_) => "– skipped",
        StageState::Running | StageState::Waiting => "… unfinished",
    }
}

fn why(stage: &Stage) -> String {
    if let StageState::Skipped(why) = &stage.state {
        return why.clone();
    }
    let failed = stage.failed_steps().next();
    let cause = failed.and_then(|step| step.cause.as_ref()).or(stage.cause.as_ref());
    let place = failed.map(|step| format!("{}: ", step.name)).unwrap_or_default();
    cause.map(|cause| format!("{place}{}: {}", cause.code, headline(&cause.message))).unwrap_or_default()
}

/// A link to what is a plain web address, else its text.
fn link(url: &str) -> String {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_plain = url.chars().all(|c| c.is_ascii_graphic() && !"<>|`\\".contains(c));
    if is_web && is_plain { format!("<{url}>") } else { cell(url) }
}

/// Text of a table or a heading that is no Markdown and no HTML.
pub(super) fn cell(text: &str) -> String {
    let text = escape(text).replace(['\n', '\t'], " ");
    text.chars()
        .take(CELL_CHARS_MAX)
        .flat_map(|c| (c.is_ascii_punctuation() && !"-,.:;/ ".contains(c)).then_some('\\').into_iter().chain([c]))
        .collect()
}
