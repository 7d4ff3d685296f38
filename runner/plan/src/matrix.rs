//! Cells of a matrix whose values an expression may give. What the cells of known values are is the pipeline's to say.

use sealock_pipeline::cells::KnownMatrix;
pub use sealock_pipeline::cells::{Cell, CellsError};
use serde_json::{Map, Value as Json};

use crate::evaluate::{self, Evaluated, Known};
use crate::{MatrixSource, inputs};

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
    /// No cells, too many, or two that are equal.
    #[error(transparent)]
    Cells(#[from] CellsError),
}

impl MatrixError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expression(_) => "E-EXPR-EVALUATION",
            Self::Shape { .. } => "E-MATRIX-SHAPE",
            Self::Cells(CellsError::None) => "E-MATRIX-EMPTY",
            Self::Cells(CellsError::Equal { .. }) => "E-MATRIX-EQUAL",
            Self::Cells(_) => "E-MATRIX-SIZE",
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

    Ok(KnownMatrix { axes, include, exclude }.cells()?)
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
    use crate::WithValue;
    use crate::evaluate::Maps;

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

    fn labels(axes: &Json, include: &Json, exclude: &Json) -> Result<Vec<String>, MatrixError> {
        let source = MatrixSource { axes: written(axes), include: written(include), exclude: written(exclude) };
        cells(&source, &Maps::default()).map(|cells| cells.iter().map(label).collect())
    }

    #[test]
    fn cells_are_the_product_without_what_is_excluded() {
        let found = labels(&json!({"os": ["a", "b"], "v": ["1", "2"]}), &Json::Null, &json!([{"os": "a", "v": "2"}]));
        assert_eq!(found, Ok(vec!["a, 1".into(), "b, 1".into(), "b, 2".into()]));
    }

    #[test]
    fn include_adds_to_cells_that_it_does_not_change_and_makes_a_cell_where_it_fits_none() {
        let found = labels(
            &json!({"v": ["1", "2"]}),
            &json!([{"color": "red"}, {"v": "2", "extra": "x"}, {"v": "3"}]),
            &Json::Null,
        );
        assert_eq!(found, Ok(vec!["1, red".into(), "2, red, x".into(), "3".into()]));
    }

    #[test]
    fn unquoted_versions_stay_text() {
        assert_eq!(labels(&json!({"v": [3.11]}), &Json::Null, &Json::Null), Ok(vec!["3.11".into()]));
    }

    #[test]
    fn empty_equal_and_huge_matrices_are_refused_before_they_are_built() {
        assert_eq!(
            labels(&json!({"v": ["1", "1"]}), &Json::Null, &Json::Null),
            Err(CellsError::Equal { cell: "{\"v\":\"1\"}".into() }.into())
        );
        assert_eq!(labels(&json!({"v": ["1"]}), &Json::Null, &json!([{"v": "1"}])), Err(CellsError::None.into()));
        let axis: Vec<u32> = (0..1_000).collect();
        let huge = labels(&json!({"a": axis, "b": axis, "c": axis}), &Json::Null, &Json::Null);
        assert_eq!(huge, Err(CellsError::TooMany { found: 1_000_000_000 }.into()));
    }
}
