//! Whether plugins of registries are signed as the machine's policy wants.

use std::path::Path;

use sealock_plan::{RequiredSigner, SignatureRule};
use sealock_registry::signature::{
    Accepted, IdentityPattern, PublicKey, Rule, SigningKey, SigningKeyError, Trust, TrustRoot,
};
use sealock_registry::{Locked, Reference, Store};
use zeroize::Zeroizing;

use crate::content;
use crate::failure::Failure;

/// The trust root that is built in.
const SIGSTORE: &str = "sigstore";
/// A key or a trust root has a few kilobytes; a pipe without an end must not fill memory.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads the keys and trust roots that `rules` name, relative to `folder`.
///
/// # Errors
///
/// `E-SIG-TRUST`, when one of them cannot be read: a rule that is skipped when it is broken holds nobody.
pub(crate) fn trust(rules: &[SignatureRule], folder: &Path) -> Result<Trust, Failure> {
    let read = |rule: &SignatureRule| {
        let accepted = match &rule.signer {
            RequiredSigner::Key(file) => Accepted::Key(parse(folder, file, PublicKey::read)?),
            RequiredSigner::Keyless { identity, issuer, trust_root } => Accepted::Keyless {
                identity: IdentityPattern::new(identity),
                issuer: issuer.clone(),
                root: root(folder, trust_root)?,
            },
        };
        Ok(Rule { plugins: rule.plugins.clone(), accepted })
    };
    rules.iter().map(read).collect::<Result<_, Failure>>().map(Trust::new)
}

fn root(folder: &Path, file: &str) -> Result<TrustRoot, Failure> {
    if file == SIGSTORE {
        return Ok(TrustRoot::sigstore());
    }
    parse(folder, file, TrustRoot::read)
}

fn parse<T, E: std::fmt::Display>(
    folder: &Path,
    file: &str,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Failure> {
    let path = folder.join(file);
    let refused = |why: String| {
        Failure::new("E-SIG-TRUST", format!("the policy names {}: {why}", path.display()))
            .help("no plugin of a registry runs without it; mend the file, or the policy")
    };
    let text = text(&path).map_err(refused)?;
    read(&text).map_err(|error| refused(error.to_string()))
}

/// Reads the key that a publisher signs with; `password` opens one of `cosign`.
///
/// # Errors
///
/// `E-SIG-KEY`, when it is no such key, or does not open.
pub(crate) fn signing_key(path: &Path, password: Option<&str>) -> Result<SigningKey, Failure> {
    let refused = |why: String| Failure::new("E-SIG-KEY", format!("{}: {why}", path.display()));
    let text = Zeroizing::new(text(path).map_err(refused)?);
    SigningKey::read(&text, password).map_err(|error| {
        let help = match &error {
            SigningKeyError::Sealed | SigningKeyError::Password => {
                "give its password as SEALOCK_SIGN_PASSWORD (or COSIGN_PASSWORD)"
            }
            _ => {
                "make one with `cosign generate-key-pair`, or with `openssl genpkey -algorithm EC -pkeyopt \
                  ec_paramgen_curve:P-256`"
            }
        };
        refused(error.to_string()).help(help)
    })
}

fn text(path: &Path) -> Result<String, String> {
    let bytes = content::named(path, FILE_BYTES_MAX).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "expected text".to_owned())
}

/// What is known here of a locked plugin's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// It is signed as the policy wants, or need not be.
    Good,
    /// No signature of it is kept here.
    Unknown,
}

impl Held {
    /// Refuses what nobody is known to have signed.
    ///
    /// # Errors
    ///
    /// `E-SIG-MISSING`.
    pub(crate) fn or_missing(self, trust: &Trust, reference: &Reference) -> Result<(), Failure> {
        if self == Self::Good {
            return Ok(());
        }
        let wanted = trust.wanted(reference);
        let message =
            format!("no signature of `{reference}` is on this machine, and the policy wants a signature of {wanted}");
        Err(Failure::new("E-SIG-MISSING", message).help(
            "`sealock fetch` asks its registry for one; where there is none, ask whoever publishes it to sign it",
        ))
    }
}

/// Whether what is kept of a locked plugin is signed as `trust` wants.
///
/// # Errors
///
/// When it is signed otherwise.
pub(crate) fn hold(trust: &Trust, store: &Store, reference: &Reference, locked: &Locked) -> Result<Held, Failure> {
    if !trust.asks_for(reference) {
        return Ok(Held::Good);
    }
    let Some(kept) = store.signatures(locked.manifest).map_err(|error| Failure::registry(&error))? else {
        return Ok(Held::Unknown);
    };
    trust.check(reference, locked, &kept).map_err(|error| Failure::signature(&error))?;
    Ok(Held::Good)
}
