//! Going on after malformed YAML, so that the rest of the file is read too.
//!
//! A malformed place is reported, its line is taken out (blanked, so that every place behind it stays
//! where it was), and the file is read again. What follows from the same mistake, lines that belong to
//! the one taken out, is taken out too and not reported.

use granit_parser::ErrorKind;
use sealock_diagnostics::{Diagnostic, Span};

use super::build::{Built, Stop, SyntaxError, build};
use super::limits::{RECOVERY_PASSES_MAX, SYNTAX_ERRORS_MAX};
use super::{Tree, check_characters};
use crate::problems::Problems;

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Document {
    /// `None` when the file cannot be read far enough.
    pub(crate) tree: Option<Tree>,
    pub(crate) problems: Problems,
    /// Lines that were taken out.
    pub(crate) damaged: Vec<Span>,
}

/// Reads `text`, and what can be read of it when it is malformed.
pub(crate) fn read(text: &str) -> Document {
    let mut problems = Problems::default();
    if let Err(found) = check_characters(text) {
        problems.push(*found);
        return Document { tree: None, problems, damaged: Vec::new() };
    }
    let mut recovery = Recovery { original: text, text: without_mark(text), damaged: Vec::new(), problems };
    for _ in 0..RECOVERY_PASSES_MAX {
        match build(&recovery.text, &recovery.damaged) {
            Ok(built) => return recovery.finish(built),
            Err(Stop::Budget(found)) => {
                recovery.problems.push(*found);
                break;
            }
            Err(Stop::Syntax(error)) if !recovery.take_out(&error) => break,
            Err(Stop::Syntax(_)) => {}
        }
    }
    Document { tree: None, problems: recovery.problems, damaged: recovery.damaged }
}

/// The mark's three bytes become three empty lines, so that every place stays where it was.
fn without_mark(text: &str) -> String {
    text.strip_prefix('\u{feff}').map_or_else(|| text.to_owned(), |rest| format!("\n\n\n{rest}"))
}

struct Recovery<'a> {
    original: &'a str,
    /// The file, less what was taken out.
    text: String,
    damaged: Vec<Span>,
    problems: Problems,
}

impl Recovery<'_> {
    fn finish(self, built: Built) -> Document {
        let mut problems = self.problems;
        problems.append(built.problems);
        Document { tree: Some(built.tree), problems, damaged: self.damaged }
    }

    /// Reports the error and takes its line out; false when that cannot help.
    fn take_out(&mut self, error: &SyntaxError) -> bool {
        let opening = is_open_quote(&error.kind).then(|| open_quote(&self.text, error.at)).flatten();
        let keyword = is_unexpected_value(&error.kind).then(|| word_without_colon(&self.text, error.at)).flatten();
        let at = opening.or(keyword.map(|word| word.start)).unwrap_or(error.at);
        let error = &SyntaxError { at, kind: error.kind.clone(), ..*error };
        let lost = self.lost(error);
        let has_content = self.text[lost.start..lost.end].bytes().any(|byte| !byte.is_ascii_whitespace());
        if self.problems.is_empty() || !self.follows_from_damage(lost) {
            let found = keyword.map(|word| no_colon(&self.text, word));
            self.problems.push(found.unwrap_or_else(|| syntax_error(&self.text, error)));
        }
        if !has_content || self.problems.len() >= SYNTAX_ERRORS_MAX {
            return false;
        }
        let blank: String = self.text[lost.start..lost.end].chars().map(blanked).collect();
        self.text.replace_range(lost.start..lost.end, &blank);
        self.damaged.push(lost);
        true
    }

    /// What is taken out: the list or map that is not closed, up to its line's end, or the line.
    fn lost(&self, error: &SyntaxError) -> Span {
        let line = line_around(&self.text, error.at);
        match error.open_flow {
            Some(start) if start < line.start => Span::new(start, line_around(&self.text, start).end),
            Some(start) => Span::new(start, line.end),
            None => line,
        }
    }

    /// Whether the line belongs to one that was taken out: deeper than it, or closing it, with nothing
    /// between.
    fn follows_from_damage(&self, lost: Span) -> bool {
        let damaged = self.damaged.iter().filter(|damaged| damaged.start <= lost.start);
        let Some(before) = damaged.max_by_key(|damaged| damaged.start) else {
            return false;
        };
        let is_closing = self.original[lost.start..lost.end].trim_start().starts_with([']', '}']);
        let is_deeper = indent(self.original, lost.start) > indent(self.original, before.start);
        let is_next = self.text[before.end.min(lost.start)..lost.start].trim().is_empty();
        is_next && (is_closing || is_deeper)
    }
}

/// How far the line of `at` is indented.
fn indent(text: &str, at: usize) -> usize {
    let line = line_around(text, at);
    let line = &text[line.start..line.end];
    line.len() - line.trim_start().len()
}

fn is_open_quote(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnclosedQuotedScalar
            | ErrorKind::InvalidQuotedScalarIndent
            | ErrorKind::DocumentIndicatorInQuotedScalar
    )
}

/// The last quote before `at` that its own line does not close.
fn open_quote(text: &str, at: usize) -> Option<usize> {
    /// How far back the quote is looked for; stops a long file from being searched for each error.
    const LINES_BACK_MAX: usize = 1_000;
    let mut end = at.min(text.len());
    for _ in 0..LINES_BACK_MAX {
        let start = text[..end].rfind('\n').map_or(0, |newline| newline + 1);
        let line = &text[start..end];
        for quote in ['"', '\''] {
            if line.matches(quote).count() % 2 == 1 {
                return line.rfind(quote).map(|place| start + place);
            }
        }
        end = start.checked_sub(1)?;
    }
    None
}

fn is_unexpected_value(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::MappingValueNotAllowed)
}

/// The line before that of `at`, when it is one word less deep: a key whose colon was forgotten, so that
/// what belongs to it was taken for more of its text.
fn word_without_colon(text: &str, at: usize) -> Option<Span> {
    let line = line_around(text, at);
    let before = text[..line.start].trim_end();
    let previous = line_around(text, before.len());
    let word = text[previous.start..previous.end].trim();
    let is_key_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let is_key = word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(is_key_char);
    let start = previous.start + indent(text, previous.start);
    (is_key && indent(text, previous.start) < indent(text, at)).then(|| Span::new(start, start + word.len()))
}

fn no_colon(text: &str, word: Span) -> Diagnostic {
    let name = &text[word.start..word.end];
    Diagnostic::error("E-YAML-SYNTAX", format!("`{name}` has no colon behind it"), word)
        .help(format!("write `{name}:`"))
}

/// As many bytes of nothing as the character has.
fn blanked(c: char) -> String {
    if c == '\n' || c == '\r' { c.to_string() } else { " ".repeat(c.len_utf8()) }
}

/// The line of `at` without its end. A place behind the last line end belongs to the line before it.
fn line_around(text: &str, at: usize) -> Span {
    let at = at.min(text.trim_end().len());
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
    Span::new(start, end)
}

fn syntax_error(text: &str, error: &SyntaxError) -> Diagnostic {
    let line = line_around(text, error.at);
    let indent = &text[line.start..line.end];
    let indent = &indent[..indent.len() - indent.trim_start().len()];
    if let Some(tab) = indent.find('\t') {
        let span = Span::new(line.start + tab, line.start + tab + 1);
        return Diagnostic::error("E-YAML-ENCODING", "a line is indented with a tab", span)
            .label("a tab")
            .help("indent with spaces: YAML takes no tabs there");
    }
    if let Some(open) = error.open_flow.filter(|&open| open < line.start) {
        let opened = &text[open..=open];
        return Diagnostic::error("E-YAML-SYNTAX", format!("`{opened}` is not closed"), Span::new(open, open + 1))
            .label("opened here")
            .note(Span::new(error.at.min(line.end), error.at.min(line.end)), "and still open here")
            .help("close every `[` with `]` and every `{` with `}`");
    }
    let start = error.at.min(line.end);
    let span = Span::new(start, text[start..].chars().next().map_or(start, |c| start + c.len_utf8()));
    let span = if text[span.start..span.end].trim().is_empty() { Span::new(start, start) } else { span };
    Diagnostic::error("E-YAML-SYNTAX", format!("this is not YAML: {}", error.kind), span).maybe_help(help(&error.kind))
}

fn help(kind: &ErrorKind) -> Option<String> {
    let text = match kind {
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            "put quotes around text that holds `: `"
        }
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::ExpectedFlowMappingSeparator => "close every `[` with `]` and every `{` with `}`",
        kind if is_open_quote(kind) => "close the quotes that start here",
        ErrorKind::UnexpectedCharacter { .. } => "put quotes around text that starts with this character",
        ErrorKind::InvalidIndentation | ErrorKind::ExpectedBlockMappingKey => {
            "line it up with the keys that it belongs to"
        }
        ErrorKind::ExpectedBlockSequenceEntry => "start the item with `- `, or line it up with what it belongs to",
        ErrorKind::SimpleKeyExpected => "write `key: value`, or indent the line deeper than what it belongs to",
        ErrorKind::InvalidTrailingSingleQuotedScalar => "write a quote inside single quotes twice: `'it''s'`",
        ErrorKind::InvalidTrailingDoubleQuotedScalar => "write a quote inside double quotes as `\\\"`",
        _ => return None,
    };
    Some(text.to_owned())
}
