//! Texts of the file, and values that an expression in it may give: checked for what is known, settled where they have to be.

use std::str::FromStr;

use sealock_diagnostics::{Diagnostic, Span};
use sealock_pipeline::{Late, Spanned};

use crate::check::Checker;
use crate::evaluate;
use crate::frozen::{LateFlag, WithValue};
use crate::planner::Planner;
use crate::request::Unset;

impl Planner<'_> {
    pub(crate) fn check_text(&mut self, written: &str, span: Span) {
        if let Some(mut checker) = self.checker() {
            checker.text(written, span);
        }
    }

    pub(crate) fn check_condition(&mut self, written: &str, span: Span) {
        if let Some(mut checker) = self.checker() {
            checker.condition(written, span);
        }
    }

    /// What tells of values that are missing, when their absence is a mistake.
    fn checker(&mut self) -> Option<Checker<'_>> {
        let checker = Checker { known: &self.known, source: self.request.source, diagnostics: &mut self.diagnostics };
        (self.request.unset == Unset::Missing).then_some(checker)
    }

    /// A text that must be known before the run; `None` when it is not, and that is told.
    pub(crate) fn settle(&mut self, written: &str, span: Span) -> Option<String> {
        self.check_text(written, span);
        if self.rests_on_unset(written) {
            return None;
        }
        match evaluate::text(written, &self.known) {
            Ok(text) => Some(text),
            Err(error) => {
                let place = self.check_place(written, span, &error);
                self.report(
                    Diagnostic::error("E-EXPR-EVALUATION", error.to_string(), place).label("not known before the run"),
                );
                None
            }
        }
    }

    pub(crate) fn check_place(&self, written: &str, span: Span, error: &sealock_expression::ExpressionError) -> Span {
        crate::check::place(self.request.source, written, span, error.at.clone())
    }

    /// A value that the file gives or an expression makes.
    pub(crate) fn late<T: Copy + FromStr>(&mut self, late: &Spanned<Late<T>>, expected: &str) -> Option<T> {
        match &late.value {
            Late::Known(value) => Some(*value),
            Late::Written(text) => self.read(text.raw(), late.span, expected),
        }
    }

    pub(crate) fn flag(&mut self, late: &Late<bool>, span: Span) -> LateFlag {
        match late {
            Late::Known(flag) => LateFlag::Known(*flag),
            Late::Written(text) if self.is_late(&WithValue::text(text.raw())) => {
                self.check_text(text.raw(), span);
                LateFlag::Written(text.raw().to_owned())
            }
            Late::Written(text) => {
                let settled = self.read(text.raw(), span, "`true` or `false`");
                settled.map_or_else(|| LateFlag::Written(text.raw().to_owned()), LateFlag::Known)
            }
        }
    }

    fn read<T: FromStr>(&mut self, written: &str, span: Span, expected: &str) -> Option<T> {
        let settled = self.settle(written, span)?;
        let parsed = settled.parse().ok();
        if parsed.is_none() {
            let message = format!("expected {expected}, found `{settled}`");
            self.report(Diagnostic::error("E-INPUT-TYPE", message, span));
        }
        parsed
    }

    pub(crate) fn written(&mut self, text: &Spanned<sealock_pipeline::Text>) -> String {
        self.check_text(text.value.raw(), text.span);
        text.value.raw().to_owned()
    }

    pub(crate) fn condition(&mut self, condition: &Spanned<sealock_pipeline::Condition>) -> String {
        self.check_condition(condition.value.raw(), condition.span);
        condition.value.raw().to_owned()
    }
}
