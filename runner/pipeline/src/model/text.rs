//! Text that may hold expressions.

use std::ops::Range;
use std::sync::Arc;

use sealock_diagnostics::Span;
use sealock_expression::{Expression, Template};

use super::Spanned;
use crate::yaml::Layout;

/// Text as it was written, and what its `${{ … }}` parse to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Text {
    raw: Arc<str>,
    written: Option<Arc<Written>>,
}

/// What a text with expressions has on top.
#[derive(Debug)]
struct Written {
    template: Template,
    layout: Layout,
}

impl Text {
    pub(crate) fn plain(raw: &str) -> Self {
        Self { raw: raw.into(), written: None }
    }

    pub(crate) fn with_template(raw: &str, template: Template, layout: Layout) -> Self {
        Self { raw: raw.into(), written: Some(Arc::new(Written { template, layout })) }
    }

    /// The text as written, expressions and all; quotes and escapes of YAML are resolved.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The text, when there is no expression in it.
    pub fn literal(&self) -> Option<&str> {
        self.written.is_none().then_some(&*self.raw)
    }

    /// The text and its expressions, when there is one.
    pub fn template(&self) -> Option<&Template> {
        self.written.as_ref().map(|written| &written.template)
    }

    /// Where `range` of the text stands in the file; `None` when there is no expression in it.
    ///
    /// What [`Template`] and its expressions call `at` are such ranges.
    pub fn place(&self, range: Range<usize>) -> Option<Span> {
        self.written.as_ref().map(|written| written.layout.locate(range))
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

/// What stands behind `if`: an expression, with or without `${{ }}` around it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Condition {
    raw: Arc<str>,
    expression: Arc<Expression>,
    layout: Layout,
}

impl Condition {
    pub(crate) fn new(raw: &str, expression: Expression, layout: Layout) -> Self {
        Self { raw: raw.into(), expression: Arc::new(expression), layout }
    }

    /// The text as written, with the `${{ }}` when it has them.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// What it says.
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// Where `range` of the text stands in the file; what [`Expression`] calls `at` are such ranges.
    pub fn place(&self, range: Range<usize>) -> Span {
        self.layout.locate(range)
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

/// A value that is read now, or an expression that makes it when the run is planned.
///
/// What the expression gives is read with the same `FromStr` as a value that stands in the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Late<T> {
    /// Known from the file alone.
    Known(T),
    /// Written with `${{ … }}`.
    Written(Text),
}

impl<T> Late<T> {
    /// The value, when it is known from the file alone.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Written(_) => None,
        }
    }
}

/// Environment variables.
pub type Env = super::Entries<Spanned<Text>>;
