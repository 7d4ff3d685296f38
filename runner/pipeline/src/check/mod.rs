//! What needs the whole file: names, the graph, matrices, and what every expression may read.

mod expression;
mod graph;
mod matrix;
mod names;
mod reach;
mod taint;

use sealock_diagnostics::Diagnostic;

use crate::model::Pipeline;
use crate::read::Written;

/// What is checked, and what is known about it.
pub(crate) struct Subject<'a> {
    pub(crate) pipeline: &'a Pipeline,
    /// Every expression of the file.
    pub(crate) written: &'a [Written],
    /// Whether a name stood in a line that was taken out, so that its absence means nothing.
    pub(crate) is_lost: &'a dyn Fn(&str) -> bool,
}

/// Every problem that shows only in the whole.
pub(crate) fn check(subject: &Subject<'_>) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();

    graph::check(&mut diagnostics, subject);
    names::check(&mut diagnostics, subject);
    matrix::check(&mut diagnostics, subject.pipeline);
    expression::check(&mut diagnostics, subject);

    diagnostics
}
