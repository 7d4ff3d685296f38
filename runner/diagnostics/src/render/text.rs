//! For people: the marked lines of the file, what was found, and what to do.

use std::fmt::Write as _;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Report, counts};
use crate::{Diagnostic, Note, Severity, Source, Span, escape};

/// Codes that the last line names: a file can have a mistake of each kind.
const CODES_MAX: usize = 4;

/// Whether the text may hold colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// ANSI colours.
    Ansi,
    /// None.
    Plain,
}

/// Every diagnostic of `report` with its snippet, and an empty line after each.
pub fn text(report: Report<'_>, colour: Colour) -> String {
    let renderer = match colour {
        Colour::Ansi => Renderer::styled(),
        Colour::Plain => Renderer::plain(),
    };
    let mut out = String::new();
    for diagnostic in report.diagnostics {
        out.push_str(&one(report.source, diagnostic, &renderer));
        out.push_str("\n\n");
    }
    out
}

fn one(source: &Source, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let message = escape(&diagnostic.message).into_owned();
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(message).id(diagnostic.code);
    let mut group = Group::with_title(title);
    match diagnostic.span {
        // Where a character is dangerous to show, the place is named without its line.
        Some(span) if spans(span, diagnostic).all(|own| !line_is_dangerous(source, own.start)) => {
            group = group.element(snippet(source, diagnostic, span));
        }
        Some(span) => {
            let place = source.position(span.start);
            let place = format!("{}:{}:{}", escape(source.name()), place.line, place.column);
            group = group.element(Level::NOTE.no_name().message(place));
        }
        None => group = group.element(annotate_snippets::Origin::path(escape(source.name()))),
    }
    let help = diagnostic.help.as_deref().map(multiline_escape);
    if let Some(help) = help {
        group = group.element(Level::HELP.message(help));
    }
    renderer.render(&[group])
}

/// Only the lines from the first place to the last: a file may have a thousand mistakes in 70,000 lines.
fn snippet<'a>(source: &'a Source, diagnostic: &'a Diagnostic, span: Span) -> Snippet<'a, Annotation<'a>> {
    let from = spans(span, diagnostic).map(|own| own.start).min().unwrap_or_default();
    let to = spans(span, diagnostic).map(|own| own.end).max().unwrap_or_default();
    let lines = source.lines_around(Span::new(from, to));
    let within = |own: Span| own.start - lines.start..own.end - lines.start;
    let label = diagnostic.label.as_deref().map(escape).unwrap_or_default().into_owned();
    let marked = AnnotationKind::Primary.span(within(span)).label(label);
    let note = |note: &'a Note| AnnotationKind::Context.span(within(note.span)).label(note.label.as_str());
    Snippet::source(&source.text()[lines.start..lines.end])
        .line_start(source.position(lines.start).line)
        .path(escape(source.name()))
        .annotation(marked)
        .annotations(diagnostic.notes.iter().map(note))
}

fn spans(span: Span, diagnostic: &Diagnostic) -> impl Iterator<Item = Span> {
    std::iter::once(span).chain(diagnostic.notes.iter().map(|note| note.span))
}

fn line_is_dangerous(source: &Source, offset: usize) -> bool {
    let line = source.position(offset).line;
    source.line(line).is_some_and(|line| escape(line).len() != line.len())
}

fn multiline_escape(text: &str) -> String {
    text.lines().map(|line| escape(line)).collect::<Vec<_>>().join("\n")
}

/// "2 errors in pipelines/x.yml. `sealock explain E-…` says why.", or how many files are sound.
pub fn summary(reports: &[Report<'_>]) -> String {
    let (errors, warnings) = counts(reports);
    let files = match reports {
        [only] => escape(only.source.name()).into_owned(),
        _ => format!("{} files", reports.len()),
    };
    let mut out = match (errors, warnings) {
        (0, 0) => return format!("No problems in {files}."),
        (0, warnings) => format!("{} in {files}.", plural(warnings, "warning")),
        (errors, 0) => format!("{} in {files}.", plural(errors, "error")),
        (errors, warnings) => format!("{} and {} in {files}.", plural(errors, "error"), plural(warnings, "warning")),
    };
    let mut found: Vec<&Diagnostic> = reports.iter().flat_map(|report| report.diagnostics).collect();
    // Stable: errors first, else in the order of the files.
    found.sort_by_key(|one| std::cmp::Reverse(one.severity));
    let mut codes: Vec<&str> = Vec::new();
    for one in found {
        if !codes.contains(&one.code) {
            codes.push(one.code);
        }
    }
    let more = if codes.len() > CODES_MAX { ", …" } else { "" };
    let each: Vec<_> = codes.iter().take(CODES_MAX).map(|code| format!("`sealock explain {code}`")).collect();
    match each.as_slice() {
        [] => {}
        [only] => _ = write!(out, " {only} says why."),
        several => _ = write!(out, " {}{more} say why.", several.join(", ")),
    }
    out
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_problem_shows_its_line_its_label_and_its_help() {
        let source = Source::new("main.yml", "stages:\n  deploy:\n    enviroment: production\n");
        let found = Diagnostic::error("E-KEY-UNKNOWN", "stage `deploy` has no key `enviroment`", Span::new(22, 32))
            .label("not a key of a stage")
            .help("there is `environment`");
        let report = Report { source: &source, diagnostics: &[found] };
        assert_snapshot!(text(report, Colour::Plain), @r"
        error[E-KEY-UNKNOWN]: stage `deploy` has no key `enviroment`
         --> main.yml:3:5
          |
        3 |     enviroment: production
          |     ^^^^^^^^^^ not a key of a stage
          |
          = help: there is `environment`
        ");
        assert_snapshot!(summary(&[report]), @"1 error in main.yml. `sealock explain E-KEY-UNKNOWN` says why.");
    }

    #[test]
    fn a_mistake_far_down_is_shown_with_its_own_line_number_and_its_note() {
        let text_of = |lines: usize| "a: 1\n".repeat(lines) + "b: 2\nc: 3\n";
        let source = Source::new("main.yml", text_of(1000));
        let found = Diagnostic::error("E-KEY-UNKNOWN", "`c` is there twice", Span::new(5005, 5006))
            .note(Span::new(5000, 5001), "first here");
        let shown = text(Report { source: &source, diagnostics: &[found] }, Colour::Plain);
        assert!(shown.contains("main.yml:1002:1") && shown.contains("1001 | b: 2"), "{shown}");
        assert!(shown.contains("first here") && !shown.contains("a: 1"), "{shown}");
    }

    #[test]
    fn a_line_that_would_move_the_cursor_is_named_but_not_shown() {
        let source = Source::new("main.yml", "name: \"a\x1b[2Jb\"\n");
        let found = Diagnostic::error("E-KEY-UNKNOWN", "found \x1b[2J", Span::new(6, 10));
        let shown = text(Report { source: &source, diagnostics: &[found] }, Colour::Plain);
        assert!(!shown.contains('\x1b'), "{shown:?}");
        assert!(shown.contains("main.yml:1:7"), "{shown}");
    }
}
