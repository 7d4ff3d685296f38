//! One problem of one file.

use crate::Span;

/// How bad a problem is. Errors make a command exit with 2, warnings do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file can be used; the author probably meant something else.
    Warning,
    /// The file cannot be used.
    Error,
}

impl Severity {
    /// The word that every format uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A second place that helps to understand the first, such as where a key stood before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub span: Span,
    /// What is there, in a few words.
    pub label: String,
}

/// One problem: what, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A code of [`crate::codes`], such as `E-KEY-UNKNOWN`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, in one sentence without a full stop.
    pub message: String,
    /// The place; `None` when the whole file is meant.
    pub span: Option<Span>,
    /// What the marked text is, shown below it.
    pub label: Option<String>,
    /// Other places that belong to the problem.
    pub notes: Vec<Note>,
    /// The next step: the line to write or the command to run.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error with `code` at `span`.
    pub fn error(code: &'static str, message: impl Into<String>, span: impl Into<Option<Span>>) -> Self {
        Self::new(Severity::Error, code, message.into(), span.into())
    }

    /// A warning with `code` at `span`.
    pub fn warning(code: &'static str, message: impl Into<String>, span: impl Into<Option<Span>>) -> Self {
        Self::new(Severity::Warning, code, message.into(), span.into())
    }

    fn new(severity: Severity, code: &'static str, message: String, span: Option<Span>) -> Self {
        Self { code, severity, message, span, label: None, notes: Vec::new(), help: None }
    }

    /// Says what the marked text is.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what to do next, when something is known.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn note(mut self, span: Span, label: impl Into<String>) -> Self {
        self.notes.push(Note { span, label: label.into() });
        self
    }

    /// Whether this problem makes the file unusable.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
