//! Expressions whose value must be known, and is not.

use std::ops::Range;

use sealock_diagnostics::{Diagnostic, Source, Span, near};
use sealock_expression::{Expression, PathPart, Reference, Template};

use crate::settled::Settled;

/// Contexts whose keys are all known before the run. An input without a value is told where it is declared.
const CLOSED: [&str; 2] = ["github", "vars"];

/// Finds readings of keys that nothing will ever fill.
pub(crate) struct Checker<'a> {
    pub(crate) known: &'a Settled,
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
        let object = self.known.get(&context)?;
        let keys: Vec<&str> = object.as_object()?.keys().map(String::as_str).collect();
        if keys.iter().any(|own| own.eq_ignore_ascii_case(key)) || (context == "github" && key == "event") {
            return None;
        }
        let near = near::nearest(key, keys.iter().copied()).map(|near| format!("there is `{context}.{near}`"));
        let (message, help) = match context.as_str() {
            "vars" => {
                let give = format!("give it with `--var {key}=…`");
                let help = near.map_or_else(|| give.clone(), |near| format!("{give}; {near}"));
                (format!("the variable `{key}` has no value"), Some(help))
            }
            _ => (format!("`{context}.{key}` is not known here"), near),
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
