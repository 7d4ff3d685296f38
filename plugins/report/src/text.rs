//! Text of a report, made fit to show.

use crate::limits::MAX_QUOTED_CHARS;

/// `text` without control characters other than line ends and tabs, and without terminal colours.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.next_if_eq(&'[').is_some() {
            while chars.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
        } else if !c.is_control() || c == '\n' || c == '\t' {
            shown.push(c);
        }
    }
    shown
}

/// `text`, or as many of its first characters as `limit` says and `…`.
pub fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}

/// The first `count` lines that are not blank.
pub fn first_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).take(count).collect();
    lines.join("\n")
}

/// `text` as Markdown that shows it and does nothing else.
pub fn escape_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '@' | '~' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// `text` in an error message: in backticks, on one line, and short.
pub(crate) fn quote(text: &str) -> String {
    let line = visible(text).replace(['\n', '\t'], " ");
    format!("`{}`", shorten(line.trim(), MAX_QUOTED_CHARS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_bells_are_dropped() {
        assert_eq!(visible("\u{1b}[31mred\u{1b}[0m\u{7}\ttab\nline\u{1b}"), "red\ttab\nline");
    }

    #[test]
    fn shortening_keeps_whole_characters() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöü", 2), "äö…");
    }

    #[test]
    fn markdown_shows_what_was_written() {
        assert_eq!(escape_markdown("<img src=x> [a](b) | `c`\n@team"), "&lt;img src=x> \\[a\\](b) \\| \\`c\\` \\@team");
    }
}
