//! A value with its place, and maps that keep their order.

use std::collections::HashMap;
use std::ops::Deref;

use sealock_diagnostics::Span;

/// A value and where it stands in the file.
///
/// The span of quoted text includes the quotes. The span of what an alias stands for is the span of
/// the original, not of the alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// What is written.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// `value` at `span`.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: change(self.value), span: self.span }
    }

    /// The same place, borrowed.
    pub fn as_ref(&self) -> Spanned<&T> {
        Spanned { value: &self.value, span: self.span }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// One entry of a map of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<V> {
    /// The name before the colon.
    pub key: Spanned<String>,
    /// What it stands for.
    pub value: V,
}

/// A map of the file: names are unique, and their order is the file's.
#[derive(Clone, Debug, PartialEq)]
pub struct Entries<V> {
    list: Vec<Entry<V>>,
    places: HashMap<String, usize>,
}

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Self { list: Vec::new(), places: HashMap::new() }
    }
}

impl<V> Entries<V> {
    /// The value called `name`.
    pub fn get(&self, name: &str) -> Option<&V> {
        self.entry(name).map(|entry| &entry.value)
    }

    /// The entry called `name`.
    pub fn entry(&self, name: &str) -> Option<&Entry<V>> {
        self.places.get(name).map(|&place| &self.list[place])
    }

    /// The place of `name` in the order of the file, from 0.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The entry at `place` in the order of the file, from 0.
    pub fn at(&self, place: usize) -> Option<&Entry<V>> {
        self.list.get(place)
    }

    /// Whether there is an entry called `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// All entries, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry<V>> {
        self.list.iter()
    }

    /// All names, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.list.iter().map(|entry| entry.key.value.as_str())
    }

    /// All values, in the order of the file.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.list.iter().map(|entry| &entry.value)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds an entry; one with a name that is already there is dropped, since the reader has
    /// reported it.
    pub(crate) fn push(&mut self, key: Spanned<String>, value: V) {
        if !self.contains(&key.value) {
            self.places.insert(key.value.clone(), self.list.len());
            self.list.push(Entry { key, value });
        }
    }
}

impl<'a, V> IntoIterator for &'a Entries<V> {
    type Item = &'a Entry<V>;
    type IntoIter = std::slice::Iter<'a, Entry<V>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
