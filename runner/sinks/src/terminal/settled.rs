//! What will not change any more: finished and skipped stages, and what failed in them.

use sealock_events::{Conclusion, LogLevel};

use super::picture::finished_step;
use crate::line::{Line, Tone, width};
use crate::story::{Deployment, Stage, StageState, Step, StepState, Story};
use crate::telling;
use crate::verdict;
use crate::words::{count, duration, list};

/// Times stand at this column at most: an eye that must cross a wide screen loses the line.
const TEXT_COLUMNS_MAX: usize = 100;
/// Names of stages are filled up to the longest, as far as that is at most so wide.
const NAME_COLUMNS_MAX: usize = 28;
/// Failed steps of one stage that are shown whole.
const FAILED_STEPS_MAX: usize = 3;
const LOG_INDENT: usize = 8;

/// Words what is settled.
pub(super) struct Settled<'s> {
    pub(super) story: &'s Story,
    pub(super) verbose: u8,
    pub(super) columns: usize,
}

impl Settled<'_> {
    /// A finished stage: one line, and below it what failed.
    pub(super) fn stage(&self, stage: &Stage) -> Vec<Line> {
        let StageState::Finished(result) = stage.state else {
            return Vec::new();
        };
        let (symbol, tone, word) = telling::ending(result, result);
        let what = if result == Conclusion::Success { done(stage) } else { failed(stage, word) };
        let what = what.iter().map(|part| Line::of(Tone::Plain, part)).collect();
        let line = Line::of(tone, symbol).put(Tone::Plain, " ").join(self.name(Tone::Strong, stage));
        let mut lines = self.row(line, what, &duration(stage.duration_ms));
        lines.extend(self.steps(stage));
        lines.extend(self.own_cause(stage));
        lines
    }

    /// A stage that was not run, and why.
    pub(super) fn skipped(&self, stage: &Stage, why: &str) -> Vec<Line> {
        let line = Line::of(Tone::Dim, "–").put(Tone::Plain, " ").join(self.name(Tone::Plain, stage));
        self.row(line, vec![Line::of(Tone::Dim, &format!("skipped: {why}"))], "")
    }

    fn name(&self, tone: Tone, stage: &Stage) -> Line {
        Line::of(tone, stage.shown()).pad(name_columns(self.story, self.columns)).put(Tone::Plain, "  ")
    }

    /// `  ✓ name   what · what            4.1 s`, on as many lines as it needs.
    fn row(&self, head: Line, what: Vec<Line>, spent: &str) -> Vec<Line> {
        let hang = what_column(self.story, self.columns);
        let room = text_columns(self.columns).saturating_sub(width(spent) + 2);
        let head = head.indent(2);
        let mut what = Line::flow(what, " · ", room.saturating_sub(hang), 0).into_iter();
        let first = head.join(what.next().unwrap_or_default());
        let lines = [first].into_iter().chain(what.map(|line| line.indent(hang)));
        self.beside(lines.flat_map(|line| line.wrap(room, hang)).collect(), spent)
    }

    /// `lines`, with a time at the end of the first.
    fn beside(&self, mut lines: Vec<Line>, spent: &str) -> Vec<Line> {
        if let Some(first) = lines.first_mut() {
            *first = Line::sides(std::mem::take(first), Line::of(Tone::Dim, spent), text_columns(self.columns));
        }
        lines
    }

    fn step(&self, step: &Step) -> Vec<Line> {
        let (line, spent) = finished_step(step);
        let room = text_columns(self.columns).saturating_sub(width(&spent) + 2);
        self.beside(line.wrap(room, LOG_INDENT), &spent)
    }

    fn steps(&self, stage: &Stage) -> Vec<Line> {
        let mut shown = 0;
        let mut lines = Vec::new();
        for step in &stage.steps {
            let is_shown = step.has_failed() && shown < FAILED_STEPS_MAX;
            shown += usize::from(is_shown);
            if is_shown || step.is_forgiven() || self.verbose > 0 {
                lines.extend(self.step(step));
            }
            if is_shown {
                lines.extend(self.failure(step));
            } else if step.is_forgiven() {
                lines.extend(self.told(telling::why(step)));
            }
        }
        lines
    }

    /// Why a stage failed when none of its steps says it.
    fn own_cause(&self, stage: &Stage) -> Vec<Line> {
        let cause = stage.cause.as_ref().filter(|cause| !stage.tells(cause) && cause.code != verdict::CANCELLED);
        cause.map(|cause| self.told(verdict::cause(cause, true))).unwrap_or_default()
    }

    /// The end of a failed step's log, what it found, its cause, and its place.
    fn failure(&self, step: &Step) -> Vec<Line> {
        let mut lines = Vec::new();
        let before = step.lines.saturating_sub(step.tail.len() as u64);
        if before > 0 {
            lines.push(Line::of(Tone::Dim, &format!("… {before} lines before")).indent(LOG_INDENT));
        }
        lines.extend(step.tail.iter().flat_map(|text| self.log(text)));
        lines.extend(self.told(problems(step)));
        lines.extend(self.told(telling::why(step)));
        lines
    }

    /// A line of a log, on as many rows as it needs, each marked as a log's.
    fn log(&self, text: &str) -> Vec<Line> {
        let room = self.columns.saturating_sub(LOG_INDENT + 2).max(8);
        let mark = || Line::of(Tone::Dim, "| ").indent(LOG_INDENT);
        Line::of(Tone::Plain, text).wrap(room, 0).into_iter().map(|line| mark().join(line)).collect()
    }

    fn told(&self, lines: Vec<Line>) -> Vec<Line> {
        lines.into_iter().flat_map(|line| line.indent(LOG_INDENT).wrap(self.columns, LOG_INDENT + 2)).collect()
    }
}

/// `4 steps`, `128 passed`, `coverage 91.4 %`.
fn done(stage: &Stage) -> Vec<String> {
    let skipped = stage.steps.iter().filter(|step| step.state == StepState::Skipped).count();
    let first = match &stage.environment {
        Some(environment) => live(environment, stage.deployment.as_ref()),
        None if skipped > 0 => format!("{}, {skipped} skipped", count(stage.steps.len(), "step")),
        None => count(stage.steps.len(), "step"),
    };
    let problems: usize =
        stage.steps.iter().filter(|step| step.figures.is_empty()).map(|step| step.problem_count).sum();
    let problems = (problems > 0).then(|| format!("{} reported", count(problems, "problem")));
    let mut parts = vec![first];
    parts.extend(stage.figures().into_iter().map(str::to_owned));
    parts.extend(problems);
    parts
}

/// `production · r42 on web1 and web2`, as far as targets have switched.
pub(super) fn live(environment: &str, deployment: Option<&Deployment>) -> String {
    let switched = deployment.filter(|own| !own.switched.is_empty() && own.failure.is_none());
    let live = switched.map(|own| format!(" · {} on {}", own.release, list(&own.switched)));
    format!("{environment}{}", live.unwrap_or_default())
}

fn failed(stage: &Stage, word: &str) -> Vec<String> {
    let mut parts: Vec<String> = stage.environment.iter().cloned().collect();
    parts.push(match stage.failed_steps().next() {
        Some(step) => format!("{word} at {}", step.name),
        None => word.to_owned(),
    });
    parts.extend(stage.figures().into_iter().map(str::to_owned));
    parts
}

/// What a failed step reported, the first of each.
fn problems(step: &Step) -> Vec<Line> {
    let worst = step.problems.iter().map(|problem| problem.level).max().unwrap_or(LogLevel::Error);
    let mut lines: Vec<Line> = step
        .problems
        .iter()
        .filter(|problem| problem.level == worst)
        .map(|problem| telling::problem(problem.level, &problem.message, problem.place.as_deref()))
        .collect();
    let more = step.problem_count - lines.len();
    if more > 0 {
        lines.push(Line::of(Tone::Dim, &format!("and {more} more")));
    }
    lines
}

/// Columns that lines with a time at their end take.
pub(super) fn text_columns(columns: usize) -> usize {
    columns.min(TEXT_COLUMNS_MAX)
}

/// Columns of the names of stages: the longest, within reason.
pub(super) fn name_columns(story: &Story, columns: usize) -> usize {
    let most = NAME_COLUMNS_MAX.min(columns / 2);
    story.widest_name.min(most)
}

/// The column at which what a stage does begins.
fn what_column(story: &Story, columns: usize) -> usize {
    name_columns(story, columns) + 6
}
