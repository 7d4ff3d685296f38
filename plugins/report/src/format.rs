//! One format, and which of several a report has.

use crate::error::{Fault, ReportError};
use crate::report::{Report, Source};
use crate::start::Start;

/// The value of `format` that lets the content decide.
pub const AUTO: &str = "auto";

/// A format of reports that hold a `T`.
pub trait Format<T>: Sync {
    /// The value of the input `format` that means this one.
    fn name(&self) -> &'static str;

    /// What such a file starts with, for an error message.
    fn opening(&self) -> &'static str;

    /// Whether a file that starts like this is one.
    fn recognises(&self, start: &Start) -> bool;

    /// Reads a report from its start.
    ///
    /// # Errors
    ///
    /// The first fault: a report is read as a whole or not at all.
    fn read(&self, report: &mut Report<'_>) -> Result<T, Fault>;
}

/// Reads `source` in the format that `name` says, or that its content shows when `name` is [`AUTO`].
///
/// # Errors
///
/// A file that cannot be read, is of no known format, or breaks the rules of its own.
pub fn read<T>(source: &mut dyn Source, name: &str, formats: &[&dyn Format<T>]) -> Result<T, ReportError> {
    let (mut report, start) = Report::open(source).map_err(locate_without_report)?;
    let chosen = match name {
        AUTO => formats.iter().find(|format| format.recognises(&start)),
        name => formats.iter().find(|format| format.name() == name),
    };
    let format = chosen.ok_or_else(|| unknown(&start, formats))?;
    let reading = report.rewind().and_then(|()| format.read(&mut report));
    reading.map_err(|fault| report.locate(fault))
}

/// What is wrong with a file's first bytes is at its start.
fn locate_without_report(fault: Fault) -> ReportError {
    fault.into_error(None)
}

fn unknown<T>(start: &Start, formats: &[&dyn Format<T>]) -> ReportError {
    let known: Vec<String> = formats.iter().map(|format| format!("{} ({})", format.opening(), format.name())).collect();
    ReportError::Unknown { found: start.shown(), expected: known.join(" or ") }
}
