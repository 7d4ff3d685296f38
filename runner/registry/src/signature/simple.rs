//! Signatures in the older form: a document, and beside it, as annotations, its signature, certificate, and log entry.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealock_contract::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sigstore_verify::types::SignatureBytes;

use super::{PublicKey, Signer, SigningKey, Verdict, claim};
use crate::Repository;

/// The type of the document.
pub const SIMPLE_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation with the signature.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// The annotation with the certificate, as PEM.
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
/// The annotation with those who vouch for the certificate, as PEM.
const CHAIN: &str = "dev.sigstore.cosign/chain";
/// The annotation with the log's promise.
const LOG: &str = "dev.sigstore.cosign/bundle";
/// The annotation with a timestamp.
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// A document and its annotations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simple {
    /// The document.
    pub payload: String,
    /// What stands beside it.
    pub annotations: BTreeMap<String, String>,
}

/// What a log promised, as `cosign` writes it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Promise {
    signed_entry_timestamp: String,
    payload: Entry,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    body: String,
    integrated_time: u64,
    log_index: u64,
    #[serde(rename = "logID")]
    log: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Timestamp {
    #[serde(rename = "SignedRFC3161Timestamp")]
    token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryKind {
    kind: String,
    api_version: String,
}

impl Simple {
    /// What it says of `manifest` in `repository`, whoever says it.
    pub(super) fn meaning(&self, repository: &Repository, manifest: Digest) -> Result<claim::Meaning, String> {
        claim::meaning_of_simple(self.payload.as_bytes(), repository, manifest)
    }

    /// Whether it was made with a certificate.
    pub(super) fn has_certificate(&self) -> bool {
        self.annotations.get(CERTIFICATE).is_some_and(|pem| !pem.is_empty())
    }

    /// Whether it was made with the other half of `key`.
    pub(super) fn judge(&self, key: &PublicKey) -> Verdict {
        if self.has_certificate() {
            return Verdict::Other("a certificate".to_owned());
        }
        let signature = match self.signature() {
            Ok(signature) => signature,
            Err(why) => return Verdict::Broken(why),
        };
        // The form has no hint at the key: a torn signature and another's look alike.
        if key.has_signed(self.payload.as_bytes(), &signature) {
            return Verdict::Accepted(Signer::Key(key.digest()));
        }
        Verdict::Other("another key".to_owned())
    }

    /// Signs `manifest` of `repository` with `key`.
    pub(super) fn sign(key: &SigningKey, repository: &str, manifest: Digest) -> Self {
        let payload = claim::simple(repository, manifest);
        let signature = BASE64.encode(key.sign(&payload));
        let payload = String::from_utf8(payload).expect("JSON is text");
        Self { payload, annotations: BTreeMap::from([(SIGNATURE.to_owned(), signature)]) }
    }

    fn signature(&self) -> Result<SignatureBytes, String> {
        let text = self.annotations.get(SIGNATURE).ok_or("it has no signature")?;
        let bytes = BASE64.decode(text).map_err(|_| "its signature is no base64")?;
        Ok(SignatureBytes::new(bytes))
    }

    /// The same as a bundle over the document, for who verifies certificates; whether a log promised it.
    pub(super) fn as_bundle(&self) -> Result<(String, bool), String> {
        let mut chain = certificates(self.annotations.get(CERTIFICATE))?;
        chain.extend(certificates(self.annotations.get(CHAIN))?);
        let entries = self.annotations.get(LOG).map(|text| entry(text)).transpose()?;
        let is_promised = entries.is_some();
        let stamps = self.annotations.get(TIMESTAMP).map(|text| timestamp(text)).transpose()?;
        let digest = Digest::of(self.payload.as_bytes());
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.2",
            "verificationMaterial": {
                "x509CertificateChain": { "certificates": chain },
                "tlogEntries": Vec::from_iter(entries),
                "timestampVerificationData": { "rfc3161Timestamps": Vec::from_iter(stamps) },
            },
            "messageSignature": {
                "messageDigest": { "algorithm": "SHA2_256", "digest": BASE64.encode(digest.as_bytes()) },
                "signature": BASE64.encode(self.signature()?.as_bytes()),
            },
        });
        Ok((bundle.to_string(), is_promised))
    }
}

fn certificates(pem: Option<&String>) -> Result<Vec<Json>, String> {
    let blocks = pem::parse_many(pem.map_or("", String::as_str)).map_err(|_| "its certificate is no PEM")?;
    Ok(blocks.iter().map(|block| json!({ "rawBytes": BASE64.encode(block.contents()) })).collect())
}

fn entry(text: &str) -> Result<Json, String> {
    let promise: Promise = serde_json::from_str(text).map_err(|_| "its log entry cannot be read")?;
    let Entry { body, integrated_time, log_index, log } = promise.payload;
    let decoded = BASE64.decode(&body).map_err(|_| "its log entry is no base64")?;
    let kind: EntryKind = serde_json::from_slice(&decoded).map_err(|_| "its log entry has no kind")?;
    let log = format!("sha256:{log}").parse::<Digest>().map_err(|_| "its log has no digest for a name")?;
    Ok(json!({
        "logIndex": log_index.to_string(),
        "logId": { "keyId": BASE64.encode(log.as_bytes()) },
        "kindVersion": { "kind": kind.kind, "version": kind.api_version },
        "integratedTime": integrated_time.to_string(),
        "inclusionPromise": { "signedEntryTimestamp": promise.signed_entry_timestamp },
        "canonicalizedBody": body,
    }))
}

fn timestamp(text: &str) -> Result<Json, String> {
    let timestamp: Timestamp = serde_json::from_str(text).map_err(|_| "its timestamp cannot be read")?;
    Ok(json!({ "signedTimestamp": timestamp.token }))
}
