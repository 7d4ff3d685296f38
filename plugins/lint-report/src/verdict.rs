//! What findings mean: too much or not, and in which words.

use std::fmt::Write as _;

use sealock_report::escape_markdown;
use sealock_sdk::Outcome;

use crate::findings::{Finding, Findings, Severity};

/// Findings that the summary tells.
const LISTED: usize = 20;

/// Too much or not, and in which words.
#[derive(Debug)]
pub struct Verdict {
    /// How the step ends.
    pub outcome: Outcome,
    /// The whole in one line.
    pub line: String,
    /// What the tools said of themselves.
    pub warnings: Vec<String>,
    /// Markdown, the most severe first.
    pub summary: String,
}

impl Verdict {
    /// Judges what was read from `path`; `fail_on` is the input of that name.
    pub fn new(findings: &Findings, path: &str, fail_on: &str) -> Self {
        let line = line(findings);
        let told = findings.notifications.kept().iter();
        Self {
            outcome: outcome(findings, path, fail_on),
            warnings: told.map(|said| format!("{path}: the tool said: {said}")).collect(),
            summary: summary(findings, path, &line),
            line,
        }
    }
}

fn outcome(findings: &Findings, path: &str, fail_on: &str) -> Outcome {
    if findings.is_incomplete {
        let said = findings.notifications.kept().first().map(|said| format!(": {said}")).unwrap_or_default();
        return Outcome::failed(format!(
            "{path}: the tool did not finish (`executionSuccessful` is false){said}; found until then: {}",
            line(findings)
        ));
    }
    let bad = counted(findings, fail_on);
    let total: u64 = bad.iter().map(|(_, count)| count).sum();
    Outcome::require(total == 0, || format!("found {}, expected none (`fail-on: {fail_on}`)", told(&bad)))
}

/// What fails the step at `fail_on`, the most severe first.
fn counted(findings: &Findings, fail_on: &str) -> Vec<(Severity, u64)> {
    let all = [Severity::Error, Severity::Warning, Severity::Note];
    let least = match fail_on {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        "note" => Severity::Note,
        _ => return Vec::new(),
    };
    all.into_iter().filter(|severity| *severity >= least).map(|severity| (severity, findings.count(severity))).collect()
}

/// `2 errors, 1 warning`.
fn told(counts: &[(Severity, u64)]) -> String {
    let shown = counts.iter().filter(|(_, count)| *count > 0).map(|(severity, count)| {
        let plural = if *count == 1 { "" } else { "s" };
        format!("{count} {}{plural}", word(*severity))
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn line(findings: &Findings) -> String {
    let all = told(&counted(findings, "note"));
    let all = if all.is_empty() { "nothing found".to_owned() } else { all };
    if findings.suppressed == 0 { all } else { format!("{all} ({} suppressed)", findings.suppressed) }
}

fn summary(findings: &Findings, path: &str, line: &str) -> String {
    let mut text = format!("### Lint: {}\n\n{line}\n\n", escape_markdown(path));
    if findings.is_incomplete {
        text.push_str("The tool did not finish: what it did not look at is not in here.\n\n");
    }
    for said in findings.notifications.kept() {
        let _ = writeln!(text, "- the tool said: {}", escape_markdown(said));
    }
    findings.worst().take(LISTED).for_each(|finding| append(&mut text, finding));
    let all: u64 = counted(findings, "note").iter().map(|(_, count)| count).sum();
    let rest = all.saturating_sub(LISTED as u64);
    if rest > 0 {
        let _ = writeln!(text, "- … and {rest} more");
    }
    text
}

fn append(text: &mut String, finding: &Finding) {
    let place = finding.place.as_ref().map(|place| format!("{}:{} ", place.file, place.span.line)).unwrap_or_default();
    let rule = if finding.rule.is_empty() { String::new() } else { format!(" ({})", finding.rule) };
    let told = escape_markdown(&format!("{place}{}{rule}", finding.message));
    let _ = writeln!(text, "- **{}** {told}", word(finding.severity));
}
