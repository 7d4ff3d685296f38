//! The key that a publisher signs with.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use sigstore_verify::types::DerPublicKey;
use zeroize::Zeroizing;

use super::{PublicKey, sealed_key};

/// What stands before the point of a P-256 key.
const P256_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// What stands before the 32 bytes of an Ed25519 key.
const ED25519_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// How a key of `cosign` begins.
const SEALED_TAGS: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];

/// A private key: ECDSA over P-256, or Ed25519.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Why a file is no key to sign with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningKeyError {
    /// It is something else.
    #[error(
        "expected a private key as PEM (`-----BEGIN PRIVATE KEY-----`, or one of `cosign generate-key-pair`): {why}"
    )]
    Shape {
        /// What was found.
        why: String,
    },
    /// It is a key, but of a kind that nothing here signs with.
    #[error("the key is neither ECDSA over P-256 nor Ed25519")]
    Kind,
    /// It is sealed, and no password was given.
    #[error("the key is sealed with a password, and none was given")]
    Sealed,
    /// The password does not open it.
    #[error("the password does not open the key")]
    Password,
}

impl SigningKey {
    /// Reads PKCS #8 as PEM, or a key of `cosign`, which `password` opens.
    ///
    /// # Errors
    ///
    /// When it is something else, or does not open.
    pub fn read(text: &str, password: Option<&str>) -> Result<Self, SigningKeyError> {
        let block = pem::parse(text.trim()).map_err(|_| shape("found no PEM"))?;
        match block.tag() {
            "PRIVATE KEY" => Self::of_pkcs8(block.contents()),
            "EC PRIVATE KEY" => {
                Err(shape("found the form of SEC 1; `openssl pkcs8 -topk8 -nocrypt` writes the one expected"))
            }
            "ENCRYPTED PRIVATE KEY" => Err(shape("found one that OpenSSL sealed; `openssl pkcs8` opens it")),
            sealed if SEALED_TAGS.contains(&sealed) => {
                let password = password.ok_or(SigningKeyError::Sealed)?;
                let der = Zeroizing::new(sealed_key::open(block.contents(), password.as_bytes())?);
                Self::of_pkcs8(&der)
            }
            other => Err(shape(&format!("found `{}`", super::shown_words(other)))),
        }
    }

    fn of_pkcs8(der: &[u8]) -> Result<Self, SigningKeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &SystemRandom::new()).map(Pair::P256);
        let pair = pair.or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Pair::Ed25519));
        let pair = pair.map_err(|_| SigningKeyError::Kind)?;
        let public = DerPublicKey::new(match &pair {
            Pair::P256(pair) => [P256_HEAD.as_slice(), pair.public_key().as_ref()].concat(),
            Pair::Ed25519(pair) => [ED25519_HEAD.as_slice(), pair.public_key().as_ref()].concat(),
        });
        let public = PublicKey::of(public).map_err(|error| shape(&error.why))?;
        Ok(Self { pair, public })
    }

    /// The other half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message`.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message);
                signature.expect("the system's randomness was there when the key was read").as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

fn shape(why: &str) -> SigningKeyError {
    SigningKeyError::Shape { why: why.to_owned() }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public.digest()).finish_non_exhaustive()
    }
}
