//! Lines, for where there is no terminal.
//!
//! Each line says which stage it belongs to, in front; what a step printed is indented, so that no step
//! can print a line that looks like ours. Nothing is ever overwritten, and each event is written and
//! flushed at once: the first byte leaves with the first event.

use std::io::Write;

use sealock_events::{
    Cause, Conclusion, Event, EventKind, LogLevel, PlannedStage, ServiceState, Sink, SinkError, Waiting, Wall,
};

use crate::line::{Line, Tone, width, without_colours};
use crate::story::{Story, place, place_in};
use crate::verdict::{self, End};
use crate::words::duration;
use crate::{Options, telling};

/// Stage names are filled up to this, so that what they say stands below each other.
const STAGE_COLUMNS_MAX: usize = 20;

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

    fn lines(&self, kind: &EventKind) -> Vec<Line> {
        if let Some(end) = End::of(kind) {
            return verdict::lines(&self.story, end, usize::MAX);
        }
        let lines = match kind {
            EventKind::RunStarted { .. } => vec![telling::header(&self.story)],
            EventKind::Plan { wall, .. } => plan(wall),
            kind => self.stage_lines(kind),
        };
        if self.options.quiet && !is_bad(kind) { Vec::new() } else { lines }
    }

    fn stage_lines(&self, kind: &EventKind) -> Vec<Line> {
        let Some(stage) = kind.stage().map(str::to_owned).or_else(|| told_without_stage(kind)) else {
            return Vec::new();
        };
        let name = Line::of(Tone::Busy, &stage).pad(self.columns).put(Tone::Dim, " | ");
        self.told(kind).into_iter().map(|line| name.clone().join(line)).collect()
    }

    fn told(&self, kind: &EventKind) -> Vec<Line> {
        match kind {
            EventKind::StageStarted { .. } => vec![Line::of(Tone::Strong, "started")],
            EventKind::StageFinished { result, cause, duration_ms, .. } => {
                stage_end(*result, cause.as_ref(), *duration_ms)
            }
            EventKind::Skipped { step, why, .. } => vec![skipped(step.as_deref(), why)],
            EventKind::Waiting { step, waiting, .. } => vec![waits(step.as_deref(), waiting)],
            EventKind::Service { name, state, detail, .. } => service(name, *state, detail.as_deref()),
            EventKind::Log { .. } | EventKind::Group { .. } | EventKind::Annotation { .. } => self.printed(kind),
            EventKind::StepStarted { .. } | EventKind::StepFinished { .. } => self.step_lines(kind),
            EventKind::Denied { stage, step, message, help, .. } => {
                let own = self.story.step(stage, step);
                telling::denial(stage, step, own, message, help.as_deref())
            }
            EventKind::Progress { .. }
            | EventKind::Output { .. }
            | EventKind::GrantUsed { .. }
            | EventKind::EffectIntent { .. }
            | EventKind::EffectDone { .. } => self.closely(kind),
            kind => telling::deployment(kind),
        }
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
                let again = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
                let line = Line::of(Tone::Busy, "▸ ").put(Tone::Strong, name);
                vec![line.put(Tone::Dim, &format!(" ({plugin}{again})"))]
            }
            EventKind::StepFinished { stage, step, outcome, conclusion, cause, duration_ms, .. } => {
                let own = self.story.step(stage, step);
                let name = own.map_or(step.as_str(), |own| own.name.as_str());
                let figures = own.map(|own| own.figures.join(" · ")).unwrap_or_default();
                let (symbol, tone, word) = telling::ending(*outcome, *conclusion);
                let line = Line::of(tone, symbol).put(Tone::Plain, " ").put(Tone::Strong, name);
                let line = line.put(Tone::Plain, &format!(" {word} in {}", duration(*duration_ms)));
                let figures = if figures.is_empty() { figures } else { format!(" · {figures}") };
                let mut lines = vec![line.put(Tone::Plain, &figures)];
                lines.extend(cause.iter().flat_map(|cause| verdict::cause(cause, true)).map(indented));
                let at = own.and_then(|own| own.at.as_ref()).filter(|_| *outcome == Conclusion::Failure);
                lines.extend(at.map(|at| indented(Line::of(Tone::Dim, "at ").put(Tone::Plain, &place(at)))));
                lines
            }
            _ => Vec::new(),
        }
    }

    fn write(&mut self, lines: &[Line]) -> Result<(), SinkError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut text = String::new();
        for line in lines {
            line.render(self.options.colour, &mut text);
            text.push('\n');
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()?;
        Ok(())
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
        self.story.apply(event);
        if let EventKind::Plan { stages, .. } = &event.kind {
            self.measure(stages);
        }
        let lines = self.lines(&event.kind);
        self.write(&lines)
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

fn plan(wall: &Wall) -> Vec<Line> {
    let made_of = if wall.made_of.is_empty() { String::new() } else { format!(" ({})", wall.made_of.join(", ")) };
    let mut lines = vec![Line::of(Tone::Dim, &format!("wall: tier {}{made_of}", wall.tier))];
    if wall.unconfined_network {
        lines.push(Line::of(Tone::Warn, "warning: --unconfined-network: native commands reach the whole network"));
    }
    lines
}

fn stage_end(result: Conclusion, cause: Option<&Cause>, duration_ms: u64) -> Vec<Line> {
    let (symbol, tone, word) = telling::ending(result, result);
    let line = Line::of(tone, symbol).put(Tone::Strong, &format!(" {word}"));
    let line = line.put(Tone::Plain, &format!(" in {}", duration(duration_ms)));
    let why = cause.map(|cause| format!(": {}", verdict::headline(&cause.message))).unwrap_or_default();
    vec![line.put(Tone::Plain, &why)]
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

fn indented(line: Line) -> Line {
    Line::of(Tone::Plain, "  ").join(line)
}
