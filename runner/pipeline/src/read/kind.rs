//! What was found, in words.

use crate::yaml::{Kind, Scalar, Style};

/// Such as `a list` or `the number 3`.
pub(crate) fn found(kind: &Kind) -> String {
    match kind {
        Kind::List(items) if items.is_empty() => "an empty list".to_owned(),
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) => "a map".to_owned(),
        Kind::Broken => "something broken".to_owned(),
        Kind::Scalar(scalar) => found_scalar(scalar),
    }
}

fn found_scalar(scalar: &Scalar) -> String {
    let is_plain = scalar.style == Style::Plain;
    let word = match scalar.text.as_str() {
        _ if scalar.is_null() => return "nothing".to_owned(),
        "true" | "false" if is_plain => "",
        text if is_plain && text.parse::<f64>().is_ok() => "the number ",
        _ => "the text ",
    };
    format!("{word}`{}`", shortened(&scalar.text))
}

/// The first line of `text`, and not too much of it.
pub(crate) fn shortened(text: &str) -> String {
    /// What fits into a message beside the rest of it.
    const SHOWN_CHARS_MAX: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    let is_whole = line.len() == text.trim_end().len() && line.chars().count() <= SHOWN_CHARS_MAX;
    if is_whole { line.to_owned() } else { line.chars().take(SHOWN_CHARS_MAX).chain(['…']).collect() }
}
