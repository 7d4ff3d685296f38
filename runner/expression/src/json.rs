//! Values and JSON: at the edge, where contexts come in and a result goes out.

use serde_json::{Map, Number, Value as Json};

use crate::object::Object;
use crate::value::Value;

/// The largest whole number below which every whole number is one double.
const WHOLE_NUMBERS_BELOW: f64 = 9_007_199_254_740_992.0;

impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(boolean) => Self::Boolean(*boolean),
            Json::Number(number) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::string(text.as_str()),
            Json::Array(items) => Self::array(items.iter().map(Self::from).collect()),
            Json::Object(entries) => Object::from(entries).into(),
        }
    }
}

impl From<&Map<String, Json>> for Object {
    fn from(entries: &Map<String, Json>) -> Self {
        entries.iter().map(|(key, value)| (key.as_str(), Value::from(value))).collect()
    }
}

impl Value {
    /// This value as JSON; `NaN` and the infinities, which JSON has not, are strings of that name.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Boolean(boolean) => Json::Bool(*boolean),
            Self::Number(number) => number_to_json(*number),
            Self::String(text) => Json::String(text.to_string()),
            Self::Array(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Object(object) => {
                Json::Object(object.iter().map(|(key, value)| (key.to_owned(), value.to_json())).collect())
            }
        }
    }
}

fn number_to_json(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < WHOLE_NUMBERS_BELOW {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number this small fits")]
        return Json::Number(Number::from(number as i64));
    }
    Number::from_f64(number).map_or_else(|| Json::String(crate::number::format(number)), Json::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_has_not_is_a_string() {
        assert_eq!(Value::from(f64::NAN).to_json(), "NaN");
        assert_eq!(Value::from(f64::NEG_INFINITY).to_json(), "-Infinity");
        assert_eq!(Value::from(-0.0).to_json(), 0);
        assert_eq!(Value::from(1e300).to_json(), 1e300);
        assert_eq!(Value::from(0.1).to_json(), 0.1);
    }
}
