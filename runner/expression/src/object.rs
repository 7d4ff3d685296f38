//! Values by name, in the order in which they were written.

use std::collections::HashMap;

use crate::ordinal;
use crate::value::Value;

/// Values by name. The order of insertion is kept, and names that differ only in case are one.
#[derive(Clone, Debug, Default)]
pub struct Object {
    entries: Vec<(String, Value)>,
    places: HashMap<String, usize>,
    exact: bool,
}

impl Object {
    /// An empty object.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty object that tells `Path` from `PATH`, as GitHub's `env` does on Linux.
    pub fn with_exact_keys() -> Self {
        Self { exact: true, ..Self::default() }
    }

    /// Puts `value` under `key`. A key that is there already keeps its place and spelling.
    pub fn insert(&mut self, key: impl Into<String>, value: Value) {
        let key = key.into();
        let folded = self.folded(&key);
        if let Some(&place) = self.places.get(&folded) {
            self.entries[place].1 = value;
            return;
        }
        self.places.insert(folded, self.entries.len());
        self.entries.push((key, value));
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let place = *self.places.get(&self.folded(key))?;
        Some(&self.entries[place].1)
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn folded(&self, key: &str) -> String {
        if self.exact { key.to_owned() } else { ordinal::fold(key) }
    }
}

impl<K: Into<String>> FromIterator<(K, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        let mut object = Self::new();
        for (key, value) in entries {
            object.insert(key, value);
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_another_case_is_the_same_key_and_keeps_its_place() {
        let object: Object =
            [("b", Value::from(1.0)), ("A", Value::from(2.0)), ("B", Value::from(3.0))].into_iter().collect();
        let entries: Vec<_> = object.iter().map(|(key, value)| (key, value.to_number())).collect();
        assert_eq!(entries, [("b", 3.0), ("A", 2.0)]);
    }

    #[test]
    fn exact_keys_are_told_apart() {
        let mut object = Object::with_exact_keys();
        object.insert("Path", Value::from("one"));
        object.insert("PATH", Value::from("two"));
        assert_eq!(object.len(), 2);
        assert!(object.get("path").is_none());
    }
}
