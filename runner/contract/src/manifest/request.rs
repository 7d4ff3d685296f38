//! What a manifest asks for.

use serde::{Deserialize, Serialize};

use crate::grant::Capability;

/// One thing that a plugin wants to touch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RequestSpec {
    /// The kind of thing.
    pub capability: Capability,
    /// Which one: literal text, or `{inputs.NAME}`, which the author grants by typing the input, or
    /// `{environment}`, which the author grants by giving the stage an environment. Without it, only
    /// `allow` grants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// For `network`: HTTP methods; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Why, in a few words, for the person who reads the plan.
    #[serde(default)]
    pub reason: String,
    /// Whether the plugin works without it.
    #[serde(default)]
    pub optional: bool,
}

/// Who decides what a request reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The author, by typing this input.
    Input(String),
    /// The author, by giving the stage an environment.
    Environment,
    /// The plugin names it; `allow` must too.
    Literal(String),
    /// Only `allow` says.
    Allow,
}

impl RequestSpec {
    /// Who decides what this request reaches.
    pub fn source(&self) -> Source {
        let Some(to) = &self.to else {
            return Source::Allow;
        };
        let inner = to.strip_prefix('{').and_then(|to| to.strip_suffix('}'));
        match inner.map(|inner| inner.split_once('.')) {
            Some(Some(("inputs", name))) => Source::Input(name.to_owned()),
            Some(None) if inner == Some("environment") => Source::Environment,
            _ => Source::Literal(to.clone()),
        }
    }
}
