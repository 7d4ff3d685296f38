//! When each stage ran, as a picture that GitHub draws: a Gantt chart of Mermaid.
//!
//! # Invariants
//!
//! - A name is written in letters, digits, and a few signs that mean nothing to Mermaid, after a sign of our own: it
//!   cannot end its line, the chart, or the fence, and cannot be read as a keyword.

use std::fmt::Write as _;

use sealock_events::Conclusion;

use crate::story::{Stage, StageState, Story};

/// Bars of a chart: a matrix can have thousands of cells, and Mermaid draws no text beyond 50,000 characters.
const BARS_MAX: usize = 60;
const NAME_CHARS_MAX: usize = 60;

/// The chart with its fence; nothing when no stage ran.
pub(super) fn chart(out: &mut String, story: &Story) {
    let ran: Vec<&Stage> = story.stages().filter(|stage| stage.started > 0).collect();
    if ran.is_empty() {
        return;
    }
    out.push_str("```mermaid\ngantt\n  dateFormat x\n  axisFormat %H:%M:%S\n");
    for stage in ran.iter().take(BARS_MAX) {
        let (sign, tag) = look(&stage.state);
        let end = stage.started.saturating_add_unsigned(stage.duration_ms.max(1));
        let _ = writeln!(out, "  {sign} {} :{tag}{}, {end}", name(stage.shown()), stage.started);
    }
    out.push_str("```\n\n");
}

fn look(state: &StageState) -> (char, &'static str) {
    match state {
        StageState::Finished(Conclusion::Success) => ('✓', "done, "),
        StageState::Finished(Conclusion::Failure | Conclusion::Cancelled) => ('✗', "crit, "),
        StageState::Finished(Conclusion::Skipped) | StageState::Skipped(_) => ('–', ""),
        StageState::Running | StageState::Waiting => ('…', "active, "),
    }
}

fn name(text: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || " -_.()".contains(c) { c } else { '_' };
    text.chars().take(NAME_CHARS_MAX).map(plain).collect()
}
