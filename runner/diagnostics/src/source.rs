//! The text that diagnostics point into.

use std::ops::Range;

/// A range of bytes in one source text; empty spans mark a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes from `start` up to `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// The part of this span that `inner`, counted from its start, covers.
    #[must_use]
    pub fn within(self, inner: Range<usize>) -> Self {
        let start = (self.start + inner.start).min(self.end);
        Self::new(start, (self.start + inner.end).min(self.end))
    }
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self::new(range.start, range.end)
    }
}

/// A place as people count: line and column from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// A named text, with its line starts found once.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    text: String,
    line_starts: Vec<usize>,
}

impl Source {
    /// A text called `name` in messages.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let after_newline = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(after_newline).collect();
        Self { name: name.into(), text, line_starts }
    }

    /// What messages call this text; usually a path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the byte at `offset` is, as people count; the end of the text when it lies behind it.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.floor_char_boundary(offset);
        let line = self.line_starts.partition_point(|&start| start <= offset);
        let start = self.line_starts[line - 1];
        Position { line, column: self.text[start..offset].chars().count() + 1 }
    }

    /// The whole lines that `span` touches.
    pub fn lines_around(&self, span: Span) -> Span {
        let start = self.line_starts[self.position(span.start).line - 1];
        let last = self.position(span.end).line;
        Span::new(start, self.line_starts.get(last).map_or(self.text.len(), |next| next - 1))
    }

    /// The bytes of line `number`, from 1, without its end.
    pub fn line(&self, number: usize) -> Option<&str> {
        let start = *self.line_starts.get(number.checked_sub(1)?)?;
        self.text[start..].lines().next().or(Some(""))
    }

    fn floor_char_boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = Source::new("x", "a\näöü: 1\n");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(2), Position { line: 2, column: 1 });
        assert_eq!(source.position(8), Position { line: 2, column: 4 });
    }

    #[test]
    fn an_offset_inside_a_character_or_behind_the_end_is_moved_to_a_boundary() {
        let source = Source::new("x", "ä");
        assert_eq!(source.position(1), Position { line: 1, column: 1 });
        assert_eq!(source.position(99), Position { line: 1, column: 2 });
    }

    #[test]
    fn a_span_within_another_never_leaves_it() {
        assert_eq!(Span::new(10, 20).within(5..50), Span::new(15, 20));
        assert_eq!(Span::new(10, 20).within(50..60), Span::new(20, 20));
    }
}
