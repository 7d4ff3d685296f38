//! Signatures of plugins: who signed a manifest, and whether that is who the machine's policy asks for.
//!
//! Two forms are read and written. A *bundle* of Sigstore holds a signed statement about the manifest's digest and refers
//! to the manifest (`cosign` from version 3 on). The older *simple* form is a small document beside the manifest, under the
//! tag `sha256-….sig` (`cosign` 1 and 2). A signature is made with a key, or keyless: with a certificate for an identity,
//! which an authority gave out for some minutes and a public log holds.
//!
//! # Invariants
//!
//! - Checking needs the manifest, the signatures, and the policy's [`Trust`]; never the network.
//! - What is signed is the manifest's digest, and, where the signature names one, its repository. What the registry says about a signature (annotations, hints) decides nothing.
//! - Keyless, everything counts that the trust root names: its logs, its certificate logs, its authorities for time.
//! - Text of a signature that gets into a message is short and has no control characters.

mod attach;
mod bundle;
mod claim;
mod gather;
mod kept;
mod key;
mod keyless;
mod provider;
mod sealed_key;
mod signing;
mod simple;
mod trust;

pub use bundle::BUNDLE_TYPE;
pub(crate) use gather::rank;
pub use kept::Kept;
pub use key::{KeyError, PublicKey};
pub use keyless::{TrustRoot, TrustRootError};
pub use signing::{SigningKey, SigningKeyError};
pub use simple::{SIMPLE_TYPE, Simple};
pub use trust::{Accepted, IdentityPattern, Rule, SignatureError, Trust};

use std::fmt;

use sealock_contract::Digest;
use serde::{Deserialize, Serialize};

use crate::Repository;

/// Characters of a stranger's text that a message repeats.
const SHOWN_CHARS: usize = 160;

/// Who made a signature that was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The holder of a key, by the digest of the public key.
    Key(Digest),
    /// Who an authority vouched for.
    Keyless {
        /// Whom the certificate names: an address, or a workflow.
        identity: String,
        /// Who knew them.
        issuer: String,
    },
}

/// A signature as it was found, or is kept: nothing about it is known yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signed {
    /// A bundle, as its JSON text.
    Bundle(String),
    /// The older form.
    Simple(Simple),
}

impl Signed {
    /// A bundle in which `key` signs the manifest with this digest, of `repository`.
    pub fn bundle(key: &SigningKey, repository: &Repository, manifest: Digest) -> Self {
        Self::Bundle(bundle::sign(key, repository, manifest))
    }

    /// The older form, in which `key` signs the manifest with this digest, of `repository`.
    pub fn simple(key: &SigningKey, repository: &Repository, manifest: Digest) -> Self {
        Self::Simple(Simple::sign(key, &repository.to_string(), manifest))
    }
}

/// What looking at one signature with one rule of the policy gave.
enum Verdict {
    /// It is good, and of whom the rule accepts.
    Accepted(Signer),
    /// It is of somebody else.
    Other(String),
    /// It is none.
    Broken(String),
    /// It says something about the plugin, but signs nothing.
    Unrelated,
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(digest) => write!(f, "key {digest}"),
            Self::Keyless { identity, issuer } => write!(f, "{} by {}", plain(identity), plain(issuer)),
        }
    }
}

/// A text on one line and without blanks, whole: two signers must not look alike.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c.is_whitespace() { '?' } else { c }).collect()
}

/// A stranger's word, fit for a message.
fn shown(text: &str) -> String {
    plain(text).chars().take(SHOWN_CHARS).collect()
}

/// A sentence with a stranger's text in it, fit for a message.
fn shown_words(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(2 * SHOWN_CHARS).collect()
}
