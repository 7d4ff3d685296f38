//! The signatures of a manifest, as its repository holds them.

use std::collections::BTreeSet;

use bytes::Bytes;
use sealock_contract::Digest;
use serde::Deserialize;

use super::attach::{EMPTY_TYPE, PREDICATE};
use super::claim::SIGNED_TYPE;
use super::trust::SIGNATURES_MAX;
use super::{SIMPLE_TYPE, Signed, Simple};
use crate::{Descriptor, Registry, RegistryError, Repository, json};

/// What every type of a bundle begins with, whatever its version.
const BUNDLE_TYPES: &str = "application/vnd.dev.sigstore.bundle";

/// What the types of referrers begin with in which `cosign` 2 holds signatures of the older form.
const COSIGN_TYPES: &str = "application/vnd.dev.cosign.artifact.sig";

/// Bytes that are read to find the signatures of one plugin: a signature has a few kilobytes, and a registry could hold any
/// number of blobs that only say that they are one.
const SIGNATURE_BYTES: u64 = 16 << 20;

/// The way through what says that it signs a manifest.
#[derive(Default)]
struct Search {
    found: Vec<Signed>,
    /// Blobs that were fetched, signatures or not.
    tried: usize,
    /// What was read so far.
    bytes: u64,
    seen: BTreeSet<Digest>,
}

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
        self.in_search_time(repository, async {
            let mut search = Search::default();
            for referrer in self.referrers(repository, manifest).await? {
                if let Ok(digest) = referrer.digest.parse() {
                    self.add(&mut search, repository, &repository.pinned(digest)).await?;
                }
            }
            self.add(&mut search, repository, &repository.tagged(&tag(manifest))).await?;
            Ok(search.found)
        })
        .await
    }

    async fn add(
        &self,
        search: &mut Search,
        repository: &Repository,
        holder: &crate::Reference,
    ) -> Result<(), RegistryError> {
        if search.is_over() {
            return Ok(());
        }
        let bytes = match self.manifest(holder).await {
            Err(RegistryError::Missing { .. }) => return Ok(()),
            bytes => bytes?,
        };
        search.bytes += bytes.len() as u64;
        let Ok(Holder { layers }) = json::read(&bytes).and_then(serde_json::from_value) else { return Ok(()) };
        for layer in layers.into_iter().filter(is_signature) {
            let Ok(digest) = layer.digest.parse() else { continue };
            if search.is_over() || search.bytes + layer.size > SIGNATURE_BYTES {
                return Ok(());
            }
            if !search.seen.insert(digest) && layer.media_type != SIMPLE_TYPE {
                continue;
            }
            search.tried += 1;
            let bytes = self.blob(repository, digest, layer.size).await?;
            search.bytes += layer.size;
            search.found.extend(signed(layer, &bytes));
        }
        Ok(())
    }
}

impl Search {
    /// Whether enough was looked at, whatever it was.
    fn is_over(&self) -> bool {
        self.tried >= SIGNATURES_MAX || self.bytes >= SIGNATURE_BYTES
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
