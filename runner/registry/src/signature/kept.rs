//! What is kept beside a component, so that its signature can be checked again without a network.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealock_contract::Digest;
use serde::{Deserialize, Serialize};

use super::Signed;
use crate::{RegistryError, Store};

/// The form that is written and read.
const FORMAT: u32 = 1;

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
        let written =
            Written { v: FORMAT, manifest: BASE64.encode(&self.manifest), signatures: self.signatures.clone() };
        serde_json::to_vec(&written).expect("text prints as JSON")
    }

    /// What a file holds; nothing, when it is torn, or was written by another version.
    pub fn read(json: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(json).ok().filter(|written: &Written| written.v == FORMAT)?;
        Some(Self { manifest: BASE64.decode(&written.manifest).ok()?, signatures: written.signatures })
    }
}

impl Store {
    /// The signatures of a manifest that are kept here; nothing when they are not, or are no longer what they were.
    ///
    /// # Errors
    ///
    /// When they are here and cannot be read.
    pub fn signatures(&self, manifest: Digest) -> Result<Option<Kept>, RegistryError> {
        let path = self.signatures_path(manifest);
        match fs::read(&path) {
            Ok(json) => Ok(Kept::read(&json).filter(|kept| Digest::of(&kept.manifest) == manifest)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RegistryError::Store { path, source }),
        }
    }

    /// Keeps a manifest and its signatures, in place of what was kept of them.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn keep_signatures(&self, kept: &Kept) -> Result<(), RegistryError> {
        let path = self.signatures_path(Digest::of(&kept.manifest));
        let failed = |source| RegistryError::Store { path: path.clone(), source };
        let mut file = self.partial()?;
        file.write_all(&kept.to_json()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&path).map(drop).map_err(|error| failed(error.error))
    }

    fn signatures_path(&self, manifest: Digest) -> PathBuf {
        self.folder().join(format!("{}.signatures.json", manifest.hex()))
    }
}
