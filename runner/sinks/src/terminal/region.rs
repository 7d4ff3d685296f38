//! The lines at the bottom of the terminal that are drawn anew.

use std::fmt::Write as _;

use sealock_diagnostics::render::Colour;

use crate::line::Line;

/// Clears from the cursor to the end of its row.
const CLEAR_ROW: &str = "\x1b[K";
/// Clears from the cursor to the end of the screen. Never sent from the top of a picture: a terminal whose
/// whole screen is cleared keeps what stood there in its history, frame by frame.
const CLEAR_BELOW: &str = "\x1b[J";

/// What was drawn last, and so must be gone over.
#[derive(Debug, Default)]
pub(super) struct Region {
    /// The widths of its lines: on a terminal that became narrower, one line takes several rows.
    widths: Vec<usize>,
}

impl Region {
    /// What to write so that `above` stands where the region began, and `lines` are the region.
    pub(super) fn replace(&mut self, above: &[Line], lines: &[Line], columns: usize, colour: Colour) -> String {
        let rows = self.rows(columns);
        self.widths = lines.iter().map(Line::width).collect();
        let mut text = String::new();
        if rows > 0 {
            let _ = write!(text, "\x1b[{rows}A\r");
        }
        for line in above.iter().chain(lines) {
            put(line, rows > 0, columns, colour, &mut text);
        }
        if rows > 0 {
            text.push_str(CLEAR_BELOW);
        }
        text
    }

    fn rows(&self, columns: usize) -> usize {
        self.widths.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum()
    }
}

/// Adds `line` to `text`, over what stands in its rows.
fn put(line: &Line, is_over: bool, columns: usize, colour: Colour, text: &mut String) {
    if is_over {
        text.push_str(CLEAR_ROW);
    }
    line.render(colour, text);
    // In front is enough for one row; behind a full row, some terminals would clear its last column.
    if is_over && line.width() > columns && !line.width().is_multiple_of(columns.max(1)) {
        text.push_str(CLEAR_ROW);
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::Tone;

    #[test]
    fn a_terminal_that_became_narrower_has_more_rows_to_go_over() {
        let mut region = Region::default();
        let line = Line::of(Tone::Plain, &"x".repeat(79));
        assert!(!region.replace(&[], &[line.clone(), line], 80, Colour::Plain).contains('\x1b'));
        assert!(region.replace(&[], &[], 60, Colour::Plain).starts_with("\x1b[4A\r"));
        assert_eq!(region.replace(&[], &[], 60, Colour::Plain), "");
    }
}
