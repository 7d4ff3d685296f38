//! Expressions whose value must be known, and is not.

use std::ops::Range;

use sealock_diagnostics::{Diagnostic, Source, Span, near};
use sealock_expression::{Expression, PathPart, Reference, Template};

use crate::evaluate::{Known, Maps};

/// Contexts whose keys are all known before the run.
const CLOSED: [&str; 3] = ["github", "vars", "inputs"];

/// Finds readings of keys that nothing will ever fill.
pub(crate) struct Checker<'a> {
    pub(crate) known: &'a Maps,
    pub(crate) source: &'a Source,
    pub(crate) diagnostics: &'a mut Vec<Diagnostic>,
}

impl Checker<'_> {
    pub(crate) fn text(&mut self, written: &str, span: Span) {
        if let Ok(template) = Template::parse(written) {
            for expression in template.expressions() {
                self.expression(expression, written, span);
            }
        }
    }

    pub(crate) fn condition(&mut self, written: &str, span: Span) {
        if let Ok(expression) = Expression::parse_condition(written) {
            self.expression(&expression, written, span);
        }
    }

    fn expression(&mut self, expression: &Expression, written: &str, span: Span) {
        for reference in expression.references() {
            if let Some(diagnostic) = self.reference(&reference, written, span) {
                self.diagnostics.push(diagnostic);
            }
        }
    }

    fn reference(&self, reference: &Reference, written: &str, span: Span) -> Option<Diagnostic> {
        let context = reference.context.to_ascii_lowercase();
        if !CLOSED.contains(&context.as_str()) {
            return None;
        }
        let Some(PathPart::Key(key)) = reference.path.first() else {
            return None;
        };
        let object = self.known.json(&context)?;
        let keys: Vec<&str> = object.as_object()?.keys().map(String::as_str).collect();
        if keys.iter().any(|own| own.eq_ignore_ascii_case(key)) || (context == "github" && key == "event") {
            return None;
        }
        let message = format!("`{context}.{key}` is not known here");
        let help = match near::nearest(key, keys.iter().copied()) {
            Some(near) => Some(format!("there is `{context}.{near}`")),
            None if context == "vars" => Some("variables are given with `--var NAME=value`".to_owned()),
            None => None,
        };
        let place = place(self.source, written, span, reference.at.clone());
        Some(Diagnostic::error("E-EXPR-UNKNOWN", message, place).label("has no value").maybe_help(help))
    }
}

/// Where `at`, a range of `written`, stands in the file: exact where the text stands as it is, else the
/// whole value.
pub(crate) fn place(source: &Source, written: &str, span: Span, at: Range<usize>) -> Span {
    let raw = source.text().get(span.start..span.end).unwrap_or_default();
    match raw.find(written) {
        Some(offset) => span.within(offset + at.start..offset + at.end),
        None => span,
    }
}
