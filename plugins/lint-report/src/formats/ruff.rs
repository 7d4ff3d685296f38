//! The JSON that `ruff check --output-format json` writes: one list of findings.
//!
//! Each is an error unless its `severity` says otherwise; older versions do not write one.

use sealock_report::{Fault, Format, Report, Start};
use serde::{Deserialize, Deserializer};

use crate::findings::{Finding, Findings, Severity, Span};
use crate::json::{self, Each};

pub(super) struct Ruff;

impl Format<Findings> for Ruff {
    fn name(&self) -> &'static str {
        "ruff"
    }

    fn opening(&self) -> &'static str {
        "a list"
    }

    fn recognises(&self, start: &Start) -> bool {
        start.text().starts_with('[')
    }

    fn read(&self, report: &mut Report<'_>) -> Result<Findings, Fault> {
        let mut findings = Findings::default();
        json::read(report, Each::new("findings", |entry: Entry| count(&mut findings, &entry)))?;
        Ok(findings)
    }
}

/// A finding. What may be null still has to be there.
#[derive(Deserialize)]
#[serde(expecting = "a finding")]
struct Entry {
    code: Option<String>,
    #[serde(deserialize_with = "nullable")]
    filename: Option<String>,
    message: String,
    #[serde(deserialize_with = "nullable")]
    location: Option<Location>,
    end_location: Option<Location>,
    severity: Option<Level>,
}

#[derive(Deserialize)]
#[serde(expecting = "a row and a column")]
struct Location {
    row: u32,
    column: u32,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Fatal,
    Error,
    Warning,
    Info,
    Note,
    Help,
}

impl Level {
    fn severity(self) -> Severity {
        match self {
            Self::Fatal | Self::Error => Severity::Error,
            Self::Warning => Severity::Warning,
            Self::Info | Self::Note | Self::Help => Severity::Note,
        }
    }
}

/// Serde takes a missing `Option` for null; a field with a function of its own has to be there.
fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

fn count(findings: &mut Findings, entry: &Entry) {
    let severity = entry.severity.map_or(Severity::Error, Level::severity);
    findings.add_with(severity, || {
        let span = Span {
            line: entry.location.as_ref().map_or(1, |start| start.row),
            column: entry.location.as_ref().map(|start| start.column),
            end_line: entry.end_location.as_ref().map(|end| end.row),
            end_column: entry.end_location.as_ref().map(|end| end.column),
        };
        let (code, file) = (entry.code.as_deref(), entry.filename.as_deref());
        Finding::new(severity, code.unwrap_or_default(), &entry.message, file.unwrap_or_default(), span)
    });
}
