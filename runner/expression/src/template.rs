//! Text with expressions in it.
//!
//! `${{` opens an expression and the next `}}` outside a string literal closes it. There is no way
//! to write `${{` as text but `${{ '${{' }}`. What an expression gives is never read again.

use std::ops::Range;
use std::sync::Arc;

use crate::budget::Budget;
use crate::error::{ErrorKind, ExpressionError};
use crate::evaluate::Contexts;
use crate::expression::Expression;
use crate::limits::TEMPLATE_TEXT_BYTES;
use crate::scope::Scope;
use crate::secret::SecretUse;
use crate::value::Value;

const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// Text with expressions in it.
#[derive(Clone, Debug)]
pub struct Template {
    segments: Vec<Segment>,
}

/// A part of a template. Places are bytes of the template's text.
#[derive(Clone, Debug)]
pub enum Segment {
    /// Text that stands for itself.
    Text {
        /// The text.
        text: String,
        /// Where it stands.
        at: Range<usize>,
    },
    /// `${{ … }}`
    Expression {
        /// What stands between the delimiters.
        expression: Expression,
        /// Where it stands, delimiters included.
        at: Range<usize>,
    },
}

/// A part of a value that is a secret. Who puts it together knows the secrets; who has the parts does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Known text.
    Text(String),
    /// The secret of this name, as it is written.
    Secret(String),
}

impl Template {
    /// Reads `text` with the names of a pipeline.
    ///
    /// # Errors
    ///
    /// An expression is not closed, is empty, holds another `${{`, or is wrong in itself.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        Self::parse_in(text, &Scope::pipeline())
    }

    /// Reads `text` with the names of `scope`.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_in(text: &str, scope: &Scope) -> Result<Self, ExpressionError> {
        let mut segments = Vec::new();
        let mut from = 0;
        while let Some(open) = text[from..].find(OPEN).map(|place| from + place) {
            push_text(&mut segments, text, from..open);
            let end = end_of(text, open)?;
            let expression = parse_within(text, open + OPEN.len()..end - CLOSE.len(), scope)?;
            segments.push(Segment::Expression { expression, at: open..end });
            from = end;
        }
        push_text(&mut segments, text, from..text.len());
        Ok(Self { segments })
    }

    /// The parts, in order; text is never empty and never stands next to text.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The expressions, in order.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Expression { expression, .. } => Some(expression),
            Segment::Text { .. } => None,
        })
    }

    /// Whether there is no expression in it.
    pub fn is_literal(&self) -> bool {
        self.literal().is_some()
    }

    /// The text, if there is no expression in it.
    pub fn literal(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [] => Some(""),
            [Segment::Text { text, .. }] => Some(text),
            _ => None,
        }
    }

    /// Every naming of secrets, in the order of writing.
    pub fn secret_uses(&self) -> Vec<SecretUse> {
        self.expressions().flat_map(Expression::secret_uses).collect()
    }

    /// The value: that of its expression if there is nothing else, and else text.
    ///
    /// # Errors
    ///
    /// An expression has no value, or a limit was passed.
    pub fn evaluate(&self, contexts: &(impl Contexts + ?Sized)) -> Result<Value, ExpressionError> {
        let mut budget = Budget::default();
        if let [Segment::Expression { expression, .. }] = self.segments.as_slice() {
            return expression.evaluate_within(contexts, &mut budget);
        }
        let mut whole = String::new();
        for segment in &self.segments {
            push_within_limit(&mut whole, &segment.text(contexts, &mut budget)?, segment.at())?;
        }
        Ok(Value::string(whole))
    }

    /// The pieces of a value that holds secrets, without their values.
    ///
    /// # Errors
    ///
    /// A secret is named other than as a whole `${{ secrets.X }}`, an expression has no value, or a
    /// limit was passed.
    pub fn evaluate_secret(&self, contexts: &(impl Contexts + ?Sized)) -> Result<Vec<Piece>, ExpressionError> {
        if let Some(unlawful) = self.secret_uses().into_iter().find(|named| !named.is_lawful()) {
            let message = "A secret stands only by itself, as in `${{ secrets.NAME }}`";
            return Err(ExpressionError::new(ErrorKind::Evaluation, message, unlawful.at));
        }
        let mut budget = Budget::default();
        let mut pieces = Vec::new();
        for segment in &self.segments {
            match segment.secret() {
                Some(name) => pieces.push(Piece::Secret(name)),
                None => push_piece(&mut pieces, &segment.text(contexts, &mut budget)?, segment.at())?,
            }
        }
        Ok(pieces)
    }
}

impl Segment {
    /// Where it stands in the template's text.
    pub fn at(&self) -> Range<usize> {
        match self {
            Self::Text { at, .. } | Self::Expression { at, .. } => at.clone(),
        }
    }

    fn text(&self, contexts: &(impl Contexts + ?Sized), budget: &mut Budget) -> Result<Arc<str>, ExpressionError> {
        match self {
            Self::Text { text, .. } => Ok(text.as_str().into()),
            Self::Expression { expression, .. } => {
                expression.evaluate_within(contexts, budget).map(|value| value.to_text())
            }
        }
    }

    fn secret(&self) -> Option<String> {
        match self {
            Self::Text { .. } => None,
            Self::Expression { expression, .. } => expression.as_secret(),
        }
    }
}

impl Expression {
    /// Reads the text of an `if`, which may stand in `${{ }}` as a whole or not at all, with the
    /// names of a pipeline.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse); and `${{ }}` around a part, which at GitHub makes a text that
    /// always holds.
    pub fn parse_condition(text: &str) -> Result<Self, ExpressionError> {
        Self::parse_condition_in(text, &Scope::pipeline())
    }

    /// Reads the text of an `if`, with the names of `scope`.
    ///
    /// # Errors
    ///
    /// As [`parse_condition`](Self::parse_condition).
    pub fn parse_condition_in(text: &str, scope: &Scope) -> Result<Self, ExpressionError> {
        let start = text.len() - text.trim_start().len();
        let end = start + text.trim().len();
        if text[start..].starts_with(OPEN) && end_of(text, start)? == end {
            return parse_within(text, start + OPEN.len()..end - CLOSE.len(), scope);
        }
        if let Some(open) = find_outside_strings(text, OPEN) {
            let message = "A condition is one expression: `${{` and `}}` stand around all of it or nowhere";
            return Err(ExpressionError::new(ErrorKind::Parsing, message, open..open + OPEN.len()));
        }
        parse_within(text, 0..text.len(), scope)
    }
}

/// The expression at `within` in `text`, without the blanks around it.
fn parse_within(text: &str, within: Range<usize>, scope: &Scope) -> Result<Expression, ExpressionError> {
    let inner = &text[within.clone()];
    if let Some(open) = find_outside_strings(inner, OPEN) {
        let message = "An expression cannot hold another `${{`";
        let at = within.start + open;
        return Err(ExpressionError::new(ErrorKind::Parsing, message, at..at + OPEN.len()));
    }
    let offset = within.start + inner.len() - inner.trim_start().len();
    Expression::parse_some(inner.trim(), offset, scope)
}

/// Where the expression ends whose `${{` is at `open`.
fn end_of(text: &str, open: usize) -> Result<usize, ExpressionError> {
    let body = open + OPEN.len();
    if let Some(close) = find_outside_strings(&text[body..], CLOSE) {
        return Ok(body + close + CLOSE.len());
    }
    let message = "The expression is not closed. An unescaped ${{ sequence was found, but the closing }} sequence was \
                   not found.";
    Err(ExpressionError::new(ErrorKind::Parsing, message, open..body))
}

/// Where `wanted` stands first in `text` outside string literals.
fn find_outside_strings(text: &str, wanted: &str) -> Option<usize> {
    let mut in_string = false;
    let bytes = text.as_bytes();
    (0..bytes.len()).find(|&place| {
        in_string ^= bytes[place] == b'\'';
        !in_string && bytes[place..].starts_with(wanted.as_bytes())
    })
}

fn push_text(segments: &mut Vec<Segment>, text: &str, at: Range<usize>) {
    if !at.is_empty() {
        segments.push(Segment::Text { text: text[at.clone()].to_owned(), at });
    }
}

fn push_piece(pieces: &mut Vec<Piece>, text: &str, at: Range<usize>) -> Result<(), ExpressionError> {
    if text.is_empty() {
        return Ok(());
    }
    if !matches!(pieces.last(), Some(Piece::Text(_))) {
        pieces.push(Piece::Text(String::new()));
    }
    match pieces.last_mut() {
        Some(Piece::Text(whole)) => push_within_limit(whole, text, at),
        _ => Ok(()),
    }
}

fn push_within_limit(whole: &mut String, text: &str, at: Range<usize>) -> Result<(), ExpressionError> {
    if whole.len() + text.len() > TEMPLATE_TEXT_BYTES {
        let message = format!("The limit of {TEMPLATE_TEXT_BYTES} bytes of a template's text was exceeded");
        return Err(ExpressionError::new(ErrorKind::Limit, message, at));
    }
    whole.push_str(text);
    Ok(())
}
