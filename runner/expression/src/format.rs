//! `format('…{0}…', …)`.
//!
//! The pattern is read to its end before any argument is evaluated, and only arguments that it
//! names are evaluated at all.

use crate::budget::TextBuilder;
use crate::evaluate::{Contexts, Evaluation, Failure};
use crate::syntax::NodeId;
use crate::value::{Value, ValueKind};

/// A part of a pattern.
#[derive(Debug, PartialEq)]
enum Part<'a> {
    Text(&'a str),
    Argument { place: usize, specifiers: String },
}

/// Why a pattern cannot be used.
#[derive(Debug, PartialEq)]
enum PatternError {
    Malformed,
    TooFewArguments,
}

/// The pattern with its arguments put in, each by its text.
pub(crate) fn call<C: Contexts + ?Sized>(
    evaluation: &mut Evaluation<'_, C>,
    pattern: NodeId,
    arguments: &[NodeId],
    level: usize,
) -> Result<Value, Failure> {
    let pattern = evaluation.value(pattern, level)?.to_text();
    let parts = parse(&pattern, arguments.len()).map_err(|error| error.about(&pattern))?;
    let mut known: Vec<Option<Value>> = vec![None; arguments.len()];
    let mut text = TextBuilder::default();
    for part in parts {
        match part {
            Part::Text(part) => text.push(part)?,
            Part::Argument { place, specifiers } => {
                let value = match &mut known[place] {
                    Some(value) => value,
                    empty => empty.insert(evaluation.value(arguments[place], level)?),
                };
                refuse_specifiers(&specifiers, value.kind())?;
                text.push(&value.to_text())?;
            }
        }
    }
    let text = text.finish();
    evaluation.budget.work(pattern.len() + text.len())?;
    Ok(Value::string(text))
}

/// No kind of value has format specifiers.
fn refuse_specifiers(specifiers: &str, kind: ValueKind) -> Result<(), Failure> {
    if specifiers.is_empty() {
        return Ok(());
    }
    Err(Failure::Unfit(format!("The format specifiers '{specifiers}' are not valid for objects of type '{kind}'")))
}

/// The parts of `pattern`, which may name `count` arguments.
fn parse(pattern: &str, count: usize) -> Result<Vec<Part<'_>>, PatternError> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some(brace) = rest.find(['{', '}']) {
        let (text, from_brace) = rest.split_at(brace);
        if from_brace.starts_with("{{") || from_brace.starts_with("}}") {
            parts.push(Part::Text(&rest[..=brace]));
            rest = &from_brace[2..];
            continue;
        }
        parts.push(Part::Text(text));
        let (argument, after) = parse_argument(from_brace).ok_or(PatternError::Malformed)?;
        if matches!(argument, Part::Argument { place, .. } if place >= count) {
            return Err(PatternError::TooFewArguments);
        }
        parts.push(argument);
        rest = after;
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

/// `{N}` or `{N:specifiers}` at the start of `text`, and what follows.
fn parse_argument(text: &str) -> Option<(Part<'_>, &str)> {
    let text = text.strip_prefix('{')?;
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let place = usize::from(text[..digits].parse::<u8>().ok()?);
    let after = &text[digits..];
    if let Some(after) = after.strip_prefix('}') {
        return Some((Part::Argument { place, specifiers: String::new() }, after));
    }
    let (specifiers, after) = parse_specifiers(after.strip_prefix(':')?)?;
    Some((Part::Argument { place, specifiers }, after))
}

/// Everything up to a single `}`; two stand for one.
fn parse_specifiers(text: &str) -> Option<(String, &str)> {
    let mut specifiers = String::new();
    let mut rest = text;
    loop {
        let brace = rest.find('}')?;
        specifiers.push_str(&rest[..brace]);
        let Some(after) = rest[brace..].strip_prefix("}}") else {
            return Some((specifiers, &rest[brace + 1..]));
        };
        specifiers.push('}');
        rest = after;
    }
}

impl PatternError {
    fn about(&self, pattern: &str) -> Failure {
        Failure::Unfit(match self {
            Self::Malformed => format!("The following format string is invalid: {pattern}"),
            Self::TooFewArguments => {
                format!("The following format string references more arguments than were supplied: {pattern}")
            }
        })
    }
}
