//! A line for people, and how much of it fits.
//!
//! The only way from an event to an output: [`Line::put`] escapes what it takes, so a finished line
//! holds no control character but those that [`Line::render`] adds for colours.

use anstyle::{AnsiColor, Style};
use sealock_diagnostics::escape;
use sealock_diagnostics::render::Colour;
use unicode_width::UnicodeWidthChar;

/// Of characters without a width, so many are kept in a row: a terminal that is given a thousand
/// combining marks on one letter draws over its other lines, or stops.
const MARKS_MAX: usize = 4;
const TAB: &str = "    ";
const EMOJI_SELECTOR: char = '\u{fe0f}';

/// What a piece of text is, for those who see colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Strong,
    Dim,
    Good,
    Bad,
    Warn,
    Busy,
}

impl Tone {
    fn style(self) -> Style {
        let style = Style::new();
        match self {
            Self::Plain => style,
            Self::Strong => style.bold(),
            Self::Dim => style.dimmed(),
            Self::Good => style.fg_color(Some(AnsiColor::Green.into())),
            Self::Bad => style.fg_color(Some(AnsiColor::Red.into())).bold(),
            Self::Warn => style.fg_color(Some(AnsiColor::Yellow.into())),
            Self::Busy => style.fg_color(Some(AnsiColor::Cyan.into())),
        }
    }
}

/// One line without its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    parts: Vec<(Tone, String)>,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Of one piece.
    pub(crate) fn of(tone: Tone, text: &str) -> Self {
        Self::new().put(tone, text)
    }

    /// With `text` at its end, escaped.
    pub(crate) fn put(mut self, tone: Tone, text: &str) -> Self {
        let text = escape(text);
        if !text.is_empty() {
            self.parts.push((tone, with_few_marks(&text.replace('\t', TAB))));
        }
        self
    }

    /// With `other` at its end.
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.parts.extend(other.parts);
        self
    }

    /// Behind `columns` spaces.
    pub(crate) fn indent(self, columns: usize) -> Self {
        Self::of(Tone::Plain, &" ".repeat(columns)).join(self)
    }

    /// Filled with spaces up to `columns`.
    pub(crate) fn pad(self, columns: usize) -> Self {
        let missing = columns.saturating_sub(self.width());
        self.put(Tone::Plain, &" ".repeat(missing))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Columns on a terminal.
    pub(crate) fn width(&self) -> usize {
        self.parts.iter().map(|(_, text)| width(text)).sum()
    }

    /// Cut to `columns`, with `…` where something is missing.
    pub(crate) fn fit(self, columns: usize) -> Self {
        if self.width() <= columns {
            return self;
        }
        let (first, tone) =
            (self.split(columns.saturating_sub(1)).0, self.parts.last().map_or(Tone::Plain, |part| part.0));
        first.put(tone, "…")
    }

    /// `left`, and `right` at the right edge of `columns`; `left` gives way.
    pub(crate) fn sides(left: Self, right: Self, columns: usize) -> Self {
        if right.is_empty() {
            return left.fit(columns);
        }
        let room = columns.saturating_sub(right.width() + 2);
        left.fit(room).pad(room + 2).join(right)
    }

    /// In lines of at most `columns`, broken at spaces where that is possible; all but the first
    /// begin with `hang` spaces.
    pub(crate) fn wrap(self, columns: usize, hang: usize) -> Vec<Self> {
        let columns = columns.max(hang + 8);
        let mut lines = Vec::new();
        let mut rest = self;
        while rest.width() > columns {
            let (first, after) = rest.split(rest.break_before(columns));
            lines.push(first);
            rest = Self::new().put(Tone::Plain, &" ".repeat(hang)).join(after.trim_start());
        }
        lines.push(rest);
        lines
    }

    /// `parts` in as few lines of at most `columns` as they fit in, each whole, `gap` between them; all
    /// but the first line begin with `hang` spaces.
    pub(crate) fn flow(parts: Vec<Self>, gap: &str, columns: usize, hang: usize) -> Vec<Self> {
        let mut lines: Vec<Self> = Vec::new();
        for part in parts {
            match lines.last_mut() {
                Some(line) if line.width().saturating_add(width(gap) + part.width()) <= columns => {
                    *line = std::mem::take(line).put(Tone::Plain, gap).join(part);
                }
                Some(_) => lines.push(part.indent(hang)),
                None => lines.push(part),
            }
        }
        lines
    }

    /// The column after the last space that leaves at most `columns` before it; `columns` itself when
    /// there is none past the indentation.
    fn break_before(&self, columns: usize) -> usize {
        let (mut at, mut column, mut is_indent) = (None, 0, true);
        for c in self.parts.iter().flat_map(|(_, text)| text.chars()) {
            if c == ' ' && !is_indent {
                at = Some(column);
            }
            is_indent &= c == ' ';
            column += char_width(c);
            if column > columns {
                break;
            }
        }
        at.unwrap_or(columns)
    }

    /// What stands in the first `columns` columns, and the rest.
    fn split(&self, columns: usize) -> (Self, Self) {
        let (mut first, mut rest) = (Self::new(), Self::new());
        let mut column = 0;
        for (tone, text) in &self.parts {
            let end = text.char_indices().find(|(_, c)| {
                column += char_width(*c);
                column > columns
            });
            let (left, right) = text.split_at(end.map_or(text.len(), |(at, _)| at));
            first.parts.extend((!left.is_empty()).then(|| (*tone, left.to_owned())));
            rest.parts.extend((!right.is_empty()).then(|| (*tone, right.to_owned())));
        }
        (first, rest)
    }

    fn trim_start(mut self) -> Self {
        while let Some((_, text)) = self.parts.first_mut() {
            *text = text.trim_start_matches(' ').to_owned();
            if !text.is_empty() {
                break;
            }
            self.parts.remove(0);
        }
        self
    }

    /// Adds the line to `out`, with colours when they are wanted, without an end.
    pub(crate) fn render(&self, colour: Colour, out: &mut String) {
        use std::fmt::Write as _;
        for (tone, text) in &self.parts {
            let style = if colour == Colour::Ansi { tone.style() } else { Style::new() };
            let _ = write!(out, "{style}{text}{style:#}");
        }
        let end = out.trim_end_matches(' ').len();
        out.truncate(end);
    }
}

/// Columns of `text` on a terminal; never fewer than it takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    // The selector turns the character before it into an emoji, which is a column wider.
    if c == EMOJI_SELECTOR { 1 } else { c.width().unwrap_or(0) }
}

fn with_few_marks(text: &str) -> String {
    let mut marks = 0;
    let is_kept = |c: &char| {
        marks = if char_width(*c) == 0 { marks + 1 } else { 0 };
        marks <= MARKS_MAX
    };
    text.chars().filter(is_kept).collect()
}

/// A line that a step printed, without the colours and line erasures that programs write when they
/// take us for a terminal; every other control sequence stays and is shown escaped.
pub(crate) fn without_colours(text: &str) -> String {
    let text = text.strip_suffix('\r').unwrap_or(text);
    let mut pieces = text.split("\x1b[");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':').unwrap_or(piece.len());
        if piece[end..].starts_with(['m', 'K']) {
            out.push_str(&piece[end + 1..]);
        } else {
            out.push_str("\x1b[");
            out.push_str(piece);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_the_text_it_fits_and_controls_nothing(text in "(?s).{0,80}", columns in 1_usize..40) {
            let line = Line::of(Tone::Plain, &without_colours(&text));
            prop_assert!(line.clone().fit(columns).width() <= columns);
            prop_assert!(!shown(&line).chars().any(char::is_control));
        }

        #[test]
        fn wrapping_loses_nothing_but_spaces(text in "(?s).{0,80}", columns in 16_usize..40, hang in 0_usize..6) {
            let line = Line::of(Tone::Plain, &text);
            let lines = line.clone().wrap(columns, hang);
            prop_assert!(lines.iter().all(|line| line.width() <= columns));
            let bare = |text: String| text.replace(' ', "");
            let wrapped: String = lines.iter().map(|line| bare(shown(line))).collect();
            prop_assert_eq!(wrapped, bare(shown(&line)));
        }
    }

    fn shown(line: &Line) -> String {
        let mut out = String::new();
        line.render(Colour::Plain, &mut out);
        out
    }

    #[test]
    fn text_from_outside_cannot_move_a_cursor() {
        let line = Line::of(Tone::Plain, "a\x1b[2J\x1b]52;c;eA==\x07\r\nb\u{202e}c\td");
        assert_eq!(shown(&line), "a\\u{1b}[2J\\u{1b}]52;c;eA==\\u{7}\\r\\nb\\u{202e}c    d");
    }

    #[test]
    fn what_does_not_fit_is_cut_by_columns_not_by_bytes() {
        assert_eq!(shown(&Line::of(Tone::Plain, "日本語のテスト").fit(8)), "日本語…");
        assert_eq!(shown(&Line::of(Tone::Plain, "äöüß").fit(4)), "äöüß");
        assert_eq!(shown(&Line::of(Tone::Plain, "abc").fit(0)), "…");
    }

    #[test]
    fn marks_without_width_are_bounded() {
        let tall = format!("x{}", "\u{301}".repeat(10_000));
        assert_eq!(shown(&Line::of(Tone::Plain, &tall)).chars().count(), 1 + MARKS_MAX);
    }

    #[test]
    fn long_text_breaks_at_spaces_and_long_words_anywhere() {
        let line = Line::of(Tone::Plain, "  one two three four");
        let lines: Vec<String> = line.wrap(12, 4).iter().map(shown).collect();
        assert_eq!(lines, ["  one two", "    three", "    four"]);
        let word = Line::of(Tone::Plain, &"x".repeat(30));
        let lines: Vec<String> = word.wrap(14, 2).iter().map(shown).collect();
        assert_eq!(lines, ["x".repeat(14), format!("  {}", "x".repeat(12)), "  xxxx".to_owned()]);
    }

    #[test]
    fn colours_of_programs_are_dropped_and_other_sequences_are_not() {
        assert_eq!(without_colours("\x1b[32mok\x1b[0m\x1b[K\r"), "ok");
        assert_eq!(without_colours("\x1b[2Jx"), "\x1b[2Jx");
        assert_eq!(without_colours("\x1b[38;5;1mä\x1b["), "ä\x1b[");
    }

    #[test]
    fn sides_keep_the_right_one_whole() {
        let (left, right) = (Line::of(Tone::Plain, "a long text on the left"), Line::of(Tone::Plain, "4.1 s"));
        assert_eq!(shown(&Line::sides(left, right, 20)), "a long text …  4.1 s");
    }
}
