//! Annotations within what GitHub shows of them, and before a run can start: what is wrong with its files.
//!
//! # Invariants
//!
//! - Every problem is told once: as an annotation, as a row of the summary, or by the row that counts the rest.

use std::collections::HashMap;
use std::fmt::Write as _;

use sealock_diagnostics::Diagnostic;
use sealock_diagnostics::render::{self, Report};

use super::summary::cell;
use crate::plain::GITHUB_COMMAND;
use crate::words::count;

/// Annotations of each kind: GitHub shows ten of a kind for one of its steps, which is a whole run of ours, and a linter
/// can report thousands. The rest stands in the summary.
pub(super) const ANNOTATIONS_MAX: usize = 10;
/// Problems of one file that are listed in the summary; the rest is counted.
const ROWS_MAX: usize = 200;

/// How many annotations one of GitHub's steps has shown, by kind.
#[derive(Clone, Debug, Default)]
pub struct Annotations(HashMap<&'static str, usize>);

/// What is wrong with a file, as GitHub takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotated {
    /// Commands, for standard output.
    pub commands: String,
    /// Markdown for the step's summary; empty where every problem is an annotation.
    pub summary: String,
}

impl Annotations {
    /// Counts one more of this kind, of which `most` are shown; false when there is no room for it.
    pub(super) fn take(&mut self, word: &'static str, most: usize) -> bool {
        let shown = self.0.entry(word).or_default();
        let has_room = *shown < most;
        *shown += usize::from(has_room);
        has_room
    }

    /// Tells what is wrong with a file.
    pub fn tell(&mut self, report: Report<'_>) -> Annotated {
        let (shown, left_out): (Vec<Diagnostic>, Vec<Diagnostic>) = report
            .diagnostics
            .iter()
            .cloned()
            .partition(|diagnostic| self.take(diagnostic.severity.word(), ANNOTATIONS_MAX));
        let commands = render::github(&[Report { source: report.source, diagnostics: &shown }]);
        let summary = if left_out.is_empty() { String::new() } else { table(report, &left_out) };
        Annotated { commands: commands.replace(GITHUB_COMMAND, "## ["), summary }
    }
}

fn table(report: Report<'_>, left_out: &[Diagnostic]) -> String {
    let name = report.source.name();
    let mut out = format!("### {}: {}\n\n", cell(name), count(report.diagnostics.len(), "problem"));
    let _ = writeln!(out, "{} not shown as annotations:\n", count(left_out.len(), "problem"));
    out.push_str("| level | place | what |\n|---|---|---|\n");
    for own in left_out.iter().take(ROWS_MAX) {
        let line = own.span.map(|span| format!(":{}", report.source.position(span.start).line)).unwrap_or_default();
        let (place, message) = (cell(&format!("{name}{line}")), cell(&own.message));
        let _ = writeln!(out, "| {} | {place} | {message} |", own.severity.word());
    }
    if left_out.len() > ROWS_MAX {
        let _ = writeln!(out, "| and {} | | |", count(left_out.len() - ROWS_MAX, "more problem"));
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use sealock_diagnostics::{Source, Span};

    use super::*;

    fn told(annotations: &mut Annotations, many: usize) -> Annotated {
        let source = Source::new("a|b.yml", "x\ny\n");
        let problem = |number| Diagnostic::error("E-KEY-UNKNOWN", format!("<b> {number}"), Some(Span::new(2, 3)));
        let diagnostics: Vec<Diagnostic> = (0..many).map(problem).collect();
        annotations.tell(Report { source: &source, diagnostics: &diagnostics })
    }

    #[test]
    fn ten_of_a_kind_are_annotations_the_rest_is_listed_and_what_is_beyond_that_counted() {
        let mut annotations = Annotations::default();
        let first = told(&mut annotations, 9);
        assert_eq!((first.commands.lines().count(), first.summary.as_str()), (9, ""));
        let second = told(&mut annotations, 3);
        assert_eq!(second.commands.lines().count(), 1);
        let expected = "### a\\|b.yml: 3 problems\n\n2 problems not shown as annotations:\n\n| level | place | what |\n|---|---|---|\n\
                        | error | a\\|b.yml:2 | \\<b\\> 1 |\n| error | a\\|b.yml:2 | \\<b\\> 2 |\n\n";
        assert_eq!(second.summary, expected);
        let third = told(&mut annotations, 250);
        assert_eq!(third.commands, "");
        assert!(third.summary.ends_with("| and 50 more problems | | |\n\n"), "{}", third.summary);
    }

    #[test]
    fn a_message_that_holds_a_command_of_the_older_kind_is_none() {
        let source = Source::new("x.yml", "x\n");
        let found = Diagnostic::error("E-KEY-UNKNOWN", "##[add-path]/tmp", None);
        let told = Annotations::default().tell(Report { source: &source, diagnostics: &[found] });
        assert_eq!(told.commands, "::error file=x.yml,title=E-KEY-UNKNOWN::## [add-path]/tmp\n");
    }
}
