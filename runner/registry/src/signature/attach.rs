//! Signing: both forms are put beside a manifest, so that every `cosign` finds one that it reads.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use sealock_contract::Digest;
use serde_json::{Value as Json, json};

use super::{Accepted, BUNDLE_TYPE, SIMPLE_TYPE, Signed, SigningKey, gather};
use crate::artifact::{CREATED, INDEX_TYPE, MANIFEST_TYPE};
use crate::{Descriptor, Reference, Registry, RegistryError, Repository};

/// The type of a configuration that says nothing.
pub(super) const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// A configuration that says nothing.
const EMPTY: &[u8] = b"{}";
/// The type of the configuration beside signatures of the older form.
const IMAGE_CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
/// What a bundle holds, as `cosign` tells it.
const CONTENT: &str = "dev.sigstore.bundle.content";
/// What a bundle states, as `cosign` tells it.
pub(super) const PREDICATE: &str = "dev.sigstore.bundle.predicateType";

impl Registry {
    /// Signs the manifest that `pinned` names, in both forms. What this key signed before is not signed again.
    ///
    /// # Errors
    ///
    /// When the registry does not have the manifest, or does not take a signature.
    pub async fn sign(&self, pinned: &Reference, key: &SigningKey, now: Timestamp) -> Result<(), RegistryError> {
        let (repository, manifest) = (pinned.repository(), &self.manifest(pinned).await?);
        let digest = Digest::of(manifest);
        let accepted = Accepted::Key(key.public().clone());
        let there = self.signatures(repository, digest).await?;
        let is_done = |is_form: fn(&Signed) -> bool| {
            there.iter().any(|own| is_form(own) && accepted.accepts(own, repository, manifest))
        };
        if !is_done(|own| matches!(own, Signed::Bundle(_))) {
            self.attach_bundle(repository, manifest, &super::bundle::sign(key, repository, digest), now).await?;
        }
        if !is_done(|own| matches!(own, Signed::Simple(_))) {
            self.attach_simple(repository, digest, key).await?;
        }
        Ok(())
    }

    /// Puts a bundle into the repository as something that refers to the manifest.
    async fn attach_bundle(
        &self,
        repository: &Repository,
        manifest: &Bytes,
        bundle: &str,
        now: Timestamp,
    ) -> Result<(), RegistryError> {
        let (bundle, empty) = (Bytes::from(bundle.to_owned()), Bytes::from_static(EMPTY));
        let holder = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": BUNDLE_TYPE,
            "config": descriptor(EMPTY_TYPE, &empty),
            "layers": [descriptor(BUNDLE_TYPE, &bundle)],
            "subject": descriptor(MANIFEST_TYPE, manifest),
            "annotations": annotations(now),
        });
        let holder = Bytes::from(holder.to_string());
        for blob in [&bundle, &empty] {
            self.again(|| self.upload(repository, blob)).await?;
        }
        let to = repository.pinned(Digest::of(&holder));
        self.again(|| self.put_manifest(&to, MANIFEST_TYPE, &holder)).await?;
        if self.lists_referrers(repository, Digest::of(manifest)).await? {
            return Ok(());
        }
        self.list_by_tag(repository, Digest::of(manifest), &holder, now).await
    }

    /// For a registry without a list of its own: adds to the one under the tag that stands for it.
    async fn list_by_tag(
        &self,
        repository: &Repository,
        manifest: Digest,
        holder: &Bytes,
        now: Timestamp,
    ) -> Result<(), RegistryError> {
        let tagged = repository.tagged(&manifest.to_string().replace(':', "-"));
        let mut list = self
            .document(&tagged)
            .await?
            .unwrap_or_else(|| json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [] }));
        let mut own = descriptor(MANIFEST_TYPE, holder);
        own["artifactType"] = BUNDLE_TYPE.into();
        own["annotations"] = annotations(now);
        let listed = list.get_mut("manifests").and_then(Json::as_array_mut);
        listed.ok_or_else(|| no_list(repository))?.push(own);
        let list = Bytes::from(list.to_string());
        self.again(|| self.put_manifest(&tagged, INDEX_TYPE, &list)).await
    }

    /// Puts a signature of the older form beside those that are there.
    async fn attach_simple(
        &self,
        repository: &Repository,
        manifest: Digest,
        key: &SigningKey,
    ) -> Result<(), RegistryError> {
        let signed = super::Simple::sign(key, &repository.to_string(), manifest);
        let tagged = repository.tagged(&gather::tag(manifest));
        let there = self.document(&tagged).await?;
        let mut layers = there.as_ref().and_then(|there| there["layers"].as_array().cloned()).unwrap_or_default();
        let payload = Bytes::from(signed.payload);
        let mut layer = descriptor(SIMPLE_TYPE, &payload);
        layer["annotations"] = json!(signed.annotations);
        layers.push(layer);
        let config = Bytes::from(image_config(&layers).to_string());
        let holder = json!({
            "schemaVersion": 2, "mediaType": MANIFEST_TYPE,
            "config": descriptor(IMAGE_CONFIG_TYPE, &config), "layers": layers,
        });
        let holder = Bytes::from(holder.to_string());
        for blob in [&payload, &config] {
            self.again(|| self.upload(repository, blob)).await?;
        }
        self.again(|| self.put_manifest(&tagged, MANIFEST_TYPE, &holder)).await
    }

    /// A manifest or a list as JSON; nothing where there is none.
    async fn document(&self, reference: &Reference) -> Result<Option<Json>, RegistryError> {
        match self.manifest(reference).await {
            Err(RegistryError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| no_list(reference.repository())),
        }
    }
}

fn no_list(repository: &Repository) -> RegistryError {
    let why = "what lies where signatures are listed is no list".to_owned();
    RegistryError::Answer { host: repository.host().to_owned(), why }
}

fn descriptor(media_type: &str, bytes: &Bytes) -> Json {
    let described = Descriptor {
        media_type: media_type.to_owned(),
        digest: Digest::of(bytes).to_string(),
        size: bytes.len() as u64,
        urls: Vec::new(),
        annotations: BTreeMap::new(),
        artifact_type: None,
    };
    serde_json::to_value(described).expect("a descriptor holds only text")
}

fn annotations(now: Timestamp) -> Json {
    json!({ CREATED: now.to_string(), CONTENT: "dsse-envelope", PREDICATE: super::claim::SIGNED_TYPE })
}

/// As `cosign` writes it: what reads signatures as an image wants one.
fn image_config(layers: &[Json]) -> Json {
    let digests: Vec<&Json> = layers.iter().map(|layer| &layer["digest"]).collect();
    json!({
        "architecture": "", "os": "", "created": "0001-01-01T00:00:00Z", "config": {},
        "history": vec![json!({ "created": "0001-01-01T00:00:00Z" }); layers.len()],
        "rootfs": { "type": "layers", "diff_ids": digests },
    })
}
