//! Fails when too few lines are covered by tests.
//!
//! What counts is the lines themselves, each once, of all files together; rates and sums that a report states are not
//! read. A report in which nothing was measured fails, whatever the threshold.

pub mod coverage;
pub mod formats;
pub mod limits;
pub mod lines;
pub mod verdict;

#[cfg(test)]
mod tests;

use sealock_sdk::{Error, Inputs, Outcome, Outputs, Step, WorkspacePath, step};

use verdict::Verdict;

/// What the step is given.
#[derive(Inputs)]
pub struct CoverageGate {
    /// The report, in the workspace.
    report: WorkspacePath,
    /// The least share of lines that have to be covered, in percent.
    #[input(default = 80.0, range = 0.0..=100.0)]
    minimum: f64,
    /// The report's format; `auto` recognises it by its content.
    #[input(default = "auto", options = ["auto", "cobertura", "lcov"])]
    format: String,
}

/// What the step found.
#[derive(Clone, Debug, Outputs, PartialEq)]
pub struct Measured {
    /// Covered lines in percent, rounded down to two digits; not set when nothing was measured.
    pub coverage: Option<f64>,
    /// Lines that ran.
    pub covered: u64,
    /// Lines that could have run.
    pub valid: u64,
}

#[step(outputs = Measured)]
fn run(inputs: CoverageGate, step: &mut Step) -> Result<Outcome, Error> {
    let path = inputs.report.as_str();
    let coverage = sealock_report::read_file(&inputs.report, &inputs.format, formats::ALL)?;
    step.outputs(&coverage.measured())?;
    let verdict = Verdict::new(&coverage, path, inputs.minimum);
    for line in &verdict.lines {
        step.info(line);
    }
    step.summary(&verdict.summary)?;
    Ok(verdict.outcome)
}
