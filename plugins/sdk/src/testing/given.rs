//! Inputs as a test gives them, settled by the step's own description: types, defaults, what is missing.

use serde_json::{Map, Value as Json};

use crate::Value;

/// Milliseconds of each unit that a pipeline's author writes; longer names first.
const DURATIONS: [(&str, f64); 5] = [("ms", 1.0), ("s", 1e3), ("m", 60e3), ("h", 3_600e3), ("d", 86_400e3)];
/// Bytes of each unit.
const SIZES: [(&str, f64); 7] = [
    ("KiB", 1_024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("B", 1.0),
];

/// What the step is given: what the test gave, and defaults for the rest.
#[track_caller]
pub(crate) fn settle(spec: &str, given: &[(String, Value)], secrets: &[(String, Vec<u8>)]) -> Vec<(String, Value)> {
    let spec: Map<String, Json> = serde_json::from_str(spec).expect("the derived description is JSON");
    for (name, _) in given {
        let known = spec.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        assert!(spec.contains_key(name), "the step has no input `{name}`; it has {known}");
    }
    spec.iter().filter_map(|(name, own)| Some((name.clone(), settle_one(name, own, given, secrets)?))).collect()
}

#[track_caller]
fn settle_one(name: &str, spec: &Json, given: &[(String, Value)], secrets: &[(String, Vec<u8>)]) -> Option<Value> {
    let kind = spec["type"].as_str().unwrap_or_default();
    if kind == "map of secret" {
        let keys = secrets.iter().filter_map(|(own, _)| own.strip_prefix(name)?.strip_prefix('.'));
        return Some(Value::Items(keys.map(str::to_owned).collect()));
    }
    let is_given = given.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
    let default = spec.get("default").and_then(of_json);
    let value = is_given.or(default);
    let has_secret = kind == "secret" && secrets.iter().any(|(own, _)| own == name);
    let is_missing = value.is_none() && !has_secret && spec["required"] == true;
    assert!(!is_missing, "the step needs the input `{name}`: kit.input({name:?}, …)");
    value.map(|value| as_kind(name, kind, value))
}

fn of_json(json: &Json) -> Option<Value> {
    Some(match json {
        Json::String(text) => Value::Text(text.clone()),
        Json::Bool(flag) => Value::Flag(*flag),
        Json::Number(number) => {
            number.as_i64().map_or_else(|| number.as_f64().map(Value::Number), |n| Some(Value::Integer(n)))?
        }
        Json::Array(items) => Value::Items(items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()),
        Json::Object(_) => Value::Json(json.to_string()),
        Json::Null => return None,
    })
}

/// A duration that was written as text reaches the step in milliseconds, a size in bytes; one text is a list of one.
#[track_caller]
fn as_kind(name: &str, kind: &str, value: Value) -> Value {
    if let ("list", Value::Text(text)) = (kind, &value) {
        return Value::Items(vec![text.clone()]);
    }
    let units: &[(&str, f64)] = match kind {
        "duration" => &DURATIONS,
        "size" => &SIZES,
        _ => return value,
    };
    let Value::Text(text) = &value else {
        return value;
    };
    Value::Integer(amount(text, units).unwrap_or_else(|| panic!("`{text}` of `{name}` is no {kind}")))
}

fn amount(text: &str, units: &[(&str, f64)]) -> Option<i64> {
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let (unit, scale) = units.iter().find(|(unit, _)| rest[end..].starts_with(unit))?;
        total += number * scale;
        rest = &rest[end + unit.len()..];
    }
    #[expect(clippy::cast_possible_truncation, reason = "what a test writes down")]
    Some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = r#"{
        "file": { "type": "path", "required": true },
        "minimum": { "type": "integer", "default": 2 },
        "pause": { "type": "duration", "default": "1m30s" },
        "size": { "type": "size", "default": "1KiB" },
        "env": { "type": "map of secret" }
    }"#;

    fn given(entries: &[(&str, Value)]) -> Vec<(String, Value)> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn what_is_not_given_has_its_default_in_the_unit_that_the_host_uses() {
        let secrets = [("env.A".to_owned(), Vec::new())];
        let settled = settle(SPEC, &given(&[("file", "a".into())]), &secrets);
        let find = |name: &str| settled.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        assert_eq!(find("file"), Some(Value::Text("a".into())));
        assert_eq!(find("minimum"), Some(Value::Integer(2)));
        assert_eq!(find("pause"), Some(Value::Integer(90_000)));
        assert_eq!(find("size"), Some(Value::Integer(1_024)));
        assert_eq!(find("env"), Some(Value::Items(vec!["A".into()])));
    }

    #[test]
    #[should_panic(expected = "the step has no input `fiel`")]
    fn an_input_that_the_step_has_not_is_a_mistake_of_the_test() {
        settle(SPEC, &given(&[("fiel", "a".into())]), &[]);
    }

    #[test]
    #[should_panic(expected = "the step needs the input `file`")]
    fn a_missing_input_is_a_mistake_of_the_test() {
        settle(SPEC, &[], &[]);
    }
}
