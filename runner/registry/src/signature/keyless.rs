//! Signatures made with a certificate that an authority gave out for some minutes.

use std::sync::Arc;

use sigstore_verify::trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot};
use sigstore_verify::types::Bundle;
use sigstore_verify::types::bundle::VerificationMaterialContent;
use sigstore_verify::{VerificationPolicy, Verifier};

use super::{IdentityPattern, Signer, Simple, Verdict, provider};

/// Whom to believe: authorities that give out certificates, logs, and authorities that tell the time.
#[derive(Clone)]
pub struct TrustRoot {
    verifier: Arc<Verifier>,
    has_logs: bool,
    has_certificate_logs: bool,
}

/// A text that is no trust root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a trust root of Sigstore (`trusted_root.json`): {why}")]
pub struct TrustRootError {
    /// What was found.
    pub why: String,
}

impl TrustRoot {
    /// Reads a `trusted_root.json`.
    ///
    /// # Errors
    ///
    /// When it is something else, or names nobody who gives out certificates.
    pub fn read(json: &str) -> Result<Self, TrustRootError> {
        provider::install();
        let refused = |why: String| TrustRootError { why };
        let root = TrustedRoot::from_json(json).map_err(|error| refused(error.to_string()))?;
        if root.certificate_authorities.is_empty() {
            return Err(refused("it names nobody who gives out certificates".to_owned()));
        }
        if root.tlogs.is_empty() && root.timestamp_authorities.is_empty() {
            return Err(refused("it names neither a log nor anybody who tells the time".to_owned()));
        }
        let verifier = Verifier::new(&root).map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            verifier: Arc::new(verifier),
            has_logs: !root.tlogs.is_empty(),
            has_certificate_logs: !root.ctlogs.is_empty(),
        })
    }

    /// Sigstore's own public service, as it was when this was built.
    ///
    /// # Panics
    ///
    /// Never: a test reads it.
    pub fn sigstore() -> Self {
        Self::read(SIGSTORE_PRODUCTION_TRUSTED_ROOT).expect("the built-in trust root is one")
    }

    /// Whom a bundle over `signed` is by.
    fn signer(&self, bundle: &Bundle, signed: &[u8], policy: &VerificationPolicy) -> Result<Signer, String> {
        let found = self.verifier.verify(signed, bundle, policy);
        let found = found.map_err(|error| super::shown_words(&error.to_string()))?;
        let identity = found.identity().ok_or("its certificate names nobody")?.as_str().to_owned();
        let issuer = found.issuer().ok_or("its certificate does not say who knew them")?.to_owned();
        Ok(Signer::Keyless { identity, issuer })
    }

    /// Everything that this root names is asked for.
    fn policy(&self) -> VerificationPolicy {
        let policy = VerificationPolicy::any_identity();
        let policy = if self.has_logs { policy } else { policy.skip_tlog_unsafe() };
        if self.has_certificate_logs { policy } else { policy.skip_sct() }
    }
}

/// Whether a bundle is a signature of `manifest` by whom the rule accepts.
pub(super) fn judge(
    bundle: &Bundle,
    manifest: &[u8],
    identity: &IdentityPattern,
    issuer: &str,
    root: &TrustRoot,
) -> Verdict {
    if matches!(bundle.verification_material.content, VerificationMaterialContent::PublicKey(_)) {
        return Verdict::Other("a key".to_owned());
    }
    verdict(root.signer(bundle, manifest, &root.policy()), identity, issuer)
}

/// The same for the older form, which is about a document that is about the manifest.
pub(super) fn judge_simple(simple: &Simple, identity: &IdentityPattern, issuer: &str, root: &TrustRoot) -> Verdict {
    if !simple.has_certificate() {
        return Verdict::Other("a key".to_owned());
    }
    verdict(signer_of_simple(simple, root), identity, issuer)
}

fn signer_of_simple(simple: &Simple, root: &TrustRoot) -> Result<Signer, String> {
    let (json, is_promised) = simple.as_bundle()?;
    if root.has_logs && !is_promised {
        return Err("no log promised to hold it".to_owned());
    }
    let bundle = super::bundle::read(&json)?;
    // This form has the log's promise and no proof. The promise is verified whatever the policy says.
    root.signer(&bundle, simple.payload.as_bytes(), &root.policy().skip_tlog_unsafe())
}

fn verdict(signer: Result<Signer, String>, identity: &IdentityPattern, issuer: &str) -> Verdict {
    match signer {
        Ok(Signer::Keyless { identity: found, issuer: by }) if identity.matches(&found) && by == issuer => {
            Verdict::Accepted(Signer::Keyless { identity: found, issuer: by })
        }
        Ok(somebody) => Verdict::Other(super::shown_words(&somebody.to_string())),
        Err(why) => Verdict::Broken(why),
    }
}

impl std::fmt::Debug for TrustRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustRoot").field("has_logs", &self.has_logs).finish_non_exhaustive()
    }
}
