//! Judges a test run by its report.
//!
//! Counts come from the test cases themselves; what a report's summary says of them is compared and never believed. A
//! report that cannot be read whole is an error, never a pass.

pub mod formats;
pub mod limits;
pub mod tally;
pub mod verdict;

#[cfg(test)]
mod tests;

use sealock_sdk::{Annotation, Error, Inputs, Level, Outcome, Outputs, Step, WorkspacePath, step};

use tally::{Place, Tally};
use verdict::Verdict;

/// What the step is given.
#[derive(Inputs)]
pub struct TestReport {
    /// The report, in the workspace.
    report: WorkspacePath,
    /// The report's format; `auto` recognises it by its content.
    #[input(default = "auto", options = ["auto", "junit"])]
    format: String,
    /// What a report without a single test means.
    #[input(default = "fail", options = ["fail", "warn", "pass"])]
    empty: String,
}

/// What the step found.
#[derive(Clone, Debug, Outputs, PartialEq, Eq)]
pub struct Counted {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that ended by an error.
    pub errors: u64,
    /// Tests that were skipped.
    pub skipped: u64,
    /// All of them.
    pub total: u64,
    /// What the tests took together, in milliseconds.
    pub duration_ms: u64,
}

#[step(outputs = Counted)]
fn run(inputs: TestReport, step: &mut Step) -> Result<Outcome, Error> {
    let path = inputs.report.as_str();
    let tally = sealock_report::read_file(&inputs.report, &inputs.format, formats::ALL)?;
    step.outputs(&tally.counted())?;
    let verdict = Verdict::new(&tally, path, &inputs.empty);
    tell(step, &tally, &verdict)?;
    Ok(verdict.outcome)
}

fn tell(step: &mut Step, tally: &Tally, verdict: &Verdict) -> Result<(), Error> {
    for problem in tally.problems.kept().iter().take(limits::MAX_ANNOTATIONS) {
        let annotation = Annotation::new(Level::Error, problem.message.clone()).title(problem.title());
        step.annotate(&match &problem.place {
            Some(Place { file, line }) => annotation.at(file.clone(), *line),
            None => annotation,
        });
    }
    for warning in &verdict.warnings {
        step.warn(warning);
    }
    step.info(&verdict.line);
    step.summary(&verdict.summary)
}
