//! Text from outside, made harmless for a terminal.

use std::borrow::Cow;

/// Characters that order or hide other characters: bidirectional controls and zero-width ones.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn needs_escape(c: char) -> bool {
    (c.is_control() && c != '\t') || is_invisible(c)
}

/// `text` with control and invisible characters written as `\u{…}`, so that no message can move a
/// cursor, set a clipboard, or show something else than it holds. Tabs stay.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(needs_escape) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if needs_escape(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn escapes_and_hidden_characters_are_written_out() {
        assert_eq!(escape("a\x1b]52;c;eA==\x07b"), "a\\u{1b}]52;c;eA==\\u{7}b");
        assert_eq!(escape("x\u{202e}y\n"), "x\\u{202e}y\\n");
        assert_eq!(escape("plain\täö"), "plain\täö");
    }
}
