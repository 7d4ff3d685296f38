//! `fromJSON(text)`: strict JSON, read in bounded depth and room.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::budget::{Budget, Exceeded};
use crate::evaluate::Failure;
use crate::limits::{JSON_DEPTH, JSON_TEXT_BYTES};
use crate::object::Object;
use crate::value::Value;

/// What a value takes in an array or object, roughly: itself, its key's place, its allocation.
const ITEM_BYTES: usize = 64;

/// The value that `text` writes. Of equal keys the last counts.
pub(crate) fn read(text: &str, budget: &mut Budget) -> Result<Value, Failure> {
    if text.len() > JSON_TEXT_BYTES {
        return Err(Failure::Limit(format!("fromJSON reads at most {JSON_TEXT_BYTES} bytes; found {}", text.len())));
    }
    let room = Room { budget: RefCell::new(budget), passed: RefCell::default() };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Reader { room: &room, depth: 0 }.deserialize(&mut deserializer);
    match value.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(value) => Ok(value),
        Err(error) => {
            Err(room.passed.take().unwrap_or_else(|| Failure::Unfit(format!("Error parsing fromJson: {error}"))))
        }
    }
}

/// The room that is left, and the limit that was passed.
struct Room<'a> {
    budget: RefCell<&'a mut Budget>,
    passed: RefCell<Option<Failure>>,
}

#[derive(Clone, Copy)]
struct Reader<'a, 'b> {
    room: &'a Room<'b>,
    depth: usize,
}

impl Room<'_> {
    fn take<E: Error>(&self, bytes: usize) -> Result<(), E> {
        let taken = self.budget.borrow_mut().json(bytes);
        taken.map_err(|exceeded: Exceeded| self.pass(Failure::Exceeded(exceeded)))
    }

    fn pass<E: Error>(&self, failure: Failure) -> E {
        self.passed.replace(Some(failure));
        E::custom("a limit was passed")
    }
}

impl Reader<'_, '_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == JSON_DEPTH {
            let message = format!("fromJSON reads at most {JSON_DEPTH} levels; found more");
            return Err(self.room.pass(Failure::Limit(message)));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn take<E: Error>(self, bytes: usize) -> Result<(), E> {
        self.room.take(ITEM_BYTES + bytes)
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_, '_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.take(0)?;
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, boolean: bool) -> Result<Value, E> {
        self.take(0)?;
        Ok(boolean.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        self.take(0)?;
        Ok(number.into())
    }

    #[expect(clippy::cast_precision_loss, reason = "every number of the language is a double")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        self.visit_f64(number as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "every number of the language is a double")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        self.visit_f64(number as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.take(text.len())?;
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        self.take(0)?;
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        self.take(0)?;
        let inner = self.deeper()?;
        let mut object = Object::new();
        while let Some(key) = access.next_key::<String>()? {
            self.take(2 * key.len())?;
            object.insert(key, access.next_value_seed(inner)?);
        }
        Ok(object.into())
    }
}
