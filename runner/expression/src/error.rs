//! Why an expression could not be read or has no value.

use std::ops::Range;

/// Where in its life an expression went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Characters that make no word of the language.
    Lexing,
    /// Words in an order that makes no expression, or a template that is not closed.
    Parsing,
    /// A name that is no context of this place; the error's place is the name.
    UnknownContext,
    /// A name that is no function of this place; the error's place is the name.
    UnknownFunction,
    /// A value that a function cannot take.
    Evaluation,
    /// A bound of [`limits`](crate::limits) was passed.
    Limit,
}

/// What is wrong with an expression, and where.
///
/// The wording is GitHub's wherever GitHub has one, positions included: its `position N` counts
/// UTF-16 units from one within the expression, while [`at`](Self::at) counts bytes within the
/// whole text that was parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// Where in its life the expression went wrong.
    pub kind: ErrorKind,
    /// What was found.
    pub message: String,
    /// The bytes that are to blame, in the text that was parsed.
    pub at: Range<usize>,
}

impl ExpressionError {
    /// An error of `kind` at `at`.
    pub fn new(kind: ErrorKind, message: impl Into<String>, at: Range<usize>) -> Self {
        Self { kind, message: message.into(), at }
    }
}
