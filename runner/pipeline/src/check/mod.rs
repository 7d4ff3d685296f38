//! What needs the whole file: names, the graph, matrices, and what every expression may read.

mod expression;
mod graph;
mod matrix;
mod names;
mod reach;
mod taint;
mod variables;

use std::collections::HashSet;

use crate::model::Draft;
use crate::problems::{Offers, Problems};
use crate::read::Written;

pub use expression::GITHUB;

/// What is checked, and what is known about it.
pub(crate) struct Subject<'a> {
    pub(crate) pipeline: &'a Draft,
    /// Every expression of the file.
    pub(crate) written: &'a [Written],
    /// Whether a name stood in a line that was taken out, so that its absence means nothing.
    pub(crate) is_lost: &'a dyn Fn(&str) -> bool,
    /// The names of `secrets`.
    pub(crate) secrets: HashSet<&'a str>,
    /// Near names.
    pub(crate) offers: &'a Offers,
}

/// Every problem that shows only in the whole.
pub(crate) fn check(diagnostics: &mut Problems, subject: &Subject<'_>) {
    graph::check(diagnostics, subject);
    names::check(diagnostics, subject);
    matrix::check(diagnostics, subject);
    expression::check(diagnostics, subject);
}
