//! A step's inputs against its plugin's manifest.
//!
//! The same rules hold when the plan is made, for what is known then, and when the step starts, for
//! everything.

use sealock_contract::grant::plain;
use sealock_contract::manifest::{InputSpec, InputType};
use sealock_contract::{Digest, SecretPart, SecretText, Value};
use sealock_pipeline::{Duration, Size};
use serde_json::Value as Json;

use crate::evaluate::Evaluated;

/// One input, ready for the step.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A value that the component sees.
    Value(Value),
    /// A secret, which it sees as a handle.
    Secret(SecretText),
    /// A map of secrets, each a handle under `input.key`.
    Secrets(Vec<(String, SecretText)>),
    /// Not given.
    Absent,
}

/// Why a value does not fit its input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputProblem {
    /// Another type.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What the manifest says.
        expected: String,
        /// What the author wrote.
        found: String,
    },
    /// A number outside its range.
    #[error("expected {expected}, found {found}")]
    Range {
        /// What the manifest says.
        expected: String,
        /// What the author wrote.
        found: String,
    },
    /// A secret where the component would see it.
    #[error("a secret may not stand here: the input is a {0}, which the step sees")]
    SecretSeen(&'static str),
    /// Text where a secret belongs.
    #[error("expected a secret, found text that everybody who reads the file can read")]
    NotSecret,
    /// A path that leaves the workspace.
    #[error("expected a path inside the workspace, found `{0}`")]
    PathOutside(String),
}

impl InputProblem {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Type { .. } => "E-INPUT-TYPE",
            Self::Range { .. } => "E-CFG-RANGE",
            Self::SecretSeen(_) => "E-SECRET-PLACE",
            Self::NotSecret => "E-SECRET-LITERAL",
            Self::PathOutside(_) => "E-INPUT-PATH",
        }
    }

    /// What to do.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::NotSecret => Some("declare it under `secrets` and write `${{ secrets.NAME }}`"),
            Self::SecretSeen(_) => Some("secrets go into inputs that a plugin declares as such, and into `env`"),
            _ => None,
        }
    }
}

/// Checks `value` against `spec` and gives what the step gets.
///
/// # Errors
///
/// When the value does not fit.
pub fn fit(spec: &InputSpec, value: &Evaluated) -> Result<Input, InputProblem> {
    if *value == Evaluated::Null || *value == Evaluated::Json(Json::Null) {
        return Ok(Input::Absent);
    }
    match spec.kind {
        InputType::Secret => secret(value).map(Input::Secret),
        InputType::MapOfSecret => map_of_secrets(value),
        _ if holds_secret(value) => Err(InputProblem::SecretSeen(spec.kind.word())),
        _ => plain_value(spec, value).map(Input::Value),
    }
}

/// The manifest's default, or nothing.
///
/// # Errors
///
/// When the manifest's own default does not fit its type.
pub fn default(spec: &InputSpec) -> Result<Input, InputProblem> {
    match &spec.default {
        Some(json) => fit(spec, &Evaluated::Json(json.clone())),
        None => Ok(Input::Absent),
    }
}

fn plain_value(spec: &InputSpec, value: &Evaluated) -> Result<Value, InputProblem> {
    match spec.kind {
        InputType::String | InputType::Script | InputType::ImageId | InputType::Target => {
            text(spec, value).map(Value::Text)
        }
        InputType::Choice => choice(spec, value),
        InputType::Boolean => boolean(spec, value),
        InputType::Integer => integer(spec, value),
        InputType::Number => number(spec, value),
        InputType::Duration => duration(spec, value),
        InputType::Size => size(spec, value),
        InputType::Path => path(spec, value),
        InputType::Digest => digest(spec, value),
        InputType::List => list(spec, value),
        InputType::Map => map(spec, value),
        InputType::Secret | InputType::MapOfSecret => Err(InputProblem::NotSecret),
    }
}

fn wrong(expected: impl Into<String>, value: &Evaluated) -> InputProblem {
    InputProblem::Type { expected: expected.into(), found: found(value) }
}

/// What was found, in a few words.
fn found(value: &Evaluated) -> String {
    const SHOWN_CHARS_MAX: usize = 60;
    let shorten = |text: &str| text.chars().take(SHOWN_CHARS_MAX).collect::<String>();
    match value {
        Evaluated::Null => "nothing".to_owned(),
        Evaluated::Scalar { text, plain: true } => format!("`{}`", shorten(text)),
        Evaluated::Scalar { text, plain: false } | Evaluated::Json(Json::String(text)) => {
            format!("the text \"{}\"", shorten(text))
        }
        Evaluated::Json(Json::Array(_)) | Evaluated::List(_) => "a list".to_owned(),
        Evaluated::Json(Json::Object(_)) | Evaluated::Map(_) => "a map".to_owned(),
        Evaluated::Json(json) => format!("`{}`", shorten(&json.to_string())),
        Evaluated::Secret(_) => "a secret".to_owned(),
    }
}

/// The text of a scalar: what is written is what is meant.
fn scalar_text(value: &Evaluated) -> Option<String> {
    match value {
        Evaluated::Scalar { text, .. } | Evaluated::Json(Json::String(text)) => Some(text.clone()),
        Evaluated::Json(json @ (Json::Number(_) | Json::Bool(_))) => Some(json.to_string()),
        _ => None,
    }
}

fn text(spec: &InputSpec, value: &Evaluated) -> Result<String, InputProblem> {
    scalar_text(value).ok_or_else(|| wrong(format!("a {}", spec.kind.word()), value))
}

fn choice(spec: &InputSpec, value: &Evaluated) -> Result<Value, InputProblem> {
    let expected =
        || format!("one of {}", spec.options.iter().map(|option| format!("`{option}`")).collect::<Vec<_>>().join(", "));
    let text = scalar_text(value).filter(|text| spec.options.contains(text));
    text.map(Value::Text).ok_or_else(|| wrong(expected(), value))
}

/// A number or boolean without quotes, or what an expression gave: outputs are often text.
fn unquoted(value: &Evaluated) -> Option<String> {
    match value {
        Evaluated::Scalar { text, plain: true } => Some(text.clone()),
        Evaluated::Json(Json::String(text)) => Some(text.trim().to_owned()),
        Evaluated::Json(json @ (Json::Number(_) | Json::Bool(_))) => Some(json.to_string()),
        _ => None,
    }
}

fn core_scalar(value: &Evaluated) -> Option<sealock_pipeline::Scalar> {
    unquoted(value).map(|text| sealock_pipeline::Scalar::unquoted(&text))
}

fn boolean(_: &InputSpec, value: &Evaluated) -> Result<Value, InputProblem> {
    let flag = core_scalar(value).and_then(|scalar| scalar.boolean());
    flag.map(Value::Flag).ok_or_else(|| wrong("`true` or `false` without quotes", value))
}

fn integer(spec: &InputSpec, value: &Evaluated) -> Result<Value, InputProblem> {
    let number = core_scalar(value).and_then(|scalar| scalar.integer());
    let number = number.ok_or_else(|| wrong("a whole number without quotes", value))?;
    #[expect(clippy::cast_precision_loss, reason = "limits of inputs are far below 2^52")]
    in_range(spec, number as f64, value)?;
    Ok(Value::Integer(number))
}

fn number(spec: &InputSpec, value: &Evaluated) -> Result<Value, InputProblem> {
    let number = core_scalar(value).and_then(|scalar| scalar.number());
    let number = number.ok_or_else(|| wrong("a number without quotes", value))?;
    in_range(spec, number, value)?;
    Ok(Value::Number(number))
}

fn in_range(spec: &InputSpec, number: f64, value: &Evaluated) -> Result<(), InputProblem> {
    let expected = match (spec.minimum, spec.maximum) {
        (Some(least), _) if number < least => format!("at least {least}"),
        (_, Some(most)) if number > most => format!("at most {most}"),
        _ => return Ok(()),
    };
    Err(InputProblem::Range { expected, found: found(value) })
}

fn duration(spec: &InputSpec, value: &Evaluated) -> Result<Value, InputProblem> {
    let parsed = scalar_text(value).and_then(|text| text.parse::<Duration>().ok());
    let duration = parsed.ok_or_else(|| wrong("a duration such as `10s` or `1h30m`", value))?;
    let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    #[expect(clippy::cast_precision_loss, reason = "limits of inputs are far below 2^52")]
    in_range(spec, ms as f64, value)?;
    Ok(Value::Integer(ms))
}

fn size(_: &InputSpec, value: &Evaluated) -> Result<Value, InputProblem> {
    let parsed = scalar_text(value).and_then(|text| text.parse::<Size>().ok());
    let size = parsed.ok_or_else(|| wrong("a size such as `64MiB`", value))?;
    Ok(Value::Integer(i64::try_from(size.as_bytes()).unwrap_or(i64::MAX)))
}

fn path(spec: &InputSpec, value: &Evaluated) -> Result<Value, InputProblem> {
    let text = text(spec, value)?;
    plain(&text).map(Value::Text).map_err(|_| InputProblem::PathOutside(text))
}

fn digest(spec: &InputSpec, value: &Evaluated) -> Result<Value, InputProblem> {
    let text = text(spec, value)?;
    match text.parse::<Digest>() {
        Ok(digest) => Ok(Value::Text(digest.to_string())),
        Err(_) => Err(wrong("a digest (`sha256:` and 64 hexadecimal digits)", value)),
    }
}

fn list(_: &InputSpec, value: &Evaluated) -> Result<Value, InputProblem> {
    let items = match value {
        Evaluated::List(items) => items.iter().map(scalar_text).collect::<Option<Vec<_>>>(),
        Evaluated::Json(Json::Array(items)) => {
            items.iter().map(|item| scalar_text(&Evaluated::Json(item.clone()))).collect()
        }
        // `status: 200` is short for `status: [200]`, as `needs: build` is for `needs: [build]`.
        one => scalar_text(one).map(|text| vec![text]),
    };
    items.map(Value::Items).ok_or_else(|| wrong("a list of texts", value))
}

fn map(_: &InputSpec, value: &Evaluated) -> Result<Value, InputProblem> {
    match value {
        Evaluated::Map(_) | Evaluated::Json(Json::Object(_)) => Ok(Value::Json(to_json(value).to_string())),
        _ => Err(wrong("a map", value)),
    }
}

/// A value without secrets as JSON; unquoted scalars become numbers and booleans where they are such.
pub fn to_json(value: &Evaluated) -> Json {
    match value {
        Evaluated::Null | Evaluated::Secret(_) => Json::Null,
        Evaluated::Json(json) => json.clone(),
        Evaluated::Scalar { text, plain } => scalar_json(text, *plain),
        Evaluated::List(items) => items.iter().map(to_json).collect(),
        Evaluated::Map(entries) => {
            Json::Object(entries.iter().map(|(name, entry)| (name.clone(), to_json(entry))).collect())
        }
    }
}

fn scalar_json(text: &str, plain: bool) -> Json {
    if !plain {
        return text.into();
    }
    let scalar = sealock_pipeline::Scalar::unquoted(text);
    if let Some(flag) = scalar.boolean() {
        return flag.into();
    }
    // `1.10` is a version and stays itself where a number would print differently.
    match (scalar.integer(), scalar.number()) {
        (Some(whole), _) if whole.to_string() == text => whole.into(),
        (_, Some(number)) if number.to_string() == text => number.into(),
        _ => text.into(),
    }
}

fn holds_secret(value: &Evaluated) -> bool {
    match value {
        Evaluated::Secret(_) => true,
        Evaluated::List(items) => items.iter().any(holds_secret),
        Evaluated::Map(entries) => entries.iter().any(|(_, entry)| holds_secret(entry)),
        _ => false,
    }
}

fn secret(value: &Evaluated) -> Result<SecretText, InputProblem> {
    match value {
        Evaluated::Secret(secret) => Ok(secret.clone()),
        Evaluated::List(_) | Evaluated::Map(_) => Err(wrong("a secret", value)),
        _ => Err(InputProblem::NotSecret),
    }
}

fn map_of_secrets(value: &Evaluated) -> Result<Input, InputProblem> {
    let Evaluated::Map(entries) = value else {
        return Err(wrong("a map whose values may be secrets", value));
    };
    let entries = entries.iter().map(|(name, entry)| {
        let secret = match entry {
            Evaluated::Secret(secret) => secret.clone(),
            other => SecretText {
                parts: vec![SecretPart::Text(scalar_text(other).ok_or_else(|| wrong("text or a secret", other))?)],
            },
        };
        Ok((name.clone(), secret))
    });
    entries.collect::<Result<_, _>>().map(Input::Secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(kind: &str) -> InputSpec {
        serde_json::from_value(serde_json::json!({ "type": kind })).expect("a type")
    }

    fn written(text: &str) -> Evaluated {
        Evaluated::Scalar { text: text.into(), plain: true }
    }

    fn value(kind: &str, value: &Evaluated) -> Result<Value, String> {
        match fit(&spec(kind), value) {
            Ok(Input::Value(value)) => Ok(value),
            Ok(other) => Err(format!("{other:?}")),
            Err(problem) => Err(problem.to_string()),
        }
    }

    #[test]
    fn text_is_what_was_written_and_numbers_are_only_core_forms() {
        assert_eq!(value("string", &written("1.10")), Ok(Value::Text("1.10".into())));
        assert_eq!(value("integer", &written("10")), Ok(Value::Integer(10)));
        assert!(value("integer", &written("1_000")).is_err());
        assert!(value("boolean", &written("yes")).is_err());
        assert!(value("integer", &Evaluated::Scalar { text: "10".into(), plain: false }).is_err());
        assert_eq!(value("integer", &Evaluated::Json("10".into())), Ok(Value::Integer(10)));
    }

    #[test]
    fn durations_are_milliseconds_and_sizes_bytes() {
        assert_eq!(value("duration", &written("1m30s")), Ok(Value::Integer(90_000)));
        assert_eq!(value("size", &written("64MiB")), Ok(Value::Integer(64 << 20)));
        assert_eq!(
            value("duration", &written("10")).expect_err("no unit"),
            "expected a duration such as `10s` or `1h30m`, found `10`"
        );
    }

    #[test]
    fn a_secret_fits_only_inputs_declared_as_secrets() {
        let secret = Evaluated::Secret(SecretText::named("TOKEN"));
        assert_eq!(fit(&spec("secret"), &secret), Ok(Input::Secret(SecretText::named("TOKEN"))));
        assert_eq!(fit(&spec("string"), &secret), Err(InputProblem::SecretSeen("string")));
        assert_eq!(fit(&spec("secret"), &written("hunter2")), Err(InputProblem::NotSecret));
        let nested = Evaluated::Map(vec![("a".into(), secret)]);
        assert_eq!(fit(&spec("map"), &nested), Err(InputProblem::SecretSeen("map")));
    }

    #[test]
    fn a_map_keeps_versions_as_text_and_numbers_as_numbers() {
        let map = Evaluated::Map(vec![
            ("v".into(), written("1.10")),
            ("n".into(), written("3")),
            ("b".into(), written("true")),
        ]);
        assert_eq!(value("map", &map), Ok(Value::Json(r#"{"v":"1.10","n":3,"b":true}"#.into())));
    }

    #[test]
    fn one_text_is_a_list_of_one() {
        assert_eq!(value("list", &written("200")), Ok(Value::Items(vec!["200".into()])));
        assert!(value("list", &Evaluated::Map(Vec::new())).is_err());
    }

    #[test]
    fn a_path_that_leaves_the_workspace_is_refused() {
        assert_eq!(value("path", &written("./a//b")), Ok(Value::Text("a/b".into())));
        assert!(value("path", &written("../a")).is_err());
        assert!(value("path", &written("/etc/passwd")).is_err());
    }
}
