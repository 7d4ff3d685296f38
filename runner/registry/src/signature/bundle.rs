//! Signatures as bundles of Sigstore.

use sealock_contract::Digest;
use sigstore_verify::types::bundle::{
    PublicKeyIdentifier, SignatureContent, VerificationMaterial, VerificationMaterialContent,
};
use sigstore_verify::types::{
    Bundle, DsseEnvelope, DsseSignature, KeyId, MediaType, PayloadBytes, SignatureBytes, dsse::pae,
};

use super::claim::{self, Meaning};
use super::{PublicKey, Signer, SigningKey, Verdict};
use crate::Repository;

/// The type of a bundle.
pub const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The type of what an envelope in a bundle holds.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Reads a bundle.
pub(super) fn read(json: &str) -> Result<Bundle, String> {
    Bundle::from_json(json)
        .map_err(|error| format!("its bundle cannot be read: {}", super::shown_words(&error.to_string())))
}

/// What `bundle` says of `manifest` in `repository`, whoever says it.
pub(super) fn meaning(bundle: &Bundle, repository: &Repository, manifest: Digest) -> Result<Meaning, String> {
    match &bundle.content {
        // Signed are the manifest's own bytes: whoever verifies it learns whether these are they.
        SignatureContent::MessageSignature(_) => Ok(Meaning::Signs),
        SignatureContent::DsseEnvelope(envelope) if envelope.payload_type == PAYLOAD_TYPE => {
            claim::meaning_of_statement(envelope.payload.as_bytes(), repository, manifest)
        }
        _ => Err("its bundle holds neither a statement nor a plain signature".to_owned()),
    }
}

/// Whether a bundle is a signature of `manifest` with the other half of `key`.
pub(super) fn judge(bundle: &Bundle, manifest: &[u8], key: &PublicKey) -> Verdict {
    let VerificationMaterialContent::PublicKey(hint) = &bundle.verification_material.content else {
        return Verdict::Other("a certificate".to_owned());
    };
    let has_signed = match &bundle.content {
        SignatureContent::MessageSignature(signature) => key.has_signed(manifest, &signature.signature),
        SignatureContent::DsseEnvelope(envelope) => key.has_signed(&envelope.pae(), &envelope.signature.sig),
        _ => false,
    };
    if has_signed {
        return Verdict::Accepted(Signer::Key(key.digest()));
    }
    if hint.hint == key.hint() {
        return Verdict::Broken("its signature does not match what is signed".to_owned());
    }
    Verdict::Other("another key".to_owned())
}

/// A bundle in which `key` signs `manifest` of `repository`.
pub(super) fn sign(key: &SigningKey, repository: &Repository, manifest: Digest) -> String {
    let payload = claim::statement(repository, manifest);
    let signature = SignatureBytes::new(key.sign(&pae(PAYLOAD_TYPE, &payload)));
    let envelope =
        DsseEnvelope::new(PAYLOAD_TYPE, PayloadBytes::new(payload), DsseSignature::new(signature, KeyId::default()));
    let hint = PublicKeyIdentifier::new(key.public().hint());
    let material = VerificationMaterial::new(VerificationMaterialContent::PublicKey(hint));
    let bundle = Bundle::new(MediaType::Bundle0_3, material, SignatureContent::DsseEnvelope(envelope));
    bundle.to_json().expect("text prints as JSON")
}
