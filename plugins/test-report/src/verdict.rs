//! What a tally means: passed or not, and in which words.

use std::fmt::Write as _;

use sealock_report::{escape_markdown, shorten};
use sealock_sdk::Outcome;

use crate::tally::{Counts, Ending, Problem, Tally};

/// Tests that a failure names.
const NAMED: usize = 3;
const MAX_TITLE_CHARS: usize = 120;
/// Failures of a summary that are told in full.
const DETAILED: usize = 20;

/// Passed or not, and in which words.
#[derive(Debug)]
pub struct Verdict {
    /// How the step ends.
    pub outcome: Outcome,
    /// The whole in one line.
    pub line: String,
    /// What does not fail the step and should be seen.
    pub warnings: Vec<String>,
    /// Markdown, failures first.
    pub summary: String,
}

impl Verdict {
    /// Judges what was read from `path`; `empty` is the input of that name.
    pub fn new(tally: &Tally, path: &str, empty: &str) -> Self {
        let line = line(tally);
        Self {
            outcome: outcome(tally, path, empty),
            warnings: warnings(tally, path, empty),
            summary: summary(tally, path, &line),
            line,
        }
    }
}

fn outcome(tally: &Tally, path: &str, empty: &str) -> Outcome {
    let counts = &tally.counts;
    if counts.total() == 0 && empty == "fail" {
        return Outcome::failed(format!(
            "found no tests in {path}, expected at least one (`empty: warn` or `empty: pass` allows it)"
        ));
    }
    Outcome::require(counts.bad() == 0, || failure(tally))
}

fn failure(tally: &Tally) -> String {
    let counts = &tally.counts;
    let kinds = match (counts.failed, counts.errors) {
        (failed, 0) => format!("{failed} failed"),
        (0, errors) => format!("{errors} ended by an error"),
        (failed, errors) => format!("{failed} failed and {errors} ended by an error"),
    };
    let titles = tally.problems.kept().iter().take(NAMED);
    let named: Vec<String> = titles.map(|problem| shorten(&problem.title(), MAX_TITLE_CHARS)).collect();
    let rest = counts.bad().saturating_sub(named.len() as u64);
    let more = if rest > 0 { format!(", and {rest} more") } else { String::new() };
    format!("of {} {kinds}: {}{more}", tests(counts.total()), named.join(", "))
}

fn tests(count: u64) -> String {
    if count == 1 { "1 test".to_owned() } else { format!("{count} tests") }
}

fn line(tally: &Tally) -> String {
    let Counts { passed, skipped, failed, errors } = tally.counts;
    let numbers = [(passed, "passed"), (failed, "failed"), (errors, "ended by an error"), (skipped, "skipped")];
    let told: Vec<String> =
        numbers.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let total = tests(tally.counts.total());
    let seconds = tally.duration.as_secs_f64();
    if told.is_empty() { total } else { format!("{total}: {} ({seconds:.2} s)", told.join(", ")) }
}

fn warnings(tally: &Tally, path: &str, empty: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    let counts = &tally.counts;
    if counts.total() == 0 && empty == "warn" {
        warnings.push(format!("found no tests in {path}"));
    }
    if counts.total() > 0 && counts.skipped == counts.total() {
        warnings.push(format!("all of {path} was skipped: {}", tests(counts.total())));
    }
    if let Some(disagreement) = disagreement(tally) {
        warnings.push(format!("{path}: {disagreement}"));
    }
    warnings
}

fn disagreement(tally: &Tally) -> Option<String> {
    let kept = tally.disagreements.kept();
    let more = match tally.disagreements.left_out() {
        0 => String::new(),
        left_out => format!(", and so do {left_out} more suites"),
    };
    let all = kept.join(", ");
    (!kept.is_empty()).then(|| format!("attributes disagree with the test cases, which are what counts: {all}{more}"))
}

fn summary(tally: &Tally, path: &str, line: &str) -> String {
    let mut text = format!("### Tests: {}\n\n{line}\n", escape_markdown(path));
    for problem in tally.problems.kept().iter().take(DETAILED) {
        append(&mut text, problem);
    }
    let told = tally.problems.kept().len().min(DETAILED) as u64;
    let rest = tally.counts.bad().saturating_sub(told);
    if rest > 0 {
        let _ = write!(text, "\n… and {rest} more\n");
    }
    if let Some(disagreement) = disagreement(tally) {
        let _ = write!(text, "\n⚠ {}\n", escape_markdown(&disagreement));
    }
    text
}

fn append(text: &mut String, problem: &Problem) {
    let kind = if problem.ending == Ending::Errored { "error" } else { "failed" };
    let place = problem.place.as_ref().map(|place| format!(" ({}:{})", place.file, place.line)).unwrap_or_default();
    let _ = write!(text, "\n- **{}** {kind}{}\n\n", escape_markdown(&problem.title()), escape_markdown(&place));
    // Four spaces more than the list: no text can end the block.
    let told = if problem.detail.is_empty() { &problem.message } else { &problem.detail };
    for line in told.lines() {
        let _ = writeln!(text, "      {line}");
    }
}
