//! What a signature says: that a manifest with this digest is meant.

use sealock_contract::Digest;
use sealock_contract::grant;
use serde::{Deserialize, Serialize};

use crate::Repository;

/// The kind of statement in a bundle.
pub(super) const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// What `cosign` 2 calls it.
const OLD_STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v0.1";
/// The statement that is a signature; any other is a remark about the plugin.
pub(super) const SIGNED_TYPE: &str = "https://sigstore.dev/cosign/sign/v1";
/// The kind of the older document.
const SIMPLE_CLAIM_TYPE: &str = "cosign container image signature";

/// What stands in a statement, as far as it matters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    predicate_type: String,
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    name: String,
    digest: SubjectDigest,
}

#[derive(Deserialize)]
struct SubjectDigest {
    sha256: Option<String>,
}

/// What a signed text says of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It signs it.
    Signs,
    /// It signs something else.
    Another,
    /// It is no signature.
    Remark,
}

/// What the payload of a bundle says of `manifest` in `repository`. A statement need not name a repository, and signs the
/// manifest wherever it lies then.
pub(super) fn meaning_of_statement(
    payload: &[u8],
    repository: &Repository,
    manifest: Digest,
) -> Result<Meaning, String> {
    let statement: Statement =
        serde_json::from_slice(payload).map_err(|_| "its statement cannot be read".to_owned())?;
    if statement.kind != STATEMENT_TYPE && statement.kind != OLD_STATEMENT_TYPE {
        return Err(format!("its statement is of the kind `{}`", super::shown(&statement.kind)));
    }
    if statement.predicate_type != SIGNED_TYPE {
        return Ok(Meaning::Remark);
    }
    let hex = manifest.hex();
    let is_meant = |subject: &Subject| subject.digest.sha256.as_deref() == Some(hex.as_str());
    let mut meant = statement.subject.iter().filter(|subject| is_meant(subject)).peekable();
    if meant.peek().is_none() {
        return Ok(Meaning::Another);
    }
    // A file's name is no repository's, and says nothing of where it may lie.
    let elsewhere = |subject: &Subject| named(&subject.name).is_some_and(|named| !named.is_same(repository));
    match meant.find(|subject| elsewhere(subject)) {
        Some(subject) => Err(of_another(&subject.name)),
        None => Ok(Meaning::Signs),
    }
}

/// The repository that a name is, without a tag and a digest.
fn named(name: &str) -> Option<Repository> {
    grant::repository(name).parse().ok()
}

fn of_another(name: &str) -> String {
    format!("it signs the plugin as `{}`, which is another", super::shown(name))
}

/// The statement that signs `manifest` of `repository`.
pub(super) fn statement(repository: &Repository, manifest: Digest) -> Vec<u8> {
    let statement = serde_json::json!({
        "_type": STATEMENT_TYPE,
        "subject": [{ "name": repository.to_string(), "digest": { "sha256": manifest.hex() } }],
        "predicateType": SIGNED_TYPE,
        "predicate": {},
    });
    statement.to_string().into_bytes()
}

#[derive(Serialize, Deserialize)]
struct SimpleClaim {
    critical: Critical,
    #[serde(default)]
    optional: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Serialize, Deserialize)]
struct Identity {
    #[serde(rename = "docker-reference")]
    reference: String,
}

#[derive(Serialize, Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

/// What a document of the older form says of `manifest` in `repository`.
pub(super) fn meaning_of_simple(payload: &[u8], repository: &Repository, manifest: Digest) -> Result<Meaning, String> {
    let claim: SimpleClaim = serde_json::from_slice(payload).map_err(|_| "its document cannot be read".to_owned())?;
    if claim.critical.kind != SIMPLE_CLAIM_TYPE {
        return Err(format!("its document is of the kind `{}`", super::shown(&claim.critical.kind)));
    }
    if claim.critical.image.digest != manifest.to_string() {
        return Ok(Meaning::Another);
    }
    let reference = &claim.critical.identity.reference;
    let is_own = reference.is_empty() || named(reference).is_some_and(|named| named.is_same(repository));
    if is_own { Ok(Meaning::Signs) } else { Err(of_another(reference)) }
}

/// The document that signs `manifest` of `repository`.
pub(super) fn simple(repository: &str, manifest: Digest) -> Vec<u8> {
    let claim = SimpleClaim {
        critical: Critical {
            identity: Identity { reference: repository.to_owned() },
            image: Image { digest: manifest.to_string() },
            kind: SIMPLE_CLAIM_TYPE.to_owned(),
        },
        optional: serde_json::Value::Null,
    };
    serde_json::to_vec(&claim).expect("text prints as JSON")
}
