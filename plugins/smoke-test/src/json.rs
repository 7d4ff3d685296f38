//! Whether one JSON value holds another.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::text::shown;

/// What a body has to hold, by key or path.
pub(crate) type Expected = BTreeMap<String, Value>;

/// The first place where `found` does not hold `expected`, as `expected` and `found` texts.
pub(crate) fn mismatch(expected: &Expected, found: &Value) -> Option<String> {
    let entries = expected.iter().map(|(key, value)| (key.as_str(), value));
    mismatch_in_entries(entries, found, "")
}

fn mismatch_in_entries<'a>(
    mut entries: impl Iterator<Item = (&'a str, &'a Value)>,
    found: &Value,
    path: &str,
) -> Option<String> {
    entries.find_map(|(key, expected)| {
        let path = format!("{path}.{key}");
        match lookup(found, key) {
            Some(found) => mismatch_at(expected, found, &path),
            None => Some(missing(found, &path)),
        }
    })
}

fn mismatch_at(expected: &Value, found: &Value, path: &str) -> Option<String> {
    match (expected, found) {
        (Value::Object(entries), Value::Object(_)) => {
            mismatch_in_entries(entries.iter().map(|(key, value)| (key.as_str(), value)), found, path)
        }
        (Value::Array(expected), Value::Array(items)) if expected.len() == items.len() => {
            let mut pairs = expected.iter().zip(items).enumerate();
            pairs.find_map(|(index, (expected, found))| mismatch_at(expected, found, &format!("{path}.{index}")))
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => None,
        _ if expected == found => None,
        _ => Some(format!("{path} = {}", shown(&found.to_string()))),
    }
}

fn missing(found: &Value, path: &str) -> String {
    const SHOWN_KEYS: usize = 10;
    match found {
        Value::Object(entries) if entries.is_empty() => format!("nothing at {path}: the object is empty"),
        Value::Object(entries) => {
            let keys: Vec<&str> = entries.keys().map(String::as_str).take(SHOWN_KEYS).collect();
            format!("nothing at {path}: there is {}", shown(&keys.join(", ")))
        }
        other => format!("nothing at {path}: there is {}", shown(&other.to_string())),
    }
}

/// What stands at `path`: a key as it is, or keys and indices between dots.
pub(crate) fn lookup<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let path = path.strip_prefix('.').unwrap_or(path);
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    path.split('.').try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        value => value.get(part),
    })
}

/// Every leaf of what is expected, such as `.status = "healthy"`.
pub(crate) fn describe(expected: &Expected) -> Vec<String> {
    expected.iter().flat_map(|(key, value)| leaves(value, &format!(".{key}"))).collect()
}

fn leaves(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            entries.iter().flat_map(|(key, value)| leaves(value, &format!("{path}.{key}"))).collect()
        }
        leaf => vec![format!("{path} = {leaf}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(expected: Value, found: &Value) -> Option<String> {
        mismatch(&serde_json::from_value(expected).expect("an object"), found)
    }

    #[test]
    fn what_is_not_expected_does_not_matter() {
        let found = json!({ "status": "healthy", "checks": { "db": "ok", "redis": "ok" }, "release": "r42" });
        assert_eq!(check(json!({ "status": "healthy" }), &found), None);
        assert_eq!(check(json!({ "checks": { "db": "ok" } }), &found), None);
        assert_eq!(check(json!({ "checks.redis": "ok" }), &found), None);
    }

    #[test]
    fn the_place_and_what_was_found_there_are_named() {
        let found = json!({ "status": "starting", "checks": { "db": "refused" } });
        assert_eq!(check(json!({ "status": "healthy" }), &found).as_deref(), Some(".status = \"starting\""));
        assert_eq!(check(json!({ "checks": { "db": "ok" } }), &found).as_deref(), Some(".checks.db = \"refused\""));
        assert_eq!(
            check(json!({ "checks.cache": "ok" }), &found).as_deref(),
            Some("nothing at .checks.cache: there is status, checks")
        );
        assert_eq!(check(json!({ "a": 1 }), &json!([1])).as_deref(), Some("nothing at .a: there is [1]"));
    }

    #[test]
    fn lists_are_compared_whole_and_numbers_by_value() {
        let found = json!({ "items": [{ "id": 1, "x": 2 }, { "id": 2 }], "n": 1.0 });
        assert_eq!(check(json!({ "items": [{ "id": 1 }, { "id": 2 }], "n": 1 }), &found), None);
        assert_eq!(check(json!({ "items.1.id": 3 }), &found).as_deref(), Some(".items.1.id = 2"));
        assert!(check(json!({ "items": [{ "id": 1 }] }), &found).is_some());
        assert!(check(json!({ "n": "1" }), &found).is_some());
    }

    #[test]
    fn a_key_with_dots_is_found_before_a_path() {
        assert_eq!(check(json!({ "a.b": 1 }), &json!({ "a.b": 1, "a": { "b": 2 } })), None);
    }

    #[test]
    fn expectations_are_described_leaf_by_leaf() {
        let expected = serde_json::from_value(json!({ "checks": { "db": "ok", "n": 1 }, "up": true })).expect("a map");
        assert_eq!(describe(&expected), [".checks.db = \"ok\"", ".checks.n = 1", ".up = true"]);
    }
}
