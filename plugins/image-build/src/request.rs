//! What the author wrote, as the engine takes it.

use std::collections::BTreeMap;

use sealock_sdk::{Error, ErrorKind};
use serde_json::Value;

fn invalid(code: &str, message: String) -> Error {
    Error::of_kind(ErrorKind::Invalid, code, message)
}

/// Scalars as the text that was written; anything else has no meaning here.
pub(crate) fn texts(input: &str, map: Option<&BTreeMap<String, Value>>) -> Result<Vec<(String, String)>, Error> {
    map.into_iter().flatten().map(|(name, value)| Ok((name.clone(), text(input, name, value)?))).collect()
}

fn text(input: &str, name: &str, value: &Value) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Null => Ok(String::new()),
        Value::Array(_) | Value::Object(_) => {
            let found = if value.is_array() { "a list" } else { "a map" };
            Err(invalid("E-INPUT-TYPE", format!("`{input}.{name}`: expected a text, found {found}")))
        }
    }
}

/// The one platform, when one is named.
pub(crate) fn platform(platforms: &[String]) -> Result<Option<&str>, Error> {
    match platforms {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => {
            let message =
                format!("`platforms` names {} ({}); one at a time is built", several.len(), several.join(", "));
            Err(invalid("E-NOT-YET", message).help("build each platform in a step, or a matrix cell, of its own"))
        }
    }
}

/// A login has all of its three parts or none.
pub(crate) fn check_login(given: [bool; 3]) -> Result<(), Error> {
    if given.iter().all(|&part| part == given[0]) {
        return Ok(());
    }
    let names = ["registry", "username", "password"];
    let missing: Vec<&str> = names.iter().zip(given).filter(|(_, given)| !given).map(|(name, _)| *name).collect();
    let message = format!("a login needs `registry`, `username`, and `password`; {} is missing", missing.join(" and "));
    Err(invalid("E-INPUT-MISSING", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(json: serde_json::Value) -> BTreeMap<String, Value> {
        serde_json::from_value(json).expect("a map")
    }

    #[test]
    fn arguments_are_the_text_that_was_written() {
        let args = map(serde_json::json!({ "VERSION": "1.10", "N": 3, "DEBUG": true, "EMPTY": null }));
        let expected = [("DEBUG", "true"), ("EMPTY", ""), ("N", "3"), ("VERSION", "1.10")];
        let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        assert_eq!(texts("args", Some(&args)).expect("scalars"), expected);
        assert_eq!(texts("args", None).expect("none"), []);
    }

    #[test]
    fn an_argument_that_is_a_list_is_named() {
        let args = map(serde_json::json!({ "TAGS": ["a"] }));
        let error = texts("args", Some(&args)).expect_err("a list");
        assert_eq!(error.message(), "`args.TAGS`: expected a text, found a list");
    }

    #[test]
    fn one_platform_is_built_at_a_time() {
        assert_eq!(platform(&[]).expect("none"), None);
        assert_eq!(platform(&["linux/amd64".into()]).expect("one"), Some("linux/amd64"));
        let error = platform(&["linux/amd64".into(), "linux/arm64".into()]).expect_err("two");
        assert_eq!(error.code(), "E-NOT-YET");
        assert_eq!(error.message(), "`platforms` names 2 (linux/amd64, linux/arm64); one at a time is built");
    }

    #[test]
    fn a_login_without_its_password_says_what_is_missing() {
        assert!(check_login([false; 3]).is_ok() && check_login([true; 3]).is_ok());
        let error = check_login([true, true, false]).expect_err("no password");
        assert_eq!(error.message(), "a login needs `registry`, `username`, and `password`; password is missing");
    }
}
