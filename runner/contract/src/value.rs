//! Values that go into a step and come out of it.

use serde::{Deserialize, Serialize};

/// The value of an input or an output, as `step.wit` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Text; also paths, targets, digests, and choices.
    Text(String),
    /// A boolean.
    Flag(bool),
    /// A whole number; also durations in milliseconds and sizes in bytes.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A list of texts.
    Items(Vec<String>),
    /// Everything else, as JSON text.
    Json(String),
}

impl Value {
    /// The value as JSON; text that claims to be JSON and is not becomes a string.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Flag(flag) => (*flag).into(),
            Self::Integer(number) => (*number).into(),
            Self::Number(number) => (*number).into(),
            Self::Items(items) => items.clone().into(),
            Self::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        }
    }

    /// How many bytes it holds, for budgets.
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Json(text) => text.len(),
            Self::Items(items) => items.iter().map(String::len).sum(),
            Self::Flag(_) | Self::Integer(_) | Self::Number(_) => 8,
        }
    }
}
