//! What linters found, counted; the words of the first of each severity are kept.

use sealock_report::{Bounded, first_lines, shorten, visible};

use crate::Counted;
use crate::limits::{MAX_ANNOTATIONS, MAX_FILE_CHARS, MAX_KEPT, MAX_MESSAGE_CHARS, MAX_NOTIFICATIONS, MAX_RULE_CHARS};

const MESSAGE_LINES: usize = 5;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The least.
    Note,
    /// In between.
    Warning,
    /// The worst.
    Error,
}

/// Where in a file, from 1; ends as the tool gives them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: Option<u32>,
    /// The line of the end.
    pub end_line: Option<u32>,
    /// The column of the end.
    pub end_column: Option<u32>,
}

/// A place in the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the report names it.
    pub file: String,
    /// Where in it.
    pub span: Span,
}

/// One finding, in words fit to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// The rule; may be empty.
    pub rule: String,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
}

impl Finding {
    /// A finding in the words of a report.
    pub fn new(severity: Severity, rule: &str, message: &str, file: &str, span: Span) -> Self {
        let file = shorten(visible(file).trim(), MAX_FILE_CHARS);
        Self {
            severity,
            rule: shorten(&visible(rule), MAX_RULE_CHARS),
            message: shorten(&first_lines(&visible(message), MESSAGE_LINES), MAX_MESSAGE_CHARS),
            place: (!file.is_empty()).then(|| Place { file, span: Span { line: span.line.max(1), ..span } }),
        }
    }
}

/// What linters found.
#[derive(Clone, Debug)]
pub struct Findings {
    errors: Bounded<Finding>,
    warnings: Bounded<Finding>,
    notes: Bounded<Finding>,
    /// How many were found and suppressed.
    pub suppressed: u64,
    /// Whether a tool said that it did not finish.
    pub is_incomplete: bool,
    /// What the tools said of themselves.
    pub notifications: Bounded<String>,
}

impl Default for Findings {
    fn default() -> Self {
        let kept = || Bounded::new(MAX_KEPT);
        Self {
            errors: kept(),
            warnings: kept(),
            notes: kept(),
            suppressed: 0,
            is_incomplete: false,
            notifications: Bounded::new(MAX_NOTIFICATIONS),
        }
    }
}

impl Findings {
    /// Counts one finding, and keeps what `make` makes of it while there is room.
    pub fn add_with(&mut self, severity: Severity, make: impl FnOnce() -> Finding) {
        match severity {
            Severity::Error => self.errors.push_with(make),
            Severity::Warning => self.warnings.push_with(make),
            Severity::Note => self.notes.push_with(make),
        }
    }

    /// How many there are of a severity.
    pub fn count(&self, severity: Severity) -> u64 {
        let of_severity = match severity {
            Severity::Error => &self.errors,
            Severity::Warning => &self.warnings,
            Severity::Note => &self.notes,
        };
        of_severity.kept().len() as u64 + of_severity.left_out()
    }

    /// The numbers as outputs.
    pub fn counted(&self) -> Counted {
        Counted {
            errors: self.count(Severity::Error),
            warnings: self.count(Severity::Warning),
            notes: self.count(Severity::Note),
        }
    }

    /// The most severe, in the order of the report.
    pub fn worst(&self) -> impl Iterator<Item = &Finding> {
        let all = self.errors.kept().iter().chain(self.warnings.kept()).chain(self.notes.kept());
        all.take(MAX_ANNOTATIONS)
    }
}
