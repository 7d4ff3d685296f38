//! `==`, `<`, and their kin: JavaScript's loose comparison, except that text ignores case and that
//! arrays and objects are never made into anything else.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::ordinal;
use crate::value::Value;

/// Whether `left == right`.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Boolean(left), Value::Boolean(right)) => left == right,
        (Value::String(left), Value::String(right)) => ordinal::equal(left, right),
        (Value::Array(left), Value::Array(right)) => left.is_same(right),
        (Value::Object(left), Value::Object(right)) => Arc::ptr_eq(left, right),
        _ => numbers(left, right).is_some_and(|(left, right)| left.partial_cmp(&right) == Some(Ordering::Equal)),
    }
}

/// How `left` stands to `right`; nothing where neither `<` nor `>` can hold.
pub(crate) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Boolean(left), Value::Boolean(right)) => Some(left.cmp(right)),
        (Value::String(left), Value::String(right)) => Some(ordinal::compare(left, right)),
        _ => {
            let (left, right) = numbers(left, right)?;
            left.partial_cmp(&right)
        }
    }
}

/// Both as numbers, which is how values of different kinds are compared.
fn numbers(left: &Value, right: &Value) -> Option<(f64, f64)> {
    let both_primitive = left.is_primitive() && right.is_primitive();
    both_primitive.then(|| (left.to_number(), right.to_number()))
}
