//! Where the characters of a scalar's text stand in the file.

use std::ops::Range;

use sealock_diagnostics::Span;

/// Where the characters of a scalar's text stand in the file.
///
/// YAML folds lines and resolves escapes, so that text and file differ. What people need to be shown
/// are expressions, and those are found again by counting: the third `${{` of the text is the third
/// `${{` of the file's slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    span: Span,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// The text stands in the file as it is, from this byte on.
    Verbatim(usize),
    /// The text's openings and, for each, the expression's place in text and file.
    Pieces(Vec<Piece>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    text: Range<usize>,
    file: Span,
    /// Whether both hold the same bytes.
    verbatim: bool,
}

const OPENING: &str = "${{";

impl Layout {
    /// The layout of `text`, which stands in `file` at `span`.
    pub(crate) fn new(text: &str, file: &str, span: Span) -> Self {
        let slice = &file[span.start..span.end];
        let quote = usize::from(slice.starts_with(['"', '\'']));
        let form = match slice.get(quote..) {
            Some(rest) if rest.starts_with(text) => Form::Verbatim(span.start + quote),
            _ => Form::Pieces(pieces(text, slice, span.start)),
        };
        Self { span, form }
    }

    /// The place of `range` of the text; the whole scalar where it cannot be told.
    pub(crate) fn locate(&self, range: Range<usize>) -> Span {
        match &self.form {
            Form::Verbatim(start) => {
                Span::new((start + range.start).min(self.span.end), (start + range.end).min(self.span.end))
            }
            Form::Pieces(pieces) => {
                let around = |piece: &&Piece| piece.text.start <= range.start && range.end <= piece.text.end;
                pieces.iter().find(around).map_or(self.span, |piece| piece.locate(&range))
            }
        }
    }
}

impl Piece {
    fn locate(&self, range: &Range<usize>) -> Span {
        if !self.verbatim {
            return self.file;
        }
        self.file.within(range.start - self.text.start..range.end - self.text.start)
    }
}

fn pieces(text: &str, slice: &str, base: usize) -> Vec<Piece> {
    let in_text: Vec<Range<usize>> = expressions(text).collect();
    let in_file: Vec<Range<usize>> = expressions(slice).collect();
    if in_text.len() != in_file.len() {
        return Vec::new();
    }
    let piece = |(own, there): (Range<usize>, Range<usize>)| Piece {
        verbatim: text[own.clone()] == slice[there.clone()],
        text: own,
        file: Span::new(base + there.start, base + there.end),
    };
    in_text.into_iter().zip(in_file).map(piece).collect()
}

/// From each `${{` to its `}}`; strings of the expression may hold one, which does not matter here.
pub(crate) fn expressions(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text[from..].find(OPENING)?;
        let end = text[start..].find("}}").map_or(start + OPENING.len(), |length| start + length + 2);
        from = end;
        Some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located<'a>(file: &'a str, slice: &str, text: &str, wanted: &str) -> &'a str {
        let start = file.find(slice).expect("the scalar is in the file");
        let layout = Layout::new(text, file, Span::new(start, start + slice.len()));
        let at = text.find(wanted).expect("the expression is in the text");
        let span = layout.locate(at..at + wanted.len());
        &file[span.start..span.end]
    }

    #[test]
    fn an_expression_is_found_again_through_quotes_escapes_and_folding() {
        assert_eq!(located("a: x ${{ y }}", "x ${{ y }}", "x ${{ y }}", "y"), "y");
        assert_eq!(located("a: 'x ${{ y }}'", "'x ${{ y }}'", "x ${{ y }}", "y"), "y");
        assert_eq!(located("a: \"\\t${{ y }}\"", "\"\\t${{ y }}\"", "\t${{ y }}", "y"), "y");
        assert_eq!(located("a: |\n  b\n  ${{ y }}\n", "|\n  b\n  ${{ y }}", "b\n${{ y }}\n", "y"), "y");
    }

    #[test]
    fn an_expression_that_differs_from_the_file_is_marked_as_a_whole() {
        let file = "a: '${{ ''y'' }} z'";
        assert_eq!(located(file, "'${{ ''y'' }} z'", "${{ 'y' }} z", "'y'"), "${{ ''y'' }}");
    }
}
