//! Matrices that are written out: their cells are counted and compared.

use sealock_diagnostics::Diagnostic;

use super::Subject;
use crate::cells::{Cell, CellsError, KnownMatrix, PIPELINE_CELLS_MAX, STAGE_CELLS_MAX};
use crate::model::{Axes, Axis, Cells, Entries, Matrix, Spanned, Stage, Value};
use crate::problems::Problems;

pub(super) fn check(diagnostics: &mut Problems, subject: &Subject<'_>) {
    let pipeline = subject.pipeline;
    let mut total = 0;
    for stage in pipeline.stages.values() {
        let Some(matrix) = &stage.matrix else {
            continue;
        };
        check_exclude(diagnostics, subject, matrix);
        match known(matrix).map(|known| known.cells()) {
            Some(Ok(cells)) => total += cells.len(),
            Some(Err(error)) => diagnostics.push(problem(stage, matrix, &error)),
            None => diagnostics.extend(too_large(matrix)),
        }
    }
    if total > PIPELINE_CELLS_MAX {
        let message = format!("all matrices together have {total} cells, {PIPELINE_CELLS_MAX} are the most");
        diagnostics.push(Diagnostic::error("E-CFG-BUDGET", message, None));
    }
}

fn problem(stage: &Stage, matrix: &Spanned<Matrix>, error: &CellsError) -> Diagnostic {
    let code = match error {
        CellsError::TooMany { .. } => "E-CFG-BUDGET",
        CellsError::None => "E-EMPTY",
        CellsError::Equal { .. } => "E-MATRIX-EQUAL",
    };
    let start = matrix.span.start;
    let end = axes(matrix).and_then(|axes| axes.iter().next()).map_or(start, |axis| axis.key.span.end);
    let message = format!("stage `{}`: {error}", stage.id.value);
    Diagnostic::error(code, message, sealock_diagnostics::Span::new(start, end))
}

/// The axes of a matrix that has expressions in it can be too long all the same.
fn too_large(matrix: &Spanned<Matrix>) -> Option<Diagnostic> {
    let lengths = axes(matrix)?.values().filter_map(|axis| match axis {
        Axis::Values(values) => Some(values.len()),
        Axis::Computed(_) => None,
    });
    let found = lengths.fold(1, usize::saturating_mul);
    let message = format!("the matrix has {found} cells or more, {STAGE_CELLS_MAX} are the most");
    let place = sealock_diagnostics::Span::new(matrix.span.start, matrix.span.start);
    (found > STAGE_CELLS_MAX).then(|| Diagnostic::error("E-CFG-BUDGET", message, place))
}

/// A name in `exclude` that is no axis would never match.
fn check_exclude(diagnostics: &mut Problems, subject: &Subject<'_>, matrix: &Matrix) {
    let (Some(axes), Cells::Listed(excluded)) = (axes(matrix), &matrix.exclude) else {
        return;
    };
    for entry in excluded.iter().flat_map(|cell| cell.value.iter()) {
        if !axes.contains(&entry.key.value) {
            let message = format!("`exclude` names `{}`, which is no axis of this matrix", entry.key.value);
            let found = Diagnostic::error("E-MATRIX-AXIS", message, entry.key.span);
            diagnostics.push(found.maybe_help(subject.offers.offer(&entry.key.value, axes.names())));
        }
    }
}

fn axes(matrix: &Matrix) -> Option<&Entries<Axis>> {
    match &matrix.axes {
        Axes::Named(axes) => Some(axes),
        Axes::Computed(_) => None,
    }
}

/// The matrix, when no expression stands in it.
fn known(matrix: &Matrix) -> Option<KnownMatrix> {
    let values_of = |axis: &Axis| match axis {
        Axis::Values(values) => values.iter().map(|value| value.to_json()).collect::<Option<Vec<_>>>(),
        Axis::Computed(_) => None,
    };
    let axes = axes(matrix)?.iter().map(|entry| Some((entry.key.value.clone(), values_of(&entry.value)?)));
    Some(KnownMatrix {
        axes: axes.collect::<Option<_>>()?,
        include: listed(&matrix.include)?,
        exclude: listed(&matrix.exclude)?,
    })
}

fn listed(cells: &Cells) -> Option<Vec<Cell>> {
    let Cells::Listed(cells) = cells else {
        return None;
    };
    cells.iter().map(|cell| cell_of(&cell.value)).collect()
}

fn cell_of(cell: &Entries<Spanned<Value>>) -> Option<Cell> {
    cell.iter().map(|entry| Some((entry.key.value.clone(), entry.value.to_json()?))).collect()
}
