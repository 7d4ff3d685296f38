//! What runs and what waits, as lines that fit the screen.

use sealock_events::{Cause, Conclusion, ServiceState};

use super::FRAME_MS;
use super::settled::{live, name_columns, text_columns};
use crate::line::{Line, Tone};
use crate::story::{Deployment, Stage, StageState, Step, StepState, Story};
use crate::telling;
use crate::verdict;
use crate::words::{duration, elapsed, list};

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// Stages that wait, beyond these, are only counted.
const WAITING_MAX: usize = 8;
/// Finished steps of a running stage, before these, are only counted.
const FINISHED_STEPS_MAX: usize = 3;
const STEP_INDENT: usize = 6;

/// The run at one moment.
pub(super) struct Picture<'s> {
    pub(super) story: &'s Story,
    pub(super) columns: usize,
    pub(super) now: i64,
}

/// How much is shown of a running stage.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    Stage,
    Running,
    Steps,
    Logs,
}

impl Picture<'_> {
    /// As much as fits into `rows`: first the log lines give way, then finished steps, then steps, then
    /// stages.
    pub(super) fn lines(&self, rows: usize) -> Vec<Line> {
        let details = [Detail::Logs, Detail::Steps, Detail::Running, Detail::Stage];
        let mut lines = Vec::new();
        for detail in details {
            lines = self.stages(detail);
            if lines.len() <= rows {
                return lines;
            }
        }
        let more = lines.len() - (rows - 1);
        lines.truncate(rows - 1);
        lines.push(self.cut(Line::of(Tone::Dim, &format!("… {more} more lines")).indent(2)));
        lines
    }

    fn stages(&self, detail: Detail) -> Vec<Line> {
        let running = self.story.stages().filter(|stage| stage.state == StageState::Running);
        let mut lines: Vec<Line> = running.flat_map(|stage| self.running(stage, detail)).collect();
        let waiting: Vec<&Stage> = self.story.stages().filter(|stage| stage.state == StageState::Waiting).collect();
        let shown = if waiting.len() > WAITING_MAX { WAITING_MAX - 1 } else { waiting.len() };
        lines.extend(waiting[..shown].iter().map(|stage| self.waiting(stage)));
        if waiting.len() > shown {
            lines.push(Line::of(Tone::Dim, &format!("◦ {} more stages wait", waiting.len() - shown)).indent(2));
        }
        lines
    }

    fn waiting(&self, stage: &Stage) -> Line {
        let needs = self.story.waits_for(stage);
        let what = match &stage.waiting {
            Some(waiting) => telling::waits_for(waiting),
            None if needs.is_empty() => "waits for its turn".to_owned(),
            None => format!("waits for {}", list(&needs)),
        };
        self.row(Line::of(Tone::Dim, "◦"), Line::of(Tone::Plain, stage.shown()), Line::of(Tone::Dim, &what), "")
    }

    fn running(&self, stage: &Stage, detail: Detail) -> Vec<Line> {
        let name = Line::of(Tone::Strong, stage.shown());
        let spent = self.since(stage.started);
        let what = Line::of(Tone::Plain, &doing(stage));
        let mut lines = vec![self.row(self.spinner(), name, what, &spent)];
        if detail == Detail::Stage {
            return lines;
        }
        lines.extend(stage.services.iter().map(|(name, state)| self.service(name, *state)));
        lines.extend(self.steps(stage, detail));
        lines.extend(
            stage.deployment.iter().filter(|own| own.is_going_back()).flat_map(|own| self.going_back(stage, own)),
        );
        if detail == Detail::Logs {
            lines.extend(stage.recent.iter().map(|text| self.log(text)));
        }
        lines
    }

    fn steps(&self, stage: &Stage, detail: Detail) -> Vec<Line> {
        let finished: Vec<&Step> = stage.steps.iter().filter(|step| step.is_over()).collect();
        let shown = if detail >= Detail::Steps { FINISHED_STEPS_MAX } else { 0 };
        let before = finished.len().saturating_sub(shown);
        let mut lines = Vec::new();
        if before > 0 && detail >= Detail::Steps {
            lines.push(Line::of(Tone::Dim, &format!("… {before} before")).indent(STEP_INDENT));
        }
        lines.extend(finished[before..].iter().map(|step| self.finished(step)));
        lines.extend(stage.running().map(|step| self.running_step(stage, step)));
        lines
    }

    fn finished(&self, step: &Step) -> Line {
        let (line, spent) = finished_step(step);
        Line::sides(line, Line::of(Tone::Dim, &spent), text_columns(self.columns))
    }

    fn running_step(&self, stage: &Stage, step: &Step) -> Line {
        let mut what = step.progress.clone().unwrap_or_default();
        if step.attempt > 1 {
            what = format!("attempt {}  {what}", step.attempt);
        }
        if let (StepState::Retrying, Some(waiting)) = (step.state, &stage.waiting) {
            what = format!("failed and {}", telling::waits_for(waiting));
        }
        let line = self.spinner().put(Tone::Plain, " ").put(Tone::Strong, &step.name);
        let line = line.put(Tone::Plain, "  ").put(Tone::Plain, &what).indent(STEP_INDENT);
        let spent = Line::of(Tone::Dim, &self.since(step.started));
        Line::sides(line, spent, text_columns(self.columns))
    }

    fn going_back(&self, stage: &Stage, own: &Deployment) -> Vec<Line> {
        let told = own.failure.as_ref().filter(|cause| !stage.tells(cause)).map(why).unwrap_or_default();
        let line = self.spinner().put(Tone::Warn, &format!(" rolling back from {}{told}", own.release));
        let mut lines = vec![self.cut(line.indent(STEP_INDENT))];
        lines.extend(own.rollback.iter().map(|part| self.cut(verdict::part(part, 0).indent(STEP_INDENT + 2))));
        lines
    }

    fn service(&self, name: &str, state: ServiceState) -> Line {
        let (tone, word) = telling::service(state);
        let line = Line::of(Tone::Plain, "service ").put(Tone::Strong, name).put(Tone::Plain, " ").put(tone, word);
        self.cut(line.indent(STEP_INDENT))
    }

    fn log(&self, text: &str) -> Line {
        self.cut(Line::of(Tone::Dim, "| ").put(Tone::Dim, text).indent(STEP_INDENT + 2))
    }

    /// `  ⠋ name   what                 4.1 s`, cut where it does not fit.
    fn row(&self, symbol: Line, name: Line, what: Line, spent: &str) -> Line {
        let names = name_columns(self.story, self.columns);
        let left = symbol.put(Tone::Plain, " ").join(name.fit(names).pad(names)).put(Tone::Plain, "  ").join(what);
        Line::sides(left.indent(2), Line::of(Tone::Dim, spent), text_columns(self.columns))
    }

    fn spinner(&self) -> Line {
        let frame = usize::try_from(self.now.div_euclid(FRAME_MS)).unwrap_or_default() % SPINNER.len();
        Line::of(Tone::Busy, SPINNER[frame])
    }

    fn since(&self, started: i64) -> String {
        elapsed(u64::try_from(self.now.saturating_sub(started)).unwrap_or_default())
    }

    fn cut(&self, line: Line) -> Line {
        line.fit(self.columns)
    }
}

/// What a running stage is at.
fn doing(stage: &Stage) -> String {
    let steps = stage.planned.len().max(stage.steps.len());
    match (&stage.waiting, &stage.environment) {
        (Some(waiting), _) if stage.running().is_none() => telling::waits_for(waiting),
        (_, Some(environment)) => live(environment, stage.deployment.as_ref()),
        _ => format!("{} of {steps} steps", stage.finished_steps()),
    }
}

fn why(cause: &Cause) -> String {
    format!(": {}", verdict::headline(&cause.message))
}

/// A step that ended, and how long it took.
pub(super) fn finished_step(step: &Step) -> (Line, String) {
    let (outcome, conclusion) = match step.state {
        StepState::Finished(outcome, conclusion) => (outcome, conclusion),
        _ => (Conclusion::Skipped, Conclusion::Skipped),
    };
    let (symbol, tone, word) = telling::ending(outcome, conclusion);
    let mut what: Vec<String> = step.figures.clone();
    match &step.why_skipped {
        Some(why) => what.insert(0, format!("skipped: {why}")),
        None if outcome != Conclusion::Success => what.insert(0, word.trim_end_matches(',').to_owned()),
        None => {}
    }
    let name = Line::of(Tone::Plain, &step.name).put(Tone::Plain, "  ");
    let line = Line::of(tone, symbol).put(Tone::Plain, " ").join(name).put(Tone::Plain, &what.join(" · "));
    let spent = if step.state == StepState::Skipped { String::new() } else { duration(step.duration_ms) };
    (line.indent(STEP_INDENT), spent)
}
