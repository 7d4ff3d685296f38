//! Shows what linters found, and fails when it is too much.
//!
//! Findings count at the level that their format's definition gives them, suppressed ones not at all. A tool that says
//! of itself that it did not finish fails the step whatever it found: what it did not look at is not clean.

pub mod findings;
pub mod formats;
mod json;
pub mod limits;
pub mod verdict;

#[cfg(test)]
mod tests;

use sealock_sdk::{Annotation, Error, Inputs, Level, Outcome, Outputs, Step, WorkspacePath, step};

use findings::{Finding, Severity};
use verdict::Verdict;

/// What the step is given.
#[derive(Inputs)]
pub struct LintReport {
    /// The report, in the workspace.
    report: WorkspacePath,
    /// The report's format; `auto` recognises it by its content.
    #[input(default = "auto", options = ["auto", "sarif", "ruff"])]
    format: String,
    /// The least severe findings that fail the step.
    #[input(default = "error", options = ["error", "warning", "note", "never"])]
    fail_on: String,
}

/// What the step found.
#[derive(Clone, Debug, Outputs, PartialEq, Eq)]
pub struct Counted {
    /// Errors.
    pub errors: u64,
    /// Warnings.
    pub warnings: u64,
    /// Notes.
    pub notes: u64,
}

#[step(outputs = Counted)]
fn run(inputs: LintReport, step: &mut Step) -> Result<Outcome, Error> {
    let path = inputs.report.as_str();
    let findings = sealock_report::read_file(&inputs.report, &inputs.format, formats::ALL)?;
    step.outputs(&findings.counted())?;
    let verdict = Verdict::new(&findings, path, &inputs.fail_on);
    for finding in findings.worst() {
        step.annotate(&annotation(finding));
    }
    for warning in &verdict.warnings {
        step.warn(warning);
    }
    step.info(&verdict.line);
    step.summary(&verdict.summary)?;
    Ok(verdict.outcome)
}

fn annotation(finding: &Finding) -> Annotation {
    let level = match finding.severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warning,
        Severity::Note => Level::Notice,
    };
    let annotation = Annotation::new(level, finding.message.clone());
    let annotation = if finding.rule.is_empty() { annotation } else { annotation.title(finding.rule.clone()) };
    match &finding.place {
        Some(place) => {
            let span = place.span;
            annotation.at(place.file.clone(), span.line).span(span.column, span.end_line, span.end_column)
        }
        None => annotation,
    }
}
