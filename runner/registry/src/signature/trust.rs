//! Whose signatures the machine's policy asks for, and whether they are there.

use std::fmt;

use sealock_contract::Digest;
use sealock_contract::grant::ImagePattern;
use sigstore_verify::types::Bundle;

use super::claim::Meaning;
use super::{Kept, PublicKey, Signed, Signer, Simple, TrustRoot, Verdict, bundle, keyless};
use crate::artifact::MANIFEST_TYPE;
use crate::{Artifact, Locked, Reference, Repository, host};

/// Signatures of one plugin that are looked at; more would make every check of it slow.
pub(crate) const SIGNATURES_MAX: usize = 64;
/// Strangers that a refusal names.
const NAMED_MAX: usize = 3;

/// What the policy asks of plugins.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    rules: Vec<Rule>,
}

/// Some plugins, and a signer of theirs. A plugin that several rules name needs one of their signers.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Which plugins.
    pub plugins: Vec<ImagePattern>,
    /// Whose signature.
    pub accepted: Accepted,
}

/// A signer who is accepted.
#[derive(Clone, Debug)]
pub enum Accepted {
    /// Who holds this key.
    Key(PublicKey),
    /// Whom an authority vouches for.
    Keyless {
        /// Whom the certificate has to name.
        identity: IdentityPattern,
        /// Who has to have known them.
        issuer: String,
        /// Whom to believe that.
        root: TrustRoot,
    },
}

/// An identity; `*` stands for characters other than `/`, as in `…/release.yml@refs/tags/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityPattern(String);

/// Why a plugin is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Nobody signed it.
    #[error("`{reference}` is not signed, and the policy wants a signature of {wanted}")]
    Missing {
        /// Which plugin.
        reference: String,
        /// Who was to sign.
        wanted: String,
    },
    /// Somebody else signed it.
    #[error("`{reference}` is signed with {found}; the policy wants a signature of {wanted}")]
    Signer {
        /// Which plugin.
        reference: String,
        /// Who was to sign.
        wanted: String,
        /// Who did.
        found: String,
    },
    /// What there is, is no signature of it.
    #[error("no signature of `{reference}` holds: {why}")]
    Broken {
        /// Which plugin.
        reference: String,
        /// What is wrong with it.
        why: String,
    },
    /// The lockfile names another signer.
    #[error("`{reference}` is signed by {found}, and the lockfile says {locked}")]
    Moved {
        /// Which plugin.
        reference: String,
        /// Who signed.
        found: String,
        /// Who signed when it was locked.
        locked: String,
    },
}

impl SignatureError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "E-SIG-MISSING",
            Self::Signer { .. } | Self::Moved { .. } => "E-SIG-SIGNER",
            Self::Broken { .. } => "E-SIG-BROKEN",
        }
    }

    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Missing { .. } => {
                "ask whoever publishes it to sign it: `sealock plugin publish --sign-key`, `cosign sign`"
            }
            Self::Signer { .. } => "nothing of it runs here; whose signature counts stands in the policy",
            Self::Broken { .. } => "nothing of it runs here; ask whoever publishes it",
            Self::Moved { .. } => "look at the change with `sealock update`, and take it with `--accept`",
        }
    }
}

impl Trust {
    /// What `rules` ask for.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules }
    }

    /// Whether `reference` has to be signed.
    pub fn asks_for(&self, reference: &Reference) -> bool {
        self.rules.iter().any(|rule| rule.names(reference))
    }

    /// Whose signature `reference` has to have, in words.
    pub fn wanted(&self, reference: &Reference) -> String {
        let rules = self.rules.iter().filter(|rule| rule.names(reference));
        rules.map(|rule| rule.accepted.to_string()).collect::<Vec<_>>().join(", or of ")
    }

    /// Who signed the plugin whose manifest is `manifest`, when the policy wants to know that: of several, who stands first
    /// in the policy.
    ///
    /// # Errors
    ///
    /// When none of `signatures` is of whom the policy wants.
    pub fn signer(
        &self,
        reference: &Reference,
        manifest: &[u8],
        signatures: &[Signed],
    ) -> Result<Option<Signer>, SignatureError> {
        Ok(self.signers(reference, manifest, signatures)?.into_iter().next())
    }

    /// Checks what is kept of a plugin that was locked: no network is needed.
    ///
    /// # Errors
    ///
    /// When no signature is of whom the policy wants, when the lockfile names another signer, or when what was signed is not
    /// the component that was locked.
    pub fn check(&self, reference: &Reference, locked: &Locked, kept: &Kept) -> Result<(), SignatureError> {
        let signers = self.signers(reference, &kept.manifest, &kept.signatures)?;
        let broken = |why: &str| SignatureError::Broken { reference: reference.to_string(), why: why.to_owned() };
        let artifact = Artifact::read(&kept.manifest, Digest::of(&kept.manifest), Some(MANIFEST_TYPE));
        let artifact = artifact.map_err(|why| broken(&why))?;
        if artifact.manifest != locked.manifest || artifact.component != locked.component {
            return Err(broken("what is signed is not what the lockfile names"));
        }
        match (&locked.signer, signers.first()) {
            (Some(locked), Some(found)) if !signers.iter().any(|signer| signer.to_string() == *locked) => {
                let (found, locked) = (found.to_string(), super::shown_words(locked));
                Err(SignatureError::Moved { reference: reference.to_string(), found, locked })
            }
            _ => Ok(()),
        }
    }

    /// All who signed and may, in the policy's order; nobody where it asks for nobody.
    fn signers(
        &self,
        reference: &Reference,
        manifest: &[u8],
        signatures: &[Signed],
    ) -> Result<Vec<Signer>, SignatureError> {
        let rules: Vec<&Rule> = self.rules.iter().filter(|rule| rule.names(reference)).collect();
        let (mut signers, mut refusal) = (Vec::new(), Refusal::default());
        for rule in &rules {
            for signed in signatures.iter().take(SIGNATURES_MAX) {
                match rule.accepted.judge(signed, reference.repository(), manifest) {
                    Verdict::Accepted(signer) => signers.push(signer),
                    verdict => refusal.add(verdict),
                }
            }
        }
        if signers.is_empty() && !rules.is_empty() {
            return Err(refusal.told(reference, &self.wanted(reference)));
        }
        Ok(signers)
    }
}

impl Rule {
    /// Another spelling of a registry's host is no way around a rule: `GHCR.io.:443` is `ghcr.io`.
    fn names(&self, reference: &Reference) -> bool {
        let written = reference.to_string();
        let (host, rest) = written.split_once('/').expect("a reference has a host");
        let spelled: Vec<String> = host::spellings(host).iter().map(|host| format!("{host}/{rest}")).collect();
        let is_meant = |pattern: &ImagePattern| spelled.iter().any(|spelled| pattern.matches(spelled));
        self.plugins.iter().any(|pattern| is_meant(pattern) || is_meant(&ImagePattern(host::folded(&pattern.0))))
    }
}

impl Accepted {
    /// Whether a signature is this signer's.
    pub(super) fn accepts(&self, signed: &Signed, repository: &Repository, manifest: &[u8]) -> bool {
        matches!(self.judge(signed, repository, manifest), Verdict::Accepted(_))
    }

    fn judge(&self, signed: &Signed, repository: &Repository, manifest: &[u8]) -> Verdict {
        let judged = match signed {
            Signed::Bundle(json) => {
                bundle::read(json).and_then(|bundle| self.judge_bundle(&bundle, repository, manifest))
            }
            Signed::Simple(simple) => self.judge_simple(simple, repository, manifest),
        };
        judged.unwrap_or_else(Verdict::Broken)
    }

    fn judge_bundle(&self, bundle: &Bundle, repository: &Repository, manifest: &[u8]) -> Result<Verdict, String> {
        let meaning = bundle::meaning(bundle, repository, Digest::of(manifest))?;
        Ok(refused(meaning).unwrap_or_else(|| match self {
            Self::Key(key) => bundle::judge(bundle, manifest, key),
            Self::Keyless { identity, issuer, root } => keyless::judge(bundle, manifest, identity, issuer, root),
        }))
    }

    fn judge_simple(&self, simple: &Simple, repository: &Repository, manifest: &[u8]) -> Result<Verdict, String> {
        let meaning = simple.meaning(repository, Digest::of(manifest))?;
        Ok(refused(meaning).unwrap_or_else(|| match self {
            Self::Key(key) => simple.judge(key),
            Self::Keyless { identity, issuer, root } => keyless::judge_simple(simple, identity, issuer, root),
        }))
    }
}

/// Whoever made it: what does not mean this manifest is no signature of it.
fn refused(meaning: Meaning) -> Option<Verdict> {
    match meaning {
        Meaning::Signs => None,
        Meaning::Another => Some(Verdict::Broken("it signs another manifest".to_owned())),
        Meaning::Remark => Some(Verdict::Unrelated),
    }
}

/// What was found instead of the signature that was wanted.
#[derive(Default)]
struct Refusal {
    strangers: Vec<String>,
    broken: Option<String>,
}

impl Refusal {
    fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Other(who) if !self.strangers.contains(&who) => self.strangers.push(who),
            Verdict::Broken(why) => self.broken = self.broken.take().or(Some(why)),
            Verdict::Other(_) | Verdict::Accepted(_) | Verdict::Unrelated => {}
        }
    }

    fn told(self, reference: &Reference, wanted: &str) -> SignatureError {
        let (reference, wanted) = (reference.to_string(), wanted.to_owned());
        if !self.strangers.is_empty() {
            let found = self.strangers.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
            return SignatureError::Signer { reference, wanted, found };
        }
        match self.broken {
            Some(why) => SignatureError::Broken { reference, why },
            None => SignatureError::Missing { reference, wanted },
        }
    }
}

impl IdentityPattern {
    /// Takes a pattern as it is written.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// Whether `identity` is meant.
    pub fn matches(&self, identity: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = identity.strip_prefix(first) else { return false };
        let mut pieces: Vec<&str> = pieces.collect();
        let Some(last) = pieces.pop() else { return rest.is_empty() };
        for piece in pieces {
            let Some(after) = skip_to(rest, piece) else { return false };
            rest = after;
        }
        rest.strip_suffix(last).is_some_and(|between| !between.contains('/'))
    }
}

/// What follows the first `piece` of `text` before which there is no `/`.
fn skip_to<'a>(text: &'a str, piece: &str) -> Option<&'a str> {
    let at = text.find(piece)?;
    let (before, from) = text.split_at(at);
    (!before.contains('/')).then(|| &from[piece.len()..])
}

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "key {}", key.digest()),
            Self::Keyless { identity, issuer, .. } => write!(f, "{} by {issuer}", identity.0),
        }
    }
}
