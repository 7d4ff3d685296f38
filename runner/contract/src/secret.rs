//! Secrets by name.

use serde::{Deserialize, Serialize};

/// One piece of a [`SecretText`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretPart {
    /// Known text.
    Text(String),
    /// The secret of this name.
    Secret(String),
}

/// A text that holds at least one secret, and therefore is one: the broker puts it together, and
/// masks it as a whole and in its parts. Nothing else ever sees the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretText {
    /// In order.
    pub parts: Vec<SecretPart>,
}

impl SecretText {
    /// The secret called `name` and nothing around it.
    pub fn named(name: impl Into<String>) -> Self {
        Self { parts: vec![SecretPart::Secret(name.into())] }
    }

    /// The names of the secrets in it, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            SecretPart::Secret(name) => Some(name.as_str()),
            SecretPart::Text(_) => None,
        })
    }
}
