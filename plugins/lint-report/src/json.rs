//! JSON that is read as it comes: nothing is kept but what is asked for.

use std::fmt;
use std::marker::PhantomData;

use sealock_report::{At, Fault, Place, Report};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

/// Reads the whole report, from its start, into what `seed` makes of it.
pub(crate) fn read<'de, S: DeserializeSeed<'de>>(report: &mut Report<'_>, seed: S) -> Result<S::Value, Fault> {
    report.rewind_json()?;
    let mut deserializer = serde_json::Deserializer::from_reader(report);
    let value = seed.deserialize(&mut deserializer).map_err(fault)?;
    deserializer.end().map_err(fault)?;
    Ok(value)
}

/// What serde says, as found and expected.
fn fault(error: serde_json::Error) -> Fault {
    let at = At::Place(Place { line: error.line() as u64, column: error.column() as u64 });
    let suffix = format!(" at line {} column {}", error.line(), error.column());
    let message = error.to_string().trim_end_matches(&suffix).to_owned();
    match error.classify() {
        Category::Io => Fault::from_io(error.into()),
        Category::Eof => Fault::new(at, "the end of the file", "the rest of the JSON"),
        Category::Syntax => Fault::new(at, format!("JSON that is not well-formed ({message})"), "well-formed JSON"),
        Category::Data => of_shape(at, &message),
    }
}

/// Serde's sentences about a value of another shape.
fn of_shape(at: At, message: &str) -> Fault {
    if let Some(field) = message.strip_prefix("missing field ") {
        return Fault::new(at, format!("an object without {field}"), field);
    }
    let (found, expected) = message.rsplit_once(", expected ").unwrap_or((message, "another value"));
    let found = ["invalid type: ", "invalid value: "].iter().find_map(|word| found.strip_prefix(word)).unwrap_or(found);
    Fault::new(at, sealock_report::shorten(found, MAX_FOUND_CHARS), expected)
}

/// What is shown of a value that does not belong.
const MAX_FOUND_CHARS: usize = 120;

/// A list whose entries are handed over one by one.
pub(crate) struct Each<T, F> {
    what: &'static str,
    take: F,
    entry: PhantomData<T>,
}

impl<T, F: FnMut(T)> Each<T, F> {
    /// A list of `what`.
    pub(crate) fn new(what: &'static str, take: F) -> Self {
        Self { what, take, entry: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Each<T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Each<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", self.what)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element()? {
            (self.take)(entry);
        }
        Ok(())
    }
}

/// An object of which one key is read and the others are skipped.
pub(crate) struct Only<S> {
    key: &'static str,
    seed: S,
}

impl<S> Only<S> {
    /// Reads `key` by `seed`.
    pub(crate) fn new(key: &'static str, seed: S) -> Self {
        Self { key, seed }
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Only<S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Only<S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with `{}`", self.key)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seed = Some(self.seed);
        while let Some(key) = map.next_key::<String>()? {
            if key != self.key {
                map.next_value::<IgnoredAny>()?;
            } else if let Some(seed) = seed.take() {
                map.next_value_seed(seed)?;
            } else {
                return Err(A::Error::duplicate_field(self.key));
            }
        }
        Ok(())
    }
}

/// A list of which the first `N` entries are kept.
#[derive(Debug)]
pub(crate) struct Firsts<T, const N: usize>(pub(crate) Vec<T>);

impl<T, const N: usize> Default for Firsts<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// A list of at most `N` entries.
#[derive(Debug)]
pub(crate) struct AtMost<T, const N: usize>(pub(crate) Vec<T>);

impl<T, const N: usize> Default for AtMost<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// A list, whatever is in it.
#[derive(Debug)]
pub(crate) struct AnyList;

struct ListVisitor<T, const N: usize> {
    may_be_longer: bool,
    entry: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for ListVisitor<T, N> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < N {
            match list.next_element()? {
                Some(entry) => kept.push(entry),
                None => return Ok(kept),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            if !self.may_be_longer {
                return Err(A::Error::custom(format_args!("a list of more than {N} entries, expected a shorter one")));
            }
        }
        Ok(kept)
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Firsts<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = ListVisitor::<T, N> { may_be_longer: true, entry: PhantomData };
        deserializer.deserialize_seq(visitor).map(Self)
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for AtMost<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = ListVisitor::<T, N> { may_be_longer: false, entry: PhantomData };
        deserializer.deserialize_seq(visitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for AnyList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = ListVisitor::<IgnoredAny, 0> { may_be_longer: true, entry: PhantomData };
        deserializer.deserialize_seq(visitor).map(|_| Self)
    }
}
