//! Who signed a plugin: what is gathered from a registry, and who judges it.
//!
//! A [`Verifier`] holds the machine's policy. It is given the plugin's manifest and what refers to it, all of it bounded and
//! held to its digests, and needs no network of its own.

use bytes::Bytes;
use sealock_contract::Digest;

use crate::{Artifact, Descriptor, Reference, Registry, RegistryError};

/// What is known of one version before it is trusted.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// As the pipeline names it.
    pub reference: &'a Reference,
    /// By digest, with the bytes of its manifest.
    pub artifact: &'a Artifact,
    /// What refers to that manifest.
    pub referrers: Vec<Referrer>,
}

/// Something that refers to a manifest, such as a signature.
#[derive(Clone, Debug)]
pub struct Referrer {
    /// As the registry lists it.
    pub descriptor: Descriptor,
    /// Its own manifest.
    pub manifest: Bytes,
}

/// Judges by whom a plugin has to be signed.
pub trait Verifier: Send + Sync {
    /// Whether the policy says anything of this plugin: evidence is gathered only then.
    fn asks_for(&self, reference: &Reference) -> bool;

    /// Who signed it, in the words that the lockfile keeps.
    ///
    /// # Errors
    ///
    /// When nobody did whom the policy names: a valid signature by somebody else is a refusal, too.
    fn verify(&self, evidence: &Evidence<'_>) -> Result<Option<String>, RegistryError>;
}

/// No policy asks for signatures.
#[derive(Clone, Copy, Debug)]
pub struct NoPolicy;

impl Verifier for NoPolicy {
    fn asks_for(&self, _: &Reference) -> bool {
        false
    }

    fn verify(&self, _: &Evidence<'_>) -> Result<Option<String>, RegistryError> {
        Ok(None)
    }
}

impl Registry {
    /// Who signed `artifact`, where the verifier's policy asks.
    ///
    /// # Errors
    ///
    /// When the evidence cannot be had, or the verifier refuses.
    pub async fn signer(
        &self,
        reference: &Reference,
        artifact: &Artifact,
        verifier: &dyn Verifier,
    ) -> Result<Option<String>, RegistryError> {
        if !verifier.asks_for(reference) {
            return Ok(None);
        }
        let repository = reference.repository();
        let mut referrers = Vec::new();
        for descriptor in self.referrers(repository, artifact.manifest).await? {
            let integrity = |why| RegistryError::Integrity { reference: reference.to_string(), why };
            let digest: Digest =
                descriptor.digest.parse().map_err(|_| integrity("a referrer has no digest".to_owned()))?;
            let manifest = self.manifest(&repository.pinned(digest)).await?;
            referrers.push(Referrer { descriptor, manifest });
        }
        verifier.verify(&Evidence { reference, artifact, referrers })
    }
}
