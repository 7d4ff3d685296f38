//! What is kept beside a component, so that its signature can be checked again without a network.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::Signed;

/// The manifest of a plugin, byte for byte, and its signatures. It proves itself: nobody has to trust where it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The manifest.
    pub manifest: Vec<u8>,
    /// Its signatures.
    pub signatures: Vec<Signed>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    v: u32,
    manifest: String,
    signatures: Vec<Signed>,
}

impl Kept {
    /// As it is written to a file.
    ///
    /// # Panics
    ///
    /// Never: text prints as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let written = Written { v: 1, manifest: BASE64.encode(&self.manifest), signatures: self.signatures.clone() };
        serde_json::to_vec(&written).expect("text prints as JSON")
    }

    /// What a file holds; nothing, when it is torn, or was written by another version.
    pub fn read(json: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(json).ok().filter(|written: &Written| written.v == 1)?;
        Some(Self { manifest: BASE64.decode(&written.manifest).ok()?, signatures: written.signatures })
    }
}
