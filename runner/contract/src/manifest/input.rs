//! Declared inputs.

use serde::{Deserialize, Serialize};

/// The type of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputType {
    /// Text.
    String,
    /// Text that is run as a program: no expression may stand in it.
    Script,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of `options`.
    Choice,
    /// A list of texts.
    List,
    /// Anything with keys, as JSON.
    Map,
    /// Such as `10s`; reaches the component in milliseconds.
    Duration,
    /// Such as `64MiB`; reaches the component in bytes.
    Size,
    /// A file or folder of the workspace.
    Path,
    /// A secret; reaches the component as a handle.
    Secret,
    /// A map whose values may be secrets; each is a handle.
    #[serde(rename = "map of secret")]
    MapOfSecret,
    /// A target of the stage's environment.
    Target,
    /// `sha256:…`.
    Digest,
    /// An image in the engine.
    ImageId,
}

impl InputType {
    /// The word that people write.
    pub fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Script => "script",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Choice => "choice",
            Self::List => "list",
            Self::Map => "map",
            Self::Duration => "duration",
            Self::Size => "size",
            Self::Path => "path",
            Self::Secret => "secret",
            Self::MapOfSecret => "map of secret",
            Self::Target => "target",
            Self::Digest => "digest",
            Self::ImageId => "image-id",
        }
    }

    /// Whether a value of this type may be a secret.
    pub fn takes_secrets(self) -> bool {
        matches!(self, Self::Secret | Self::MapOfSecret)
    }
}

/// Where the placeholder of a secret input may stand in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In the value of a header.
    Header,
    /// As the whole URL.
    Url,
}

/// One declared input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct InputSpec {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// One line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether the author must give it.
    #[serde(default)]
    pub required: bool,
    /// What it is when not given, as the author would write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// For `choice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Least number, in the input's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// Greatest number, in the input's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// For secrets: where the placeholder may stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// For secrets: the only `host:port` that may be sent them; without it, the step's network grants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// For a map of secrets: whether the `env` of the stage's environment is added to it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub environment: bool,
}

impl InputSpec {
    /// Whether the `env` of the stage's environment comes with it: what a release's services are given is given only
    /// to plugins that ask for it.
    pub fn takes_environment(&self) -> bool {
        self.environment && self.kind == InputType::MapOfSecret
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
