//! What a plugin takes, gives, and asks for.
//!
//! A plugin's `plugin.toml`, embedded by the SDK as JSON in the custom section [`SECTION`]. It is read
//! without running anything. A component without one gets no capability and no typed input.

mod input;
mod request;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use input::{InputSpec, InputType, Place};
pub use request::{RequestSpec, Source};

/// The custom section of a component that holds its manifest.
pub const SECTION: &str = "sealock:manifest";
/// Most bytes of a manifest: a custom section must not be a way to fill memory.
pub const MANIFEST_BYTES_MAX: usize = 256 << 10;

/// A plugin's own description.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Such as `smoke-test`.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// One line.
    #[serde(default)]
    pub description: String,
    /// Such as `sealock:step/full-step@0.1.0`.
    pub world: String,
    /// Whether running it changes something outside the run.
    #[serde(default)]
    pub effect: bool,
    /// Whether it verifies a release, and is run again after a rollback.
    #[serde(default)]
    pub verifies: bool,
    /// By name.
    #[serde(default)]
    pub inputs: BTreeMap<String, InputSpec>,
    /// By name.
    #[serde(default)]
    pub outputs: BTreeMap<String, OutputSpec>,
    /// What it wants to touch.
    #[serde(default)]
    pub requests: Vec<RequestSpec>,
}

/// One declared output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    /// Its type, in the words of inputs.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// One line.
    #[serde(default)]
    pub description: String,
}

/// Why the bytes are not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is longer than [`MANIFEST_BYTES_MAX`].
    #[error("the manifest has {found} bytes; {MANIFEST_BYTES_MAX} are the most")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// It is not JSON of the right shape.
    #[error("the manifest cannot be read")]
    Json(#[from] serde_json::Error),
}

impl Manifest {
    /// Reads the JSON of the custom section.
    ///
    /// # Errors
    ///
    /// When it is too long, not JSON, or has keys that a manifest has not.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLong { found: bytes.len() });
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Whether it promises nothing but data in and data out.
    pub fn is_hermetic(&self) -> bool {
        self.world.starts_with("sealock:step/hermetic-step@")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_with_an_unknown_key_is_refused() {
        let json = br#"{"name":"x","version":"1.0.0","world":"sealock:step/hermetic-step@0.1.0","privileged":true}"#;
        let error = Manifest::from_json(json).expect_err("an unknown key");
        assert!(matches!(error, ManifestError::Json(_)));
    }

    #[test]
    fn a_manifest_that_is_too_long_is_not_parsed() {
        let bytes = vec![b' '; MANIFEST_BYTES_MAX + 1];
        assert!(matches!(Manifest::from_json(&bytes), Err(ManifestError::TooLong { .. })));
    }

    #[test]
    fn inputs_and_requests_read_as_plugin_authors_write_them() {
        let json = br#"{
            "name": "smoke-test", "version": "0.1.0", "world": "sealock:step/full-step@0.1.0", "verifies": true,
            "inputs": {
                "url": { "type": "string", "required": true },
                "attempts": { "type": "integer", "default": 10, "minimum": 1 },
                "env": { "type": "map of secret" }
            },
            "requests": [{ "capability": "network", "to": "{inputs.url}", "methods": ["GET"], "reason": "ask it" }]
        }"#;
        let manifest = Manifest::from_json(json).expect("a good manifest");
        assert_eq!(manifest.inputs["env"].kind, InputType::MapOfSecret);
        assert_eq!(manifest.requests[0].source(), Source::Input("url".into()));
        assert!(!manifest.is_hermetic());
    }
}
