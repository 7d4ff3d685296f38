//! `.key`, `[key]`, and `.*`.
//!
//! `.*` makes a *filtered* array. An index after it goes to every item and keeps what it finds;
//! items that have nothing there are left out, and the result is filtered again.

use std::sync::Arc;

use crate::value::{Array, Value};

/// What is asked for.
pub(crate) enum Key {
    /// Everything.
    Star,
    /// One thing: under this name in an object, at this place in an array.
    One { name: Option<Arc<str>>, place: Option<usize> },
}

impl Key {
    /// The key that `value` is. An array or object names nothing; what is no whole place from zero
    /// on after rounding down is no place.
    pub(crate) fn new(is_star: bool, value: &Value) -> Self {
        if is_star {
            return Self::Star;
        }
        let name = value.is_primitive().then(|| value.to_text());
        Self::One { name, place: place(value.to_number()) }
    }
}

fn place(number: f64) -> Option<usize> {
    let place = number.floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    let in_range = (number >= 0.0 && place <= f64::from(i32::MAX)).then_some(place as usize);
    in_range
}

/// What an index of anything but an array or object is: nothing, or an empty filtered array.
pub(crate) fn of_primitive(is_star: bool) -> Option<Value> {
    is_star.then(|| Value::Array(Array::filtered(Vec::new())))
}

/// What `key` is in `base`, an array or object.
pub(crate) fn of_collection(base: &Value, key: &Key) -> Value {
    let (mut found, spreads) = match base {
        Value::Array(items) if items.is_filtered() => {
            let mut found = Vec::new();
            for item in items.iter() {
                gather(&mut found, item, key);
            }
            (found, true)
        }
        _ => {
            let mut found = Vec::new();
            gather(&mut found, base, key);
            (found, matches!(key, Key::Star))
        }
    };
    if spreads { Value::Array(Array::filtered(found)) } else { found.pop().unwrap_or_default() }
}

/// How many bytes are gone over to find `key` in `base`.
pub(crate) fn work(base: &Value, key: &Key) -> usize {
    let visited = match base {
        Value::Array(items) if items.is_filtered() => items.iter().map(|item| 1 + breadth(item, key)).sum(),
        _ => 1 + breadth(base, key),
    };
    let name = match key {
        Key::One { name: Some(name), .. } => name.len(),
        _ => 0,
    };
    visited * (size_of::<Value>() + name)
}

fn breadth(value: &Value, key: &Key) -> usize {
    match (value, key) {
        (Value::Array(items), Key::Star) => items.len(),
        (Value::Object(object), Key::Star) => object.len(),
        _ => 0,
    }
}

/// Adds to `found` what `key` is in `value`.
fn gather(found: &mut Vec<Value>, value: &Value, key: &Key) {
    match (value, key) {
        (Value::Array(items), Key::Star) => found.extend(items.iter().cloned()),
        (Value::Object(object), Key::Star) => found.extend(object.iter().map(|(_, value)| value.clone())),
        (Value::Array(items), Key::One { place: Some(place), .. }) => found.extend(items.get(*place).cloned()),
        (Value::Object(object), Key::One { name: Some(name), .. }) => found.extend(object.get(name).cloned()),
        _ => {}
    }
}
