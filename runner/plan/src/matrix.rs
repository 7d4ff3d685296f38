//! Cells of a matrix, by GitHub's rules.

use serde_json::{Map, Value as Json};

use crate::evaluate::{self, Evaluated, Known};
use crate::{MatrixSource, inputs};

/// Cells of one stage: a matrix made from outside text must not schedule a million stages.
pub const CELLS_MAX: usize = 256;

/// One cell: its axes and values, in the author's order.
pub type Cell = Map<String, Json>;

/// Why there are no cells.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    /// An expression failed.
    #[error("{0}")]
    Expression(String),
    /// Not a map of lists.
    #[error("expected {expected}, found {found}")]
    Shape {
        /// What a matrix has here.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// No cell is left.
    #[error("the matrix has no cells")]
    Empty,
    /// Too many.
    #[error("the matrix has {found} cells; {CELLS_MAX} are the most")]
    TooMany {
        /// How many.
        found: usize,
    },
    /// Two cells are the same.
    #[error("two cells are equal: {0}")]
    Equal(String),
}

impl MatrixError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expression(_) => "E-EXPR-EVALUATION",
            Self::Shape { .. } => "E-MATRIX-SHAPE",
            Self::Empty => "E-MATRIX-EMPTY",
            Self::TooMany { .. } => "E-MATRIX-SIZE",
            Self::Equal(_) => "E-MATRIX-EQUAL",
        }
    }
}

/// The cells of `source`, in order: axes from left to right, the last one fastest, without `exclude`, with
/// `include`.
///
/// # Errors
///
/// When an expression fails, the shape is wrong, or there are no, too many, or equal cells.
pub fn cells(source: &MatrixSource, known: &(impl Known + ?Sized)) -> Result<Vec<Cell>, MatrixError> {
    let axes = json(&source.axes, known)?;
    let (axes, mut include, mut exclude) = split(axes)?;
    include.extend(objects(json(&source.include, known)?, "a list of maps under `include`")?);
    exclude.extend(objects(json(&source.exclude, known)?, "a list of maps under `exclude`")?);

    let product = product(&axes)?;
    let kept: Vec<Cell> = product.into_iter().filter(|cell| !exclude.iter().any(|out| covers(out, cell))).collect();
    let cells = add_included(kept, include, &axes);

    refuse_odd_sizes(&cells)?;
    Ok(cells)
}

fn json(written: &crate::WithValue, known: &(impl Known + ?Sized)) -> Result<Json, MatrixError> {
    let value = evaluate::value(written, known).map_err(|error| MatrixError::Expression(error.to_string()))?;
    Ok(text_json(&value))
}

/// Axes are text: an unquoted `3.10` stays `3.10`.
fn text_json(value: &Evaluated) -> Json {
    match value {
        Evaluated::Scalar { text, .. } => text.as_str().into(),
        Evaluated::List(items) => items.iter().map(text_json).collect(),
        Evaluated::Map(entries) => {
            entries.iter().map(|(name, entry)| (name.clone(), text_json(entry))).collect::<Map<_, _>>().into()
        }
        other => inputs::to_json(other),
    }
}

type Axes = Vec<(String, Vec<Json>)>;

/// A computed matrix may hold `include` and `exclude` of its own.
fn split(axes: Json) -> Result<(Axes, Vec<Cell>, Vec<Cell>), MatrixError> {
    let Json::Object(entries) = axes else {
        return Err(MatrixError::Shape { expected: "a map of axes", found: kind(&axes) });
    };
    let (mut named, mut include, mut exclude) = (Axes::new(), Vec::new(), Vec::new());
    for (name, value) in entries {
        match (name.as_str(), value) {
            ("include", value) => include = objects(value, "a list of maps under `include`")?,
            ("exclude", value) => exclude = objects(value, "a list of maps under `exclude`")?,
            (_, Json::Array(values)) => named.push((name, values)),
            (_, other) => return Err(MatrixError::Shape { expected: "a list for each axis", found: kind(&other) }),
        }
    }
    Ok((named, include, exclude))
}

fn objects(value: Json, expected: &'static str) -> Result<Vec<Cell>, MatrixError> {
    let items = match value {
        Json::Null => return Ok(Vec::new()),
        Json::Array(items) => items,
        other => return Err(MatrixError::Shape { expected, found: kind(&other) }),
    };
    let cell = |item| match item {
        Json::Object(cell) => Ok(cell),
        other => Err(MatrixError::Shape { expected, found: kind(&other) }),
    };
    items.into_iter().map(cell).collect()
}

fn kind(value: &Json) -> String {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
    .to_owned()
}

fn product(axes: &Axes) -> Result<Vec<Cell>, MatrixError> {
    if axes.is_empty() {
        return Ok(Vec::new());
    }
    let found = axes.iter().try_fold(1_usize, |count, (_, values)| count.checked_mul(values.len()));
    // Before exclusions: a product that is far too large is not built to be thinned out.
    const PRODUCT_MAX: usize = CELLS_MAX * 16;
    match found {
        Some(count) if count <= PRODUCT_MAX => {}
        _ => return Err(MatrixError::TooMany { found: found.unwrap_or(usize::MAX) }),
    }
    let mut cells = vec![Cell::new()];
    for (name, values) in axes {
        let with = |cell: &Cell, value: &Json| {
            let mut cell = cell.clone();
            cell.insert(name.clone(), value.clone());
            cell
        };
        cells = cells.iter().flat_map(|cell| values.iter().map(move |value| with(cell, value))).collect();
    }
    Ok(cells)
}

/// Whether every entry of `pattern` is in `cell`.
fn covers(pattern: &Cell, cell: &Cell) -> bool {
    pattern.iter().all(|(name, value)| cell.get(name).is_some_and(|own| same(own, value)))
}

fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Object(a), Json::Object(b)) => covers(b, a),
        _ => a == b,
    }
}

/// An included cell adds to every cell whose axes it does not change; one that fits none is a cell of its own.
fn add_included(cells: Vec<Cell>, include: Vec<Cell>, axes: &Axes) -> Vec<Cell> {
    let originals = cells.clone();
    let mut cells = cells;
    let mut added = Vec::new();
    for extra in include {
        let mut fits_any = false;
        for (cell, original) in cells.iter_mut().zip(&originals) {
            let keeps_axes =
                axes.iter().all(|(axis, _)| extra.get(axis).is_none_or(|value| original.get(axis) == Some(value)));
            if keeps_axes {
                fits_any = true;
                cell.extend(extra.clone());
            }
        }
        if !fits_any {
            added.push(extra);
        }
    }
    cells.extend(added);
    cells
}

fn refuse_odd_sizes(cells: &[Cell]) -> Result<(), MatrixError> {
    match cells.len() {
        0 => return Err(MatrixError::Empty),
        found if found > CELLS_MAX => return Err(MatrixError::TooMany { found }),
        _ => {}
    }
    let mut seen = std::collections::HashSet::new();
    match cells.iter().find(|cell| !seen.insert(sorted(cell))) {
        Some(twice) => Err(MatrixError::Equal(label(twice))),
        None => Ok(()),
    }
}

fn sorted(cell: &Cell) -> String {
    let mut entries: Vec<String> = cell.iter().map(|(name, value)| format!("{name}={value}")).collect();
    entries.sort();
    entries.join("\n")
}

/// The name of a stage's cell: `test (3.11)`.
pub fn cell_name(stage: &str, cell: &Cell) -> String {
    format!("{stage} ({})", label(cell))
}

/// The cell as it stands in a stage's name: `3.11, ubuntu`.
pub fn label(cell: &Cell) -> String {
    let texts = cell.values().map(|value| match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    });
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::evaluate::Maps;
    use crate::{LateFlag, WithValue};

    fn written(value: &Json) -> WithValue {
        match value {
            Json::Null => WithValue::Null,
            Json::Array(items) => WithValue::List(items.iter().map(written).collect()),
            Json::Object(entries) => {
                WithValue::Map(entries.iter().map(|(name, entry)| (name.clone(), written(entry))).collect())
            }
            Json::String(text) => WithValue::text(text.as_str()),
            other => WithValue::Scalar { text: other.to_string(), plain: true },
        }
    }

    fn labels(axes: Json, include: Json, exclude: Json) -> Result<Vec<String>, MatrixError> {
        let source = MatrixSource {
            axes: written(&axes),
            include: written(&include),
            exclude: written(&exclude),
            fail_fast: LateFlag::Known(true),
        };
        cells(&source, &Maps::default()).map(|cells| cells.iter().map(label).collect())
    }

    #[test]
    fn cells_are_the_product_without_what_is_excluded() {
        let found = labels(json!({"os": ["a", "b"], "v": ["1", "2"]}), Json::Null, json!([{"os": "a", "v": "2"}]));
        assert_eq!(found, Ok(vec!["a, 1".into(), "b, 1".into(), "b, 2".into()]));
    }

    #[test]
    fn include_adds_to_cells_that_it_does_not_change_and_makes_a_cell_where_it_fits_none() {
        let found = labels(
            json!({"v": ["1", "2"]}),
            json!([{"color": "red"}, {"v": "2", "extra": "x"}, {"v": "3"}]),
            Json::Null,
        );
        assert_eq!(found, Ok(vec!["1, red".into(), "2, red, x".into(), "3".into()]));
    }

    #[test]
    fn unquoted_versions_stay_text() {
        assert_eq!(labels(json!({"v": [3.11]}), Json::Null, Json::Null), Ok(vec!["3.11".into()]));
    }

    #[test]
    fn empty_equal_and_huge_matrices_are_refused_before_they_are_built() {
        assert_eq!(labels(json!({"v": ["1", "1"]}), Json::Null, Json::Null), Err(MatrixError::Equal("1".into())));
        assert_eq!(labels(json!({"v": ["1"]}), Json::Null, json!([{"v": "1"}])), Err(MatrixError::Empty));
        let axis: Vec<u32> = (0..1_000).collect();
        let huge = labels(json!({"a": axis, "b": axis, "c": axis}), Json::Null, Json::Null);
        assert_eq!(huge, Err(MatrixError::TooMany { found: 1_000_000_000 }));
    }
}
