//! The run's page in GitHub: deployments, stages with failures first, and what steps added.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sealock_diagnostics::escape;
use sealock_events::{Conclusion, DeploymentResult, EventKind, RunResult};

use crate::story::{Deployment, Stage, StageState, Story};
use crate::verdict::headline;
use crate::words::{count, duration};

/// GitHub refuses a summary of more than 1 MiB; what steps add may take this much of it.
const ADDED_BYTES_MAX: usize = 512 << 10;
/// Stages that are listed: a matrix can have thousands, and the rest is counted.
const ROWS_MAX: usize = 500;

/// What has to be kept for the summary beside the story.
#[derive(Default)]
pub(super) struct Summary {
    /// Markdown of steps, in order.
    added: Vec<(String, String)>,
    added_bytes: usize,
    /// Annotations that were not shown, by step.
    left_out: BTreeMap<String, usize>,
}

impl Summary {
    pub(super) fn keep(&mut self, kind: &EventKind) {
        let EventKind::Summary { stage, step, markdown } = kind else {
            return;
        };
        if self.added_bytes + markdown.len() <= ADDED_BYTES_MAX {
            self.added_bytes += markdown.len();
            self.added.push((format!("{stage} / {step}"), markdown.clone()));
        }
    }

    pub(super) fn leave_out(&mut self, stage: &str, step: &str) {
        *self.left_out.entry(format!("{stage} / {step}")).or_default() += 1;
    }

    pub(super) fn text(&self, story: &Story, run: &str, result: RunResult) -> String {
        let mut out = format!("### {}: {}\n\n", cell(&story.pipeline), words(result));
        deployments(&mut out, story);
        stages(&mut out, story);
        for (step, number) in self.left_out.iter().take(ROWS_MAX) {
            let _ = writeln!(out, "{} of {} not shown as annotations.\n", count(*number, "problem"), cell(step));
        }
        for (step, markdown) in &self.added {
            let _ = writeln!(out, "#### {}\n\n{markdown}\n", cell(step));
        }
        let _ = writeln!(out, "Run `{}`", run.chars().filter(char::is_ascii_alphanumeric).collect::<String>());
        out
    }
}

fn words(result: RunResult) -> &'static str {
    match result {
        RunResult::Success => "✓ succeeded",
        RunResult::Failure => "✗ failed",
        RunResult::Cancelled => "✗ cancelled",
        RunResult::NeedsRecovery => "! needs recovery",
    }
}

fn deployments(out: &mut String, story: &Story) {
    let mut own = story.deployments().peekable();
    if own.peek().is_none() {
        return;
    }
    out.push_str("| environment | release | now |\n|---|---|---|\n");
    for (_, deployment) in own {
        let (environment, release) = (cell(&deployment.environment), cell(&deployment.release));
        let _ = writeln!(out, "| {environment} | {release} | {} |", cell(&now(deployment)));
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
        None => "! not known",
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

/// Text of a table or a heading that is no Markdown and no HTML.
fn cell(text: &str) -> String {
    let text = escape(text).replace(['\n', '\t'], " ");
    text.chars()
        .flat_map(|c| (c.is_ascii_punctuation() && !"-,.:;/ ".contains(c)).then_some('\\').into_iter().chain([c]))
        .collect()
}
