//! Values of the file as the plan keeps them: what an expression makes of them is not said yet.

use sealock_pipeline::{Axes, Axis, Cells, Entries, Matrix, Spanned, Text, Value};

use crate::frozen::{MatrixSource, WithValue};

/// A value.
pub(crate) fn value(own: &Value) -> WithValue {
    match own {
        Value::Null => WithValue::Null,
        Value::Scalar(scalar) => WithValue::Scalar { text: scalar.text.raw().to_owned(), plain: scalar.plain },
        Value::List(items) => WithValue::List(items.iter().map(|item| value(&item.value)).collect()),
        Value::Map(map) => WithValue::Map(entries(map)),
    }
}

/// A map.
pub(crate) fn entries(map: &Entries<Spanned<Value>>) -> Vec<(String, WithValue)> {
    map.iter().map(|entry| (entry.key.value.clone(), value(&entry.value.value))).collect()
}

/// A matrix.
pub(crate) fn matrix(own: &Matrix) -> MatrixSource {
    let axes = match &own.axes {
        Axes::Computed(text) => computed(text),
        Axes::Named(axes) => {
            WithValue::Map(axes.iter().map(|axis| (axis.key.value.clone(), axis_value(&axis.value))).collect())
        }
    };
    MatrixSource { axes, include: cells_value(&own.include), exclude: cells_value(&own.exclude) }
}

fn axis_value(axis: &Axis) -> WithValue {
    match axis {
        Axis::Computed(text) => computed(text),
        Axis::Values(values) => WithValue::List(values.iter().map(|one| value(&one.value)).collect()),
    }
}

fn cells_value(cells: &Cells) -> WithValue {
    match cells {
        Cells::Computed(text) => computed(text),
        Cells::Listed(list) => WithValue::List(list.iter().map(|cell| WithValue::Map(entries(&cell.value))).collect()),
    }
}

fn computed(text: &Spanned<Text>) -> WithValue {
    WithValue::Scalar { text: text.value.raw().to_owned(), plain: true }
}
