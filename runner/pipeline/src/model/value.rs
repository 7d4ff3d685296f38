//! Free-form values: what stands under `with` and in the axes of a matrix.

use super::{Entries, Spanned, Text};

/// A value whose type only the plugin's manifest knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `null`, or `~`.
    Null,
    /// Text, a number, or a boolean: what it means is decided by the type that is wanted.
    Scalar(Scalar),
    /// `[…]`
    List(Vec<Spanned<Value>>),
    /// `{…}`
    Map(Entries<Spanned<Value>>),
}

/// One scalar as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// The text; `1.10` stays `1.10`.
    pub text: Text,
    /// Whether it was written without quotes, so that it may be a number or a boolean.
    pub plain: bool,
}

impl Scalar {
    /// A scalar without quotes and without expressions, to be read by the rules below.
    pub fn unquoted(text: &str) -> Self {
        Self { text: Text::plain(text), plain: true }
    }

    /// The boolean that an unquoted scalar is: YAML 1.2's `true` and `false`, nothing else.
    pub fn boolean(&self) -> Option<bool> {
        match self.text.raw() {
            _ if !self.plain => None,
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// The whole number that an unquoted scalar is, in one of YAML 1.2's core forms.
    pub fn integer(&self) -> Option<i64> {
        let text = self.text.raw();
        if !self.plain {
            return None;
        }
        if let Some(digits) = text.strip_prefix("0o") {
            return from_digits(digits, 8);
        }
        if let Some(digits) = text.strip_prefix("0x") {
            return from_digits(digits, 16);
        }
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if all_digits { text.parse().ok() } else { None }
    }

    /// The finite number that an unquoted scalar is, in one of YAML 1.2's core forms.
    pub fn number(&self) -> Option<f64> {
        if let Some(whole) = self.integer() {
            #[expect(clippy::cast_precision_loss, reason = "a number is what JSON makes of it")]
            return Some(whole as f64);
        }
        let text = self.text.raw();
        let is_number_char = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
        let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
        if !self.plain || !has_digit || !text.bytes().all(is_number_char) {
            return None;
        }
        text.parse().ok().filter(|number: &f64| number.is_finite())
    }
}

fn from_digits(digits: &str, radix: u32) -> Option<i64> {
    if digits.starts_with(['+', '-']) { None } else { i64::from_str_radix(digits, radix).ok() }
}

impl Value {
    /// The value as JSON, with every scalar as its text; `None` when there is an expression in it.
    pub fn to_json(&self) -> Option<serde_json::Value> {
        match self {
            Self::Null => Some(serde_json::Value::Null),
            Self::Scalar(scalar) => scalar.text.literal().map(Into::into),
            Self::List(items) => items.iter().map(|item| item.to_json()).collect::<Option<Vec<_>>>().map(Into::into),
            Self::Map(entries) => {
                let pairs = entries.iter().map(|entry| Some((entry.key.value.clone(), entry.value.to_json()?)));
                pairs.collect::<Option<_>>().map(serde_json::Value::Object)
            }
        }
    }

    /// Every text in it, in order.
    pub fn texts(&self) -> Vec<&Text> {
        match self {
            Self::Null => Vec::new(),
            Self::Scalar(scalar) => vec![&scalar.text],
            Self::List(items) => items.iter().flat_map(|item| item.texts()).collect(),
            Self::Map(entries) => entries.values().flat_map(|value| value.texts()).collect(),
        }
    }
}
