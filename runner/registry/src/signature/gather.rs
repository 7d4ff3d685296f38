//! The signatures of a manifest, as its repository holds them.

use bytes::Bytes;
use sealock_contract::Digest;
use serde::Deserialize;

use super::attach::{EMPTY_TYPE, PREDICATE};
use super::claim::SIGNED_TYPE;
use super::trust::SIGNATURES_MAX;
use super::{SIMPLE_TYPE, Signed, Simple};
use crate::{Descriptor, Registry, RegistryError, Repository};

/// What every type of a bundle begins with, whatever its version.
const BUNDLE_TYPES: &str = "application/vnd.dev.sigstore.bundle";

/// What the types of referrers begin with in which `cosign` 2 holds signatures of the older form.
const COSIGN_TYPES: &str = "application/vnd.dev.cosign.artifact.sig";

/// What refers to a manifest, as far as it matters.
#[derive(Deserialize)]
struct Holder {
    #[serde(default)]
    layers: Vec<Descriptor>,
}

impl Registry {
    /// The signatures of `manifest`: those that refer to it, and those beside it by the older tag. What is no signature is
    /// passed over; nothing here says that one is good.
    ///
    /// # Errors
    ///
    /// When the registry does not give them.
    pub async fn signatures(&self, repository: &Repository, manifest: Digest) -> Result<Vec<Signed>, RegistryError> {
        let mut found = Vec::new();
        for referrer in self.referrers(repository, manifest).await? {
            if let Ok(digest) = referrer.digest.parse() {
                self.add(&mut found, repository, &repository.pinned(digest)).await?;
            }
        }
        self.add(&mut found, repository, &repository.tagged(&tag(manifest))).await?;
        Ok(found)
    }

    async fn add(
        &self,
        found: &mut Vec<Signed>,
        repository: &Repository,
        holder: &crate::Reference,
    ) -> Result<(), RegistryError> {
        let bytes = match self.manifest(holder).await {
            Err(RegistryError::Missing { .. }) => return Ok(()),
            bytes => bytes?,
        };
        let Ok(Holder { layers }) = serde_json::from_slice(&bytes) else { return Ok(()) };
        for layer in layers.into_iter().filter(is_signature) {
            if found.len() == SIGNATURES_MAX {
                return Ok(());
            }
            let Ok(digest) = layer.digest.parse() else { continue };
            let bytes = self.blob(repository, digest, layer.size).await?;
            found.extend(signed(layer, &bytes));
        }
        Ok(())
    }
}

/// The tag under which signatures of the older form lie.
pub(super) fn tag(manifest: Digest) -> String {
    format!("sha256-{}.sig", manifest.hex())
}

/// How late a referrer is looked at: what says that it signs first, then what may (`cosign` 2 lists its bundles without a
/// type), then the rest. It decides nothing else.
pub(crate) fn rank(descriptor: &Descriptor) -> u8 {
    if descriptor.annotations.get(PREDICATE).is_some_and(|predicate| predicate == SIGNED_TYPE) {
        return 0;
    }
    let kind = descriptor.artifact_type.as_deref().unwrap_or(EMPTY_TYPE);
    let may_sign = kind.starts_with(BUNDLE_TYPES) || kind.starts_with(COSIGN_TYPES) || kind == EMPTY_TYPE;
    if may_sign { 1 } else { 2 }
}

fn is_signature(layer: &Descriptor) -> bool {
    layer.media_type.starts_with(BUNDLE_TYPES) || layer.media_type == SIMPLE_TYPE
}

fn signed(layer: Descriptor, bytes: &Bytes) -> Option<Signed> {
    let text = String::from_utf8(bytes.to_vec()).ok()?;
    if layer.media_type == SIMPLE_TYPE {
        return Some(Signed::Simple(Simple { payload: text, annotations: layer.annotations }));
    }
    Some(Signed::Bundle(text))
}
