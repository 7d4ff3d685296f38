//! A public key whose signatures are accepted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealock_contract::Digest;
use sigstore_verify::crypto::{KeyAlgorithm, SigningScheme, verify_signature};
use sigstore_verify::types::{DerPublicKey, SignatureBytes};

use super::provider;

/// A public key: ECDSA over P-256 or P-384, Ed25519, or RSA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    der: DerPublicKey,
    scheme: SigningScheme,
}

/// A text that is no public key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a public key as PEM (`-----BEGIN PUBLIC KEY-----`): {why}")]
pub struct KeyError {
    /// What was found.
    pub why: String,
}

impl PublicKey {
    /// Reads PEM, as `cosign public-key` and `openssl pkey -pubout` write it.
    ///
    /// # Errors
    ///
    /// When it is something else, or of a kind that nothing here verifies.
    pub fn read(pem: &str) -> Result<Self, KeyError> {
        let der = DerPublicKey::from_pem(pem.trim()).map_err(|error| KeyError { why: error.to_string() })?;
        Self::of(der)
    }

    pub(super) fn of(der: DerPublicKey) -> Result<Self, KeyError> {
        let algorithm = KeyAlgorithm::from_spki(&der).map_err(|error| KeyError { why: error.to_string() })?;
        let scheme = match algorithm {
            // What `cosign` signs with keys of this kind.
            KeyAlgorithm::Rsa => SigningScheme::RsaPkcs1Sha256,
            other => other.default_signing_scheme(),
        };
        Ok(Self { der, scheme })
    }

    /// The digest of the key, by which it is named.
    pub fn digest(&self) -> Digest {
        Digest::of(self.der.as_bytes())
    }

    /// The key as PEM.
    pub fn to_pem(&self) -> String {
        self.der.to_pem()
    }

    /// How a bundle hints at the key.
    pub(super) fn hint(&self) -> String {
        BASE64.encode(self.digest().as_bytes())
    }

    /// Whether `signature` over `message` was made with the other half of this key.
    pub(super) fn has_signed(&self, message: &[u8], signature: &SignatureBytes) -> bool {
        provider::install();
        verify_signature(&self.der, message, signature, self.scheme).is_ok()
    }
}
