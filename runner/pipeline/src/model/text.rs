//! Text that may hold expressions.

use super::Spanned;

/// Text as it was written, and what its `${{ … }}` parse to.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    raw: String,
}

impl Text {
    /// The text as written, expressions and all; quotes and escapes of YAML are resolved.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The text, when there is no expression in it.
    pub fn literal(&self) -> Option<&str> {
        (!self.raw.contains("${{")).then_some(self.raw.as_str())
    }
}

/// What stands behind `if`: an expression, with or without `${{ }}` around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    raw: String,
}

impl Condition {
    /// The expression without the `${{ }}` around it.
    pub fn raw(&self) -> &str {
        &self.raw
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
