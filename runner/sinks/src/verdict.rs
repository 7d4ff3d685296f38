//! How a run ended, in words: what happened, where it is now, and the command to type next.
//!
//! One wording for every sink that speaks to people. A deployment that ended speaks for the run; a run
//! without one speaks for itself.

use sealock_events::{Cause, Conclusion, DeploymentResult, EventKind, RunResult};

use crate::line::{Line, Tone, width};
use crate::story::{Deployment, RollbackPart, Stage, StageState, Step, Story, place};
use crate::words::{count, duration, list, shell_word, short_commit};

/// A headline shows so much of a message; the whole of it stands at the step.
const HEADLINE_CHARS_MAX: usize = 300;
/// Lines shown of a message or a help that has several.
const MESSAGE_LINES_MAX: usize = 20;
/// The code of what was stopped because the run was.
pub(crate) const CANCELLED: &str = "E-CANCELLED";
const INDENT: usize = 2;
const GAP: &str = "   ";

/// The last event of a run.
#[derive(Clone, Copy)]
pub(crate) struct End<'e> {
    result: RunResult,
    exit: u8,
    cause: Option<&'e Cause>,
    duration_ms: u64,
    next: Option<&'e str>,
}

impl<'e> End<'e> {
    /// Of `kind`, when it is the last event of a run.
    pub(crate) fn of(kind: &'e EventKind) -> Option<Self> {
        let EventKind::RunFinished { result, exit, cause, duration_ms, next } = kind else {
            return None;
        };
        let (cause, next) = (cause.as_ref(), next.as_deref());
        Some(Self { result: *result, exit: *exit, cause, duration_ms: *duration_ms, next })
    }
}

/// The last lines of a run, for `columns`.
pub(crate) fn lines(story: &Story, end: End<'_>, columns: usize) -> Vec<Line> {
    let verdict = Verdict { story, end, columns };
    let mut lines: Vec<Line> = story.deployments().flat_map(|(stage, own)| verdict.deployment(stage, own)).collect();
    if !verdict.deployments_tell_all() {
        lines.extend(verdict.run());
    }
    lines.extend(verdict.commands());
    if end.exit != 0 {
        lines.push(Line::of(Tone::Dim, &format!("exit {}", end.exit)));
    }
    lines
}

/// What is wrong, in as many lines as it has: the code, the message, and what to do.
pub(crate) fn cause(cause: &Cause, shows_help: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    let first = Line::of(Tone::Bad, &cause.code).put(Tone::Plain, ": ");
    let mut message = cause.message.lines().take(MESSAGE_LINES_MAX);
    lines.push(first.put(Tone::Plain, message.next().unwrap_or_default()));
    lines.extend(message.map(|line| Line::of(Tone::Plain, "  ").put(Tone::Plain, line)));
    if shows_help {
        lines.extend(cause.help.iter().flat_map(|text| help(text)));
    }
    lines
}

fn help(text: &str) -> impl Iterator<Item = Line> {
    let label = |number| if number == 0 { "help: " } else { "      " };
    let lines = text.lines().take(MESSAGE_LINES_MAX).enumerate();
    lines.map(move |(number, line)| Line::of(Tone::Busy, label(number)).put(Tone::Plain, line))
}

struct Verdict<'s> {
    story: &'s Story,
    end: End<'s>,
    columns: usize,
}

impl<'s> Verdict<'s> {
    /// Whether what the deployments came to is all that there is to say.
    fn deployments_tell_all(&self) -> bool {
        let mut results = self.story.deployments().map(|(stage, own)| (stage.state.clone(), own.result));
        let failed = StageState::Finished(Conclusion::Failure);
        match self.end.result {
            RunResult::Success => results.next().is_some(),
            RunResult::Failure => results.any(|(state, result)| state == failed || is_bad(result)),
            RunResult::Cancelled => results.any(|(_, result)| is_bad(result)),
            RunResult::NeedsRecovery | RunResult::Interrupted => false,
        }
    }

    fn deployment(&self, stage: &Stage, own: &Deployment) -> Vec<Line> {
        let environment = &own.environment;
        let good = |text: &str| Line::of(Tone::Good, "✓ ").put(Tone::Strong, text);
        let bad = |text: &str| Line::of(Tone::Bad, "✗ ").put(Tone::Strong, text);
        match own.result {
            Some(DeploymentResult::Verified) => {
                let commit = self.story.commit.as_deref().map(|commit| format!(" ({})", short_commit(commit)));
                let (release, targets) = (&own.release, list(&own.targets));
                let text =
                    format!("{environment} is on {release}{}, verified on {targets}.", commit.unwrap_or_default());
                let mut lines = self.timed(good(&text));
                lines.extend(self.row(&way_back(own)));
                lines
            }
            Some(DeploymentResult::Unchanged) if !self.has_failed(stage) => {
                self.timed(good(&format!("{environment}: no release was switched; {}.", still_on(own))))
            }
            result => {
                let text = format!("{environment}: {} {}", what_failed(stage, own), what_is_true(own, result));
                let mut lines = self.timed(bad(&text));
                lines.extend(self.why(stage, own));
                lines.extend(self.wrapped(parts(&own.rollback)));
                let is_told =
                    matches!(result, Some(DeploymentResult::RolledBackVerified | DeploymentResult::Unchanged));
                if !is_told {
                    lines.extend(self.row(&live(own)));
                }
                lines
            }
        }
    }

    fn has_failed(&self, stage: &Stage) -> bool {
        !matches!(stage.state, StageState::Finished(Conclusion::Success)) && self.end.result != RunResult::Success
    }

    /// The message of what failed, below a deployment's headline.
    fn why(&self, stage: &Stage, own: &Deployment) -> Vec<Line> {
        let step = stage.failed_steps().next();
        let told = step.and_then(|step| step.cause.as_ref()).or(own.failure.as_ref()).or(stage.cause.as_ref());
        let Some(told) = told.filter(|told| told.code != CANCELLED) else {
            return Vec::new();
        };
        self.wrapped(cause(told, step.is_none()))
    }

    fn run(&self) -> Vec<Line> {
        let pipeline = &self.story.pipeline;
        match self.end.result {
            RunResult::Success => {
                let text = format!("{pipeline} succeeded: {}.", self.summary());
                self.timed(Line::of(Tone::Good, "✓ ").put(Tone::Strong, &text))
            }
            RunResult::Failure => {
                let text = format!("{pipeline} failed{}.{}", self.where_and_why(), self.nothing_deployed());
                let mut lines = self.timed(Line::of(Tone::Bad, "✗ ").put(Tone::Strong, &text));
                lines.extend(self.help_without_step());
                lines
            }
            RunResult::Cancelled => {
                let text = format!("{pipeline} was cancelled.{}", self.nothing_deployed());
                self.timed(Line::of(Tone::Warn, "✗ ").put(Tone::Strong, &text))
            }
            RunResult::Interrupted => {
                let text = format!("{pipeline} was interrupted.");
                self.timed(Line::of(Tone::Warn, "! ").put(Tone::Strong, &text))
            }
            RunResult::NeedsRecovery => {
                let text = format!("{pipeline} needs recovery{}.", self.where_and_why());
                let mut lines = self.timed(Line::of(Tone::Warn, "! ").put(Tone::Strong, &text));
                let told = self.end.cause.and_then(|cause| cause.help.as_deref());
                lines.extend(self.wrapped(told.into_iter().flat_map(help).collect()));
                lines
            }
        }
    }

    /// ` at test / unit tests: 3 of 128 tests failed`.
    fn where_and_why(&self) -> String {
        let place = match self.failed_step() {
            Some((stage, step)) => format!(" at {} / {}", stage.name, step.name),
            None => self.failed_stage().map(|stage| format!(" at {}", stage.name)).unwrap_or_default(),
        };
        let message = self.end.cause.map(|cause| headline(&cause.message));
        format!("{place}{}", message.map(|message| format!(": {message}")).unwrap_or_default())
    }

    fn failed_step(&self) -> Option<(&'s Stage, &'s Step)> {
        let is_stage_cause = self.failed_stage().is_some_and(|stage| stage.failed_steps().next().is_none());
        if is_stage_cause { None } else { self.story.failed_step(self.end.cause) }
    }

    /// The stage that has the run's cause as its own.
    fn failed_stage(&self) -> Option<&'s Stage> {
        self.story.stages().find(|stage| stage.cause.is_some() && stage.cause.as_ref() == self.end.cause)
    }

    fn help_without_step(&self) -> Vec<Line> {
        let told = self.end.cause.filter(|_| self.failed_step().is_none());
        self.wrapped(told.and_then(|cause| cause.help.as_deref()).into_iter().flat_map(help).collect())
    }

    fn nothing_deployed(&self) -> &'static str {
        let meant_to = self.story.stages().any(|stage| stage.environment.is_some());
        let did = self.story.deployments().any(|(_, own)| own.result != Some(DeploymentResult::Unchanged));
        if meant_to && !did { " Nothing was deployed." } else { "" }
    }

    /// `5 stages, 1 skipped, 1 step failed and was allowed to`.
    fn summary(&self) -> String {
        let stages = || self.story.stages();
        let skipped = stages().filter(|stage| matches!(stage.state, StageState::Skipped(_))).count();
        let forgiven = stages().flat_map(|stage| &stage.steps).filter(|step| step.is_forgiven()).count();
        let mut text = count(stages().count(), "stage");
        if skipped > 0 {
            text = format!("{text}, {skipped} skipped");
        }
        if forgiven > 0 {
            text = format!("{text}, {} failed and was allowed to", count(forgiven, "step"));
        }
        text
    }

    /// What to type next, one a line.
    fn commands(&self) -> Vec<Line> {
        let run = shell_word(&self.story.run);
        let mut told: Vec<(&str, String)> = Vec::new();
        let succeeded = self.end.result == RunResult::Success;
        if !succeeded && let Some((stage, step)) = self.failed_step() {
            told.extend(step.at.as_ref().map(|at| ("at", place(at))));
            let log = shell_word(&format!("{}/{}", stage.name, step.id));
            told.push(("log", format!("sealock show {run} --logs {log}")));
        }
        let code = self.end.cause.map(|cause| cause.code.as_str()).filter(|code| *code != CANCELLED);
        told.extend(code.map(|code| ("why", format!("sealock explain {}", shell_word(code)))));
        told.extend(self.unsettled().map(|environment| ("now", format!("sealock status {}", shell_word(environment)))));
        let is_quiet = succeeded && self.story.deployments().next().is_some();
        let usual = format!("sealock show {run}");
        let is_told = is_quiet || told.iter().any(|(name, _)| *name == "log");
        let next = self.end.next.filter(|next| *next != usual).map(str::to_owned);
        told.extend(next.or_else(|| (!is_told).then_some(usual)).map(|next| ("next", next)));
        let label = |label: &str| Line::of(Tone::Plain, "  ").put(Tone::Dim, label).pad(INDENT + 6);
        told.into_iter().map(|(name, text)| label(name).put(Tone::Plain, &text)).collect()
    }

    /// The first environment of which it is not clear that all is well.
    fn unsettled(&self) -> Option<&'s str> {
        let is_unclear = |result| {
            !matches!(
                result,
                Some(DeploymentResult::Verified | DeploymentResult::RolledBackVerified | DeploymentResult::Unchanged)
            )
        };
        self.story.deployments().find(|(_, own)| is_unclear(own.result)).map(|(_, own)| own.environment.as_str())
    }

    /// With the run's time at its end.
    fn timed(&self, line: Line) -> Vec<Line> {
        let line = line.put(Tone::Plain, " ").put(Tone::Dim, &duration(self.end.duration_ms));
        line.wrap(self.columns, INDENT)
    }

    fn wrapped(&self, lines: Vec<Line>) -> Vec<Line> {
        lines.into_iter().flat_map(|line| line.indent(INDENT).wrap(self.columns, 2 * INDENT)).collect()
    }

    /// `parts`, indented, on one line or as many as they need.
    fn row(&self, parts: &[String]) -> Vec<Line> {
        let parts = parts.iter().map(|part| Line::of(Tone::Plain, part)).collect();
        let lines = Line::flow(parts, GAP, self.columns.saturating_sub(INDENT), 0);
        lines.into_iter().map(|line| line.indent(INDENT)).collect()
    }
}

/// `r42 failed at smoke-test;`, the first half of a headline.
fn what_failed(stage: &Stage, own: &Deployment) -> String {
    let release = &own.release;
    let cause = own.failure.as_ref().or(stage.cause.as_ref());
    if cause.is_some_and(|cause| cause.code == CANCELLED) {
        return format!("{release} was cancelled;");
    }
    match stage.failed_steps().next() {
        Some(step) => format!("{release} failed at {};", step.name),
        None => format!("{release} failed;"),
    }
}

fn is_bad(result: Option<DeploymentResult>) -> bool {
    !matches!(result, Some(DeploymentResult::Verified | DeploymentResult::Unchanged))
}

/// The address, what was live before, and how to go back to it.
fn way_back(own: &Deployment) -> Vec<String> {
    let mut parts: Vec<String> = own.url.iter().cloned().collect();
    if own.has_previous() {
        parts.push(format!("previous: {}", releases(&own.previous)));
        parts.push(format!("undo: sealock rollback {}", shell_word(&own.environment)));
    } else {
        parts.push("previous: none, this is the first release".to_owned());
    }
    parts
}

/// What is true of the environment now, after `; `.
fn what_is_true(own: &Deployment, result: Option<DeploymentResult>) -> String {
    let targets = list(&own.targets);
    let live = Common::of(&own.live);
    let back = match live {
        Common::Release(release) => format!("rolled back to {release}"),
        Common::Nothing if !own.has_previous() => "rolled back to no release, as before".to_owned(),
        _ => format!("rolled back ({})", releases(&own.live)),
    };
    match result {
        Some(DeploymentResult::RolledBackVerified) => match live {
            Common::Release(release) => format!("{back}, and {release} verified on {targets}."),
            Common::Nothing => format!("{back}, confirmed on {targets}."),
            Common::Mixed => format!("{back}, and verified on {targets}."),
        },
        Some(DeploymentResult::RolledBackUnverified) => format!("{back}, but that was not verified on {targets}."),
        // By hand, nothing else failed before.
        Some(DeploymentResult::RollbackFailed) if own.failure.is_none() => "the rollback failed.".to_owned(),
        Some(DeploymentResult::RollbackFailed) => "the rollback failed too.".to_owned(),
        Some(DeploymentResult::Verified) => "it is live and verified.".to_owned(),
        Some(DeploymentResult::Unchanged) => format!("nothing was changed, {}.", still_on(own)),
        Some(DeploymentResult::Interrupted) => "it is not settled yet.".to_owned(),
        None => "what is live now is not known.".to_owned(),
    }
}

fn still_on(own: &Deployment) -> String {
    let live = if own.live.is_empty() { &own.previous } else { &own.live };
    match Common::of(live) {
        Common::Release(release) => format!("it is still on {release}"),
        Common::Nothing => "it still has no release".to_owned(),
        Common::Mixed => format!("it is still on {}", releases(live)),
    }
}

fn live(own: &Deployment) -> Vec<String> {
    let is_on = |(target, release): &(String, Option<String>)| match release {
        Some(release) => format!("{target} is on {release}"),
        None => format!("{target} has no release"),
    };
    own.live.iter().map(is_on).collect()
}

/// What the targets of an environment run, taken together.
enum Common<'r> {
    Release(&'r str),
    Nothing,
    Mixed,
}

impl<'r> Common<'r> {
    fn of(releases: &'r [(String, Option<String>)]) -> Self {
        let first = releases.first().and_then(|(_, release)| release.as_deref());
        match first {
            _ if releases.iter().any(|(_, release)| release.as_deref() != first) => Self::Mixed,
            Some(release) => Self::Release(release),
            None => Self::Nothing,
        }
    }
}

/// `r41`, or `web1 r41, web2 none`.
fn releases(releases: &[(String, Option<String>)]) -> String {
    match Common::of(releases) {
        Common::Release(release) => release.to_owned(),
        Common::Nothing => "none".to_owned(),
        Common::Mixed => {
            let name = |release: &Option<String>| release.as_deref().unwrap_or("none").to_owned();
            let each = releases.iter().map(|(target, release)| format!("{target} {}", name(release)));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

/// What was done to go back, with the names of the steps in one column.
fn parts(parts: &[RollbackPart]) -> Vec<Line> {
    let columns = parts.iter().map(|part| width(&part.step)).max().unwrap_or(0);
    parts.iter().map(|own| part(own, columns)).collect()
}

/// One part of going back; the step's name takes at least `columns`.
pub(crate) fn part(part: &RollbackPart, columns: usize) -> Line {
    let succeeded = part.outcome == Conclusion::Success;
    let (symbol, tone) = if succeeded { ("✓", Tone::Good) } else { ("✗", Tone::Bad) };
    let step = Line::of(Tone::Plain, &part.step).pad(columns);
    let line = Line::of(tone, symbol).put(Tone::Plain, " ").join(step).put(Tone::Plain, &format!("  {}  ", part.what));
    let line = if succeeded { line } else { line.put(Tone::Bad, "failed  ") };
    let line = line.put(Tone::Dim, &duration(part.duration_ms));
    match &part.cause {
        Some(cause) => line.put(Tone::Plain, &format!("  {}: {}", cause.code, headline(&cause.message))),
        None => line,
    }
}

/// The first line of a message, as much of it as a headline takes.
pub(crate) fn headline(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let end = first.char_indices().nth(HEADLINE_CHARS_MAX).map_or(first.len(), |(end, _)| end);
    let is_whole = end == message.trim_end().len();
    if is_whole { first.to_owned() } else { format!("{}…", &first[..end]) }
}
