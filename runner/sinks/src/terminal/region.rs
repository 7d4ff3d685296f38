//! The lines at the bottom of the terminal that are drawn anew.

use std::fmt::Write as _;

use sealock_diagnostics::render::Colour;

use crate::line::Line;

/// What was drawn last, and so must be gone over.
#[derive(Debug, Default)]
pub(super) struct Region {
    /// The widths of its lines: on a terminal that became narrower, one line takes several rows.
    widths: Vec<usize>,
}

impl Region {
    /// What to write so that `above` stands where the region began, and `lines` are the region.
    pub(super) fn replace(&mut self, above: &[Line], lines: &[Line], columns: usize, colour: Colour) -> String {
        let mut text = String::new();
        let rows = self.rows(columns);
        if rows > 0 {
            let _ = write!(text, "\x1b[{rows}A\r\x1b[J");
        }
        for line in above.iter().chain(lines) {
            line.render(colour, &mut text);
            text.push('\n');
        }
        self.widths = lines.iter().map(Line::width).collect();
        text
    }

    fn rows(&self, columns: usize) -> usize {
        self.widths.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum()
    }
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
        assert!(region.replace(&[], &[], 60, Colour::Plain).starts_with("\x1b[4A\r\x1b[J"));
        assert_eq!(region.replace(&[], &[], 60, Colour::Plain), "");
    }
}
