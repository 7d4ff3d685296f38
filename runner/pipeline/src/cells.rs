//! The cells of a matrix, as GitHub makes them: the product of the axes, less `exclude`, with `include`.

use serde_json::{Map, Value};

/// How many cells a stage has at most; stops a matrix of a million from being made.
pub const STAGE_CELLS_MAX: usize = 256;

/// How many cells all stages have together at most.
pub const PIPELINE_CELLS_MAX: usize = 4_000;

/// One cell: names and values, axes first.
pub type Cell = Map<String, Value>;

/// A matrix whose values are known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownMatrix {
    /// In the order of the file, each with its values.
    pub axes: Vec<(String, Vec<Value>)>,
    /// Cells that are added, or that add values to cells.
    pub include: Vec<Cell>,
    /// Cells that are taken away.
    pub exclude: Vec<Cell>,
}

/// Why a matrix has no cells.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CellsError {
    /// More than [`STAGE_CELLS_MAX`].
    #[error("the matrix has {found} cells, {STAGE_CELLS_MAX} are the most")]
    TooMany {
        /// How many.
        found: usize,
    },
    /// `exclude` took everything away, or there was nothing.
    #[error("the matrix has no cells")]
    None,
    /// Two cells are the same.
    #[error("two cells are the same: {cell}")]
    Equal {
        /// The cell as JSON.
        cell: String,
    },
}

impl KnownMatrix {
    /// The cells, in order: the last axis changes fastest, added cells come last.
    ///
    /// # Errors
    ///
    /// There are too many, none, or two that are equal.
    pub fn cells(&self) -> Result<Vec<Cell>, CellsError> {
        let found = self.product_size();
        if found > STAGE_CELLS_MAX {
            return Err(CellsError::TooMany { found });
        }
        let mut cells = self.product();
        cells.retain(|cell| !self.exclude.iter().any(|excluded| matches(cell, excluded)));
        let added = self.add_included(&mut cells);
        cells.extend(added);
        match cells.len() {
            0 => Err(CellsError::None),
            found if found > STAGE_CELLS_MAX => Err(CellsError::TooMany { found }),
            _ => refuse_equal(&cells).map(|()| cells),
        }
    }

    /// How many cells the axes alone make.
    fn product_size(&self) -> usize {
        if self.axes.is_empty() {
            return 0;
        }
        self.axes.iter().fold(1, |size: usize, (_, values)| size.saturating_mul(values.len()))
    }

    fn product(&self) -> Vec<Cell> {
        if self.axes.is_empty() {
            return Vec::new();
        }
        self.axes.iter().fold(vec![Cell::new()], |cells, (name, values)| {
            let with = |cell: &Cell, value: &Value| {
                let mut cell = cell.clone();
                cell.insert(name.clone(), value.clone());
                cell
            };
            cells.iter().flat_map(|cell| values.iter().map(|value| with(cell, value))).collect()
        })
    }

    /// Adds values to the cells that they fit; gives those that fit none.
    fn add_included(&self, cells: &mut [Cell]) -> Vec<Cell> {
        let is_axis = |name: &str| self.axes.iter().any(|(axis, _)| axis == name);
        let mut added = Vec::new();
        for entry in &self.include {
            let of_axes: Cell =
                entry.iter().filter(|(name, _)| is_axis(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
            let mut fits_any = false;
            for cell in cells.iter_mut().filter(|cell| matches(cell, &of_axes)) {
                fits_any = true;
                let values = entry.iter().filter(|(name, _)| !is_axis(name));
                cell.extend(values.map(|(name, value)| (name.clone(), value.clone())));
            }
            if !fits_any {
                added.push(entry.clone());
            }
        }
        added
    }
}

/// Whether `cell` has every value of `wanted`.
fn matches(cell: &Cell, wanted: &Cell) -> bool {
    wanted.iter().all(|(name, value)| cell.get(name).is_some_and(|own| same(own, value)))
}

/// Whether two values are the same; a number is the same as its text, since the file does not say which.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => left.len() == right.len() && matches(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => false,
        (left, right) => scalar_text(left) == scalar_text(right),
    }
}

fn scalar_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn refuse_equal(cells: &[Cell]) -> Result<(), CellsError> {
    for (place, cell) in cells.iter().enumerate() {
        let is_same = |other: &&Cell| other.len() == cell.len() && matches(other, cell);
        if cells[..place].iter().any(|other| is_same(&other)) {
            return Err(CellsError::Equal { cell: Value::Object(cell.clone()).to_string() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cells(matrix: &Value) -> Result<Value, CellsError> {
        let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let list = |key: &str| matrix[key].as_array().cloned().unwrap_or_default();
        let axes = object(&matrix["axes"]).into_iter();
        let known = KnownMatrix {
            axes: axes.map(|(name, values)| (name, values.as_array().cloned().unwrap_or_default())).collect(),
            include: list("include").iter().map(object).collect(),
            exclude: list("exclude").iter().map(object).collect(),
        };
        known.cells().map(|cells| Value::Array(cells.into_iter().map(Value::Object).collect()))
    }

    #[test]
    fn the_last_axis_changes_fastest() {
        let found = cells(&json!({"axes": {"a": [1, 2], "b": ["x", "y"]}}));
        assert_eq!(found, Ok(json!([{"a":1,"b":"x"},{"a":1,"b":"y"},{"a":2,"b":"x"},{"a":2,"b":"y"}])));
    }

    #[test]
    fn includes_follow_the_example_of_githubs_documentation() {
        let found = cells(&json!({
            "axes": {"fruit": ["apple", "pear"], "animal": ["cat", "dog"]},
            "include": [
                {"color": "green"},
                {"color": "pink", "animal": "cat"},
                {"fruit": "apple", "shape": "circle"},
                {"fruit": "banana"},
                {"fruit": "banana", "animal": "cat"},
            ],
        }));
        assert_eq!(
            found,
            Ok(json!([
                {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
                {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
                {"fruit": "pear", "animal": "cat", "color": "pink"},
                {"fruit": "pear", "animal": "dog", "color": "green"},
                {"fruit": "banana"},
                {"fruit": "banana", "animal": "cat"},
            ]))
        );
    }

    #[test]
    fn an_exclude_takes_every_cell_that_has_its_values_as_text_or_number() {
        let found = cells(&json!({"axes": {"a": ["3.11", "3.12"], "b": [1, 2]}, "exclude": [{"a": 3.12}]}));
        assert_eq!(found, Ok(json!([{"a":"3.11","b":1},{"a":"3.11","b":2}])));
    }

    #[test]
    fn a_million_cells_are_counted_and_not_made() {
        let axis: Vec<u32> = (0..1000).collect();
        let found = cells(&json!({"axes": {"a": axis, "b": axis}}));
        assert_eq!(found, Err(CellsError::TooMany { found: 1_000_000 }));
    }

    #[test]
    fn nothing_and_the_same_twice_are_refused() {
        assert_eq!(cells(&json!({"axes": {"a": [1]}, "exclude": [{"a": 1}]})), Err(CellsError::None));
        let twice = cells(&json!({"axes": {"a": ["1", 1]}}));
        assert_eq!(twice, Err(CellsError::Equal { cell: "{\"a\":1}".into() }));
    }
}
