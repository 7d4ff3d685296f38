//! Texts whose expressions are evaluated when their contexts are known.

use serde::{Deserialize, Serialize};

/// A text as its author wrote it: literal, with expressions, or with secrets. What it may hold was
/// checked when the pipeline was.
pub type TextOrSecret = String;

/// One entry of an `env`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvEntry {
    /// The variable.
    pub name: String,
    /// Its value.
    pub value: TextOrSecret,
}

/// A flag, or the expression that decides it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LateFlag {
    /// Known.
    Known(bool),
    /// The text with its expression.
    Written(String),
}

/// What an author wrote under `with`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithValue {
    /// Nothing.
    Null,
    /// A scalar.
    Scalar {
        /// As written.
        text: TextOrSecret,
        /// Whether without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<WithValue>),
    /// A map, in the author's order.
    Map(Vec<(String, WithValue)>),
}

impl WithValue {
    /// A quoted text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Scalar { text: text.into(), plain: false }
    }
}
