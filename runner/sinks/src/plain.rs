//! Lines, for where there is no terminal.
//!
//! Each line says which stage it belongs to, in front; what a step printed is indented, so that no step
//! can print a line that looks like ours. Nothing is ever overwritten, and each event is written and
//! flushed at once: the first byte leaves with the first event.

use std::io::Write;

use sealock_events::{
    Cause, Conclusion, Event, EventKind, LogLevel, PlannedStage, ServiceState, Sink, SinkError, Waiting,
};

use crate::line::{Line, Tone, width, without_colours};
use crate::story::{Stage, Story, place_in};
use crate::verdict::{self, End};
use crate::words::duration;
use crate::{Options, telling};

/// Stage names are filled up to the longest, and cut where they are longer than this.
const STAGE_COLUMNS_MAX: usize = 40;

/// GitHub's runner looks for this anywhere in a line, and does what follows.
pub(crate) const GITHUB_COMMAND: &str = "##[";

/// Tells the run line by line.
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
    options: Options,
    story: Story,
    /// What the names of stages are filled up to.
    columns: usize,
}

impl<W: Write + Send> Plain<W> {
    /// To `out`, which needs no buffer of its own.
    pub fn new(out: W, options: Options) -> Self {
        Self { out, options, story: Story::default(), columns: 0 }
    }

    /// What the events so far add up to.
    pub(crate) fn story(&self) -> &Story {
        &self.story
    }

    /// Takes the next event, and says what is to be told of it.
    pub(crate) fn text(&mut self, event: &Event) -> String {
        self.story.apply(event);
        if let EventKind::Plan { stages, .. } = &event.kind {
            self.measure(stages);
        }
        self.render(&self.lines(&event.kind))
    }

    fn lines(&self, kind: &EventKind) -> Vec<Line> {
        if let Some(end) = End::of(kind) {
            return verdict::lines(&self.story, end, usize::MAX);
        }
        let lines = match kind {
            EventKind::RunStarted { .. } => telling::header(&self.story, usize::MAX),
            EventKind::RunResumed { who, .. } => vec![telling::resumed(who)],
            EventKind::Cancelling { stage: None, .. } => vec![telling::cancelling()],
            EventKind::Plan { wall, .. } => telling::wall(wall),
            kind => self.stage_lines(kind),
        };
        if self.options.quiet && !is_bad(kind) { Vec::new() } else { lines }
    }

    fn stage_lines(&self, kind: &EventKind) -> Vec<Line> {
        let Some(stage) = kind.stage().map(str::to_owned).or_else(|| told_without_stage(kind)) else {
            return Vec::new();
        };
        let name = Line::of(Tone::Busy, &stage).fit(STAGE_COLUMNS_MAX).pad(self.columns).put(Tone::Dim, " | ");
        self.told(kind).into_iter().map(|line| name.clone().join(line)).collect()
    }

    fn told(&self, kind: &EventKind) -> Vec<Line> {
        match kind {
            EventKind::StageStarted { stage } => vec![self.heading(stage)],
            EventKind::StageFinished { stage, result, cause, duration_ms, .. } => {
                vec![stage_end(self.story.stage(stage), *result, cause.as_ref(), *duration_ms)]
            }
            EventKind::Skipped { stage, step, why } => vec![skipped(self.step_name(stage, step.as_deref()), why)],
            EventKind::Waiting { stage, step, waiting } => {
                let name = self.step_name(stage.as_deref().unwrap_or_default(), step.as_deref());
                vec![waits(name, waiting)]
            }
            EventKind::Service { name, state, detail, .. } => service(name, *state, detail.as_deref()),
            EventKind::Log { .. } | EventKind::Group { .. } | EventKind::Annotation { .. } => self.printed(kind),
            EventKind::StepStarted { .. } | EventKind::StepFinished { .. } => self.step_lines(kind),
            EventKind::Denied { .. } => telling::denial(&self.story, kind, usize::MAX),
            EventKind::Progress { .. }
            | EventKind::Output { .. }
            | EventKind::GrantUsed { .. }
            | EventKind::EffectIntent { .. }
            | EventKind::EffectDone { .. } => self.closely(kind),
            EventKind::EffectProbed { .. } | EventKind::StageRestarted { .. } => telling::resumption(kind),
            kind => telling::deployment(&self.story, kind),
        }
    }

    fn heading(&self, stage: &str) -> Line {
        match self.story.stage(stage).and_then(|stage| stage.title.as_deref()) {
            Some(title) => Line::of(Tone::Strong, title).put(Tone::Plain, " ").put(Tone::Strong, "started"),
            None => Line::of(Tone::Strong, "started"),
        }
    }

    fn step_name<'s>(&'s self, stage: &str, step: Option<&'s str>) -> Option<&'s str> {
        step.map(|id| self.story.step(stage, id).map_or(id, |own| own.name.as_str()))
    }

    /// What only those who asked for more are told.
    fn closely(&self, kind: &EventKind) -> Vec<Line> {
        let told = |step: &str, text: &str| {
            vec![Line::of(Tone::Dim, "· ").put(Tone::Dim, step).put(Tone::Plain, " ").put(Tone::Dim, text)]
        };
        match kind {
            _ if self.options.verbose == 0 => Vec::new(),
            EventKind::Progress { stage, step, .. } => {
                let progress = self.story.step(stage, step).and_then(|own| own.progress.as_deref());
                progress.map(|progress| told(step, progress)).unwrap_or_default()
            }
            EventKind::Output { step, name, value, .. } => told(step, &format!("output {name} = {value}")),
            EventKind::GrantUsed { step, capability, what, .. } => told(step, &format!("used {capability} {what}")),
            EventKind::EffectIntent { step, key, .. } => {
                told(step, &format!("is about to change something (key {key})"))
            }
            EventKind::EffectDone { step, applied: true, .. } => told(step, "changed it"),
            EventKind::EffectDone { step, .. } => told(step, "did not change it"),
            _ => Vec::new(),
        }
    }

    fn printed(&self, kind: &EventKind) -> Vec<Line> {
        match kind {
            EventKind::Log { level, text, .. } if self.is_told(*level) => vec![log(*level, &without_colours(text))],
            EventKind::Group { title: Some(title), .. } => vec![Line::of(Tone::Plain, "  ").put(Tone::Strong, title)],
            EventKind::Annotation { level, message, file, line, column, .. } => {
                let place = file.as_deref().map(|file| place_in(file, *line, *column));
                vec![telling::problem(*level, message, place.as_deref())]
            }
            _ => Vec::new(),
        }
    }

    fn is_told(&self, level: LogLevel) -> bool {
        let least = match self.options.verbose {
            0 => LogLevel::Info,
            1 => LogLevel::Debug,
            _ => LogLevel::Trace,
        };
        level >= least
    }

    fn step_lines(&self, kind: &EventKind) -> Vec<Line> {
        match kind {
            EventKind::StepStarted { name, plugin, attempt, .. } => {
                let again = (*attempt > 1).then(|| format!("attempt {attempt}"));
                let what: Vec<String> = (plugin != name).then(|| plugin.clone()).into_iter().chain(again).collect();
                let what = if what.is_empty() { String::new() } else { format!(" ({})", what.join(", ")) };
                vec![Line::of(Tone::Busy, "▸ ").put(Tone::Strong, name).put(Tone::Dim, &what)]
            }
            EventKind::StepFinished { stage, step, outcome, conclusion, duration_ms, .. } => {
                let Some(own) = self.story.step(stage, step) else {
                    return Vec::new();
                };
                let (symbol, tone, word) = telling::ending(*outcome, *conclusion);
                let line = Line::of(tone, symbol).put(Tone::Plain, " ").put(Tone::Strong, &own.name);
                let line = line.put(Tone::Plain, &format!(" {word} in {}", duration(*duration_ms)));
                let parts = own.figures.iter().map(|figure| Line::of(Tone::Plain, " · ").put(Tone::Plain, figure));
                let mut lines = vec![parts.fold(line, Line::join)];
                lines.extend(telling::why(own).into_iter().map(|line| line.indent(2)));
                lines
            }
            _ => Vec::new(),
        }
    }

    fn render(&self, lines: &[Line]) -> String {
        let mut text = String::new();
        for line in lines {
            line.render(self.options.colour, &mut text);
            text.push('\n');
        }
        text.replace(GITHUB_COMMAND, "## [")
    }

    fn measure(&mut self, stages: &[PlannedStage]) {
        let widest = stages.iter().map(|stage| width(&stage.stage)).max();
        self.columns = widest.unwrap_or(0).min(STAGE_COLUMNS_MAX);
    }
}

impl<W: Write + Send> Sink for Plain<W> {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn receive(&mut self, event: &Event) -> Result<(), SinkError> {
        let text = self.text(event);
        if !text.is_empty() {
            self.out.write_all(text.as_bytes())?;
            self.out.flush()?;
        }
        Ok(())
    }
}

/// What is told even when only failures are.
fn is_bad(kind: &EventKind) -> bool {
    match kind {
        EventKind::StepFinished { outcome, .. } => *outcome == Conclusion::Failure,
        EventKind::StageFinished { result, .. } => *result == Conclusion::Failure,
        EventKind::Annotation { level, .. } => *level >= LogLevel::Error,
        EventKind::Service { state, .. } => *state == ServiceState::Failed,
        EventKind::Denied { .. } | EventKind::RollbackStarted { .. } | EventKind::RollbackFinished { .. } => true,
        EventKind::RollbackStep { outcome, .. } => *outcome != Conclusion::Success,
        _ => false,
    }
}

fn told_without_stage(kind: &EventKind) -> Option<String> {
    matches!(kind, EventKind::Waiting { .. }).then(|| "run".to_owned())
}

/// The end of a stage, with its cause unless a step of it has told that.
fn stage_end(stage: Option<&Stage>, result: Conclusion, cause: Option<&Cause>, duration_ms: u64) -> Line {
    let (symbol, tone, word) = telling::ending(result, result);
    let line = Line::of(tone, symbol).put(Tone::Strong, &format!(" {word}"));
    let line = line.put(Tone::Plain, &format!(" in {}", duration(duration_ms)));
    match cause.filter(|cause| !stage.is_some_and(|stage| stage.tells(cause))) {
        Some(cause) => line.put(Tone::Plain, &format!(": {}: {}", cause.code, verdict::headline(&cause.message))),
        None => line,
    }
}

fn skipped(step: Option<&str>, why: &str) -> Line {
    let name = step.map(|step| format!("{step} ")).unwrap_or_default();
    Line::of(Tone::Dim, "– ").put(Tone::Strong, &name).put(Tone::Plain, &format!("skipped: {why}"))
}

fn waits(step: Option<&str>, waiting: &Waiting) -> Line {
    let name = step.map(|step| format!("{step} ")).unwrap_or_default();
    Line::of(Tone::Dim, "◦ ").put(Tone::Plain, &format!("{name}{}", telling::waits_for(waiting)))
}

fn service(name: &str, state: ServiceState, detail: Option<&str>) -> Vec<Line> {
    let (tone, word) = telling::service(state);
    let line = Line::of(Tone::Plain, "service ").put(Tone::Strong, name).put(Tone::Plain, " ").put(tone, word);
    let mut detail = detail.unwrap_or_default().lines();
    let first = detail.next().map(|first| format!(": {first}")).unwrap_or_default();
    let mut lines = vec![line.put(Tone::Plain, &first)];
    lines.extend(detail.map(|more| Line::of(Tone::Plain, "  ").put(Tone::Plain, more)));
    lines
}

fn log(level: LogLevel, text: &str) -> Line {
    let line = Line::of(Tone::Plain, "  ");
    match telling::level(level) {
        Some((tone, word)) => line.put(tone, word).put(Tone::Plain, ": ").put(Tone::Plain, text),
        None => line.put(Tone::Plain, text),
    }
}
