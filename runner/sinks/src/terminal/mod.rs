//! The run as a picture at the bottom of a terminal, with what is settled above it.
//!
//! Finished stages leave one line each above; what runs or waits is drawn below and drawn anew, at most
//! once a [frame](FRAME_MS). A failed step leaves the end of its log, its cause, and its place in the
//! pipeline. Without [live drawing](Drawing::Finished), as in a replay, only what is settled is written.
//!
//! # Invariants
//!
//! - Nothing above the picture is touched again; the picture is never higher than the screen and no
//!   line of it is wider, so that going up its lines always comes to its first.
//! - What is settled is whole: long messages are wrapped, never cut. What moves is cut instead.
//! - The cursor is never hidden: a runner that is killed leaves a usable terminal.

mod picture;
mod region;
mod settled;

use std::fmt;
use std::io::Write;

use sealock_events::{Conclusion, Event, EventKind, LogLevel, Sink, SinkError};

use crate::line::{Line, Tone, without_colours};
use crate::story::{Story, place_in};
use crate::verdict::{self, End};
use crate::{Options, telling};
use picture::Picture;
use region::Region;

/// The picture is drawn anew at most this often, and its spinner moves as fast.
const FRAME_MS: i64 = 80;
/// Narrower than this, lines are cut as if it were this wide.
const COLUMNS_MIN: usize = 20;
const ROWS_MIN: usize = 4;

/// How large a terminal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

impl Size {
    /// What a terminal is taken for that does not say.
    pub const USUAL: Self = Self { columns: 80, rows: 24 };
}

/// Whether what runs is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawing {
    /// It is, and drawn anew while it runs.
    Live,
    /// Only what is settled is written, and no cursor is moved: for replays and `--no-progress`.
    Finished,
}

/// The terminal that is written to, as far as a sink must know it.
pub struct Screen {
    /// Whether what runs is drawn.
    pub drawing: Drawing,
    /// Asked before each drawing, so that a resize is followed.
    pub size: Box<dyn Fn() -> Size + Send>,
    /// Unix milliseconds, for the elapsed time of what runs.
    pub clock: Box<dyn Fn() -> i64 + Send>,
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("drawing", &self.drawing).finish_non_exhaustive()
    }
}

/// Tells the run on a terminal.
#[derive(Debug)]
pub struct Terminal<W: Write> {
    out: W,
    options: Options,
    screen: Screen,
    story: Story,
    region: Region,
    /// Settled and not written yet.
    settled: Vec<Line>,
    /// Whether the picture shows less than the story.
    is_stale: bool,
    drawn_at: i64,
    is_over: bool,
}

impl<W: Write + Send> Terminal<W> {
    /// To `out`, which needs no buffer of its own. Nothing else may write to the same terminal while
    /// the run lasts.
    pub fn new(out: W, options: Options, screen: Screen) -> Self {
        Self {
            out,
            options,
            screen,
            story: Story::default(),
            region: Region::default(),
            settled: Vec::new(),
            is_stale: false,
            drawn_at: 0,
            is_over: false,
        }
    }
}

impl<W: Write> Terminal<W> {
    fn is_live(&self) -> bool {
        self.screen.drawing == Drawing::Live && !self.options.quiet
    }

    /// Columns and rows that may be written to. The last column stays free: terminals differ in what
    /// they do behind it.
    fn room(&self) -> (usize, usize) {
        let size = (self.screen.size)();
        let columns = usize::from(size.columns).saturating_sub(1).max(COLUMNS_MIN);
        (columns, usize::from(size.rows).saturating_sub(1).max(ROWS_MIN))
    }

    fn settle(&mut self, event: &Event) {
        let (columns, _) = self.room();
        if let Some(end) = End::of(&event.kind) {
            self.settled.push(Line::new());
            self.settled.extend(verdict::lines(&self.story, end, columns));
            self.is_over = true;
            return;
        }
        self.is_over = false;
        let lines = self.lines(&event.kind, columns);
        self.settled.extend(lines);
    }

    fn lines(&self, kind: &EventKind, columns: usize) -> Vec<Line> {
        let settled = settled::Settled { story: &self.story, verbose: self.options.verbose, columns };
        match kind {
            EventKind::Cancelling { stage: None, .. } => telling::cancelling().wrap(columns, 2),
            EventKind::Denied { .. } => {
                let mut lines = telling::denial(&self.story, kind, columns);
                let behind = (!lines.is_empty()).then(Line::new);
                lines.extend(behind);
                lines
            }
            EventKind::StageFinished { stage, result, .. } => {
                let is_told = !self.options.quiet || *result == Conclusion::Failure;
                self.story.stage(stage).filter(|_| is_told).map(|stage| settled.stage(stage)).unwrap_or_default()
            }
            EventKind::Annotation { stage, step, level, message, file, line, column, .. }
                if self.story.step(stage, step).is_none() =>
            {
                let place = file.as_deref().map(|file| place_in(file, *line, *column));
                let problem = telling::problem(*level, message, place.as_deref());
                Line::of(Tone::Strong, stage).put(Tone::Plain, "  ").join(problem).indent(2).wrap(columns, 4)
            }
            _ if self.options.quiet => Vec::new(),
            EventKind::RunStarted { .. } => telling::header(&self.story, columns),
            EventKind::RunResumed { who, .. } => telling::resumed(who).wrap(columns, 2),
            EventKind::EffectProbed { .. } | EventKind::StageRestarted { .. } => {
                telling::resumption(kind).into_iter().flat_map(|line| line.indent(2).wrap(columns, 4)).collect()
            }
            EventKind::Plan { wall, .. } => {
                let mut lines: Vec<Line> =
                    telling::wall(wall).into_iter().flat_map(|line| line.wrap(columns, 2)).collect();
                lines.push(Line::new());
                lines
            }
            EventKind::Skipped { stage, step: None, why } => {
                self.story.stage(stage).map(|stage| settled.skipped(stage, why)).unwrap_or_default()
            }
            EventKind::Log { stage, level, text, .. } if self.options.verbose > 1 && *level >= LogLevel::Trace => {
                let name = Line::of(Tone::Busy, stage).put(Tone::Dim, " | ");
                name.put(Tone::Plain, &without_colours(text)).wrap(columns, 4)
            }
            _ => Vec::new(),
        }
    }

    /// Writes what is settled, and below it the picture as it is at `now`.
    fn draw(&mut self, now: i64) -> Result<(), SinkError> {
        let (columns, rows) = self.room();
        let picture = if self.is_live() && !self.is_over {
            Picture { story: &self.story, columns, now }.lines(rows)
        } else {
            Vec::new()
        };
        let settled = std::mem::take(&mut self.settled);
        let text =
            self.region.replace(&settled, &picture, usize::from((self.screen.size)().columns), self.options.colour);
        (self.drawn_at, self.is_stale) = (now, false);
        if text.is_empty() {
            return Ok(());
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()?;
        Ok(())
    }
}

impl<W: Write + Send> Sink for Terminal<W> {
    fn name(&self) -> &'static str {
        "terminal"
    }

    fn receive(&mut self, event: &Event) -> Result<(), SinkError> {
        self.story.apply(event);
        self.settle(event);
        self.is_stale = true;
        let now = (self.screen.clock)();
        let is_due = now.saturating_sub(self.drawn_at) >= FRAME_MS || now < self.drawn_at;
        if is_due || self.is_over || !self.is_live() {
            return self.draw(now);
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), SinkError> {
        let now = (self.screen.clock)();
        let has_passed = now.saturating_sub(self.drawn_at) >= FRAME_MS || now < self.drawn_at;
        let moves = self.is_live() && !self.is_over && self.story.is_running();
        if has_passed && (self.is_stale || moves) {
            return self.draw(now);
        }
        Ok(())
    }
}

impl<W: Write> Drop for Terminal<W> {
    /// Takes the picture away, so that what the caller writes next stands by itself.
    fn drop(&mut self) {
        if !self.is_over {
            self.is_over = true;
            let _ = self.draw(self.drawn_at);
        }
    }
}
