//! What the reader of a file has told, so that nothing that follows from it is told again.

use sealock_diagnostics::{Diagnostic, Span};

/// The places of the errors that are told already.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// By their start.
    spans: Vec<Span>,
    /// Whether lines were taken out of the file.
    is_torn: bool,
}

impl Told {
    pub(crate) fn new(diagnostics: &[Diagnostic], is_torn: bool) -> Self {
        let mut spans: Vec<Span> = diagnostics.iter().filter(|one| one.is_error()).filter_map(|one| one.span).collect();
        spans.sort_by_key(|span| span.start);
        Self { spans, is_torn }
    }

    /// How many errors stand inside `span`.
    pub(crate) fn count(&self, span: Span) -> usize {
        let before = |offset: usize| self.spans.partition_point(|told| told.start < offset);
        before(span.end.max(span.start + 1)).saturating_sub(before(span.start))
    }

    /// Whether what is missing in `span` may be missing because of an error.
    pub(crate) fn excuses(&self, span: Span) -> bool {
        self.is_torn || self.count(span) > 0
    }

    /// Whether `diagnostic` stands where an error was told.
    pub(crate) fn covers(&self, diagnostic: &Diagnostic) -> bool {
        let overlaps = |span: Span| self.spans.iter().any(|told| told.start <= span.end && span.start <= told.end);
        diagnostic.span.is_some_and(overlaps)
    }
}
