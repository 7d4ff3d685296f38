//! A service of our own that gives out signing certificates, with a log of its own.

mod server;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SigningKey,
};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::depot::digest;

pub use server::SecureServer;

/// Where a certificate says who knew the signer.
const ISSUER_EXTENSION: &[u64] = &[1, 3, 6, 1, 4, 1, 57264, 1, 8];

/// The service: whom to believe is its `trust_root`.
pub struct Authority {
    root: Issuer<'static, KeyPair>,
    certificate: Certificate,
    log: KeyPair,
}

/// What one signature is to be like.
pub struct Signing<'a> {
    /// Whom the certificate names.
    pub identity: &'a str,
    /// Who knew them.
    pub issuer: &'a str,
    /// Minutes from now at which the certificate began to hold.
    pub certified: i64,
    /// Minutes from now at which the log took it.
    pub logged: i64,
    /// The version of the log entry.
    pub entry_version: &'a str,
    /// Which repository a document names.
    pub repository: &'a str,
}

impl Default for Signing<'_> {
    fn default() -> Self {
        Self {
            identity: IDENTITY,
            issuer: ISSUER,
            certified: -1,
            logged: 0,
            entry_version: "0.0.1",
            repository: REPOSITORY,
        }
    }
}

/// What is signed, unless it is said otherwise.
pub const REPOSITORY: &str = "registry.example/acme/step";
/// Who signs, unless it is said otherwise.
pub const IDENTITY: &str = "https://forge.example/acme/step/.forge/release.yml@refs/tags/v1.2.3";
/// Who knows them.
pub const ISSUER: &str = "https://token.forge.example";

/// A key with a certificate that holds for ten minutes.
struct Leaf {
    key: KeyPair,
    certificate: Certificate,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// With a root and a log that nobody else knows.
    ///
    /// # Panics
    /// When there is no randomness.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(rcgen::DnType::CommonName, "an authority for tests");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { root: Issuer::new(params, key), certificate, log: KeyPair::generate().expect("a key") }
    }

    /// Whom to believe, as a file.
    pub fn trust_root(&self) -> String {
        let log = self.log.subject_public_key_info();
        let valid = json!({ "start": "2020-01-01T00:00:00Z" });
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://log.example", "hashAlgorithm": "SHA2_256",
                "publicKey": { "rawBytes": BASE64.encode(&log), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid },
                "logId": { "keyId": BASE64.encode(Sha256::digest(&log)) },
            }],
            "certificateAuthorities": [{
                "subject": { "organization": "example", "commonName": "an authority for tests" },
                "uri": "https://authority.example",
                "certChain": { "certificates": [{ "rawBytes": BASE64.encode(self.certificate.der()) }] },
                "validFor": valid,
            }],
            "ctlogs": [],
            "timestampAuthorities": [],
        })
        .to_string()
    }

    fn leaf(&self, signing: &Signing<'_>) -> Leaf {
        let mut params = CertificateParams::default();
        let moment = |minutes: i64| {
            let time = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes);
            std::time::SystemTime::from(time).into()
        };
        params.not_before = moment(signing.certified);
        params.not_after = moment(signing.certified + 10);
        params.subject_alt_names = vec![SanType::URI(signing.identity.try_into().expect("plain text"))];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let length = u8::try_from(signing.issuer.len()).expect("a short issuer");
        let issuer = [&[0x0c, length], signing.issuer.as_bytes()].concat();
        params.custom_extensions = vec![CustomExtension::from_oid_content(ISSUER_EXTENSION, issuer)];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.root).expect("a certificate");
        Leaf { key, certificate }
    }

    /// The log's promise to hold an entry.
    fn promise(&self, signing: &Signing<'_>, kind: &str, spec: &Json) -> Promise {
        let body = json!({ "apiVersion": signing.entry_version, "kind": kind, "spec": spec });
        let body = BASE64.encode(body.to_string());
        let log = Sha256::digest(self.log.subject_public_key_info()).to_vec();
        let time = jiff::Timestamp::now().as_second() + 60 * signing.logged;
        let canonical = format!(r#"{{"body":"{body}","integratedTime":{time},"logID":"{}","logIndex":0}}"#, hex(&log));
        let signed = BASE64.encode(self.log.sign(canonical.as_bytes()).expect("a signature"));
        Promise { body, log, time, signed }
    }

    /// A bundle about `manifest`.
    ///
    /// # Panics
    /// When there is no randomness.
    pub fn bundle(&self, signing: &Signing<'_>, manifest: &[u8]) -> Json {
        let leaf = self.leaf(signing);
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://sigstore.dev/cosign/sign/v1",
            "subject": [{ "digest": { "sha256": hex(&Sha256::digest(manifest)) } }], "predicate": {},
        });
        let payload = statement.to_string();
        let kind = "application/vnd.in-toto+json";
        let signed = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len()).into_bytes();
        let signature = leaf.key.sign(&signed).expect("a signature");
        let hash = |bytes: &[u8]| json!({ "algorithm": "sha256", "value": hex(&Sha256::digest(bytes)) });
        let entry = json!({
            "envelopeHash": hash(b"the log saw another spelling"), "payloadHash": hash(payload.as_bytes()),
            "signatures": [{ "signature": BASE64.encode(&signature), "verifier": BASE64.encode(leaf.certificate.pem()) }],
        });
        let promise = self.promise(signing, "dsse", &entry);
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": { "rawBytes": BASE64.encode(leaf.certificate.der()) },
                "tlogEntries": [self.entry(&promise, signing)],
            },
            "dsseEnvelope": {
                "payload": BASE64.encode(&payload), "payloadType": kind, "signatures": [{ "sig": BASE64.encode(&signature) }],
            },
        })
    }

    /// The entry with the proof that it is the only one of the log.
    fn entry(&self, promise: &Promise, signing: &Signing<'_>) -> Json {
        let leaf = [&[0], BASE64.decode(&promise.body).expect("base64").as_slice()].concat();
        let root = BASE64.encode(Sha256::digest(&leaf));
        let head = format!("log.example\n1\n{root}\n");
        let signature = self.log.sign(head.as_bytes()).expect("a signature");
        let named = BASE64.encode([&promise.log[..4], &signature].concat());
        json!({
            "logIndex": "0",
            "logId": { "keyId": BASE64.encode(&promise.log) },
            "kindVersion": { "kind": "dsse", "version": signing.entry_version },
            "integratedTime": promise.time.to_string(),
            "inclusionPromise": { "signedEntryTimestamp": promise.signed },
            "inclusionProof": {
                "logIndex": "0", "rootHash": root, "treeSize": "1", "hashes": [],
                "checkpoint": { "envelope": format!("{head}\n— log.example {named}\n") },
            },
            "canonicalizedBody": promise.body,
        })
    }

    /// The older form about `manifest`: a document, and its annotations.
    ///
    /// # Panics
    /// When there is no randomness.
    pub fn simple(&self, signing: &Signing<'_>, manifest: &[u8]) -> (String, Vec<(String, String)>) {
        let leaf = self.leaf(signing);
        let document = json!({ "critical": {
            "identity": { "docker-reference": signing.repository },
            "image": { "docker-manifest-digest": digest(manifest) },
            "type": "cosign container image signature",
        }, "optional": null })
        .to_string();
        let signature = leaf.key.sign(document.as_bytes()).expect("a signature");
        let entry = json!({
            "data": { "hash": { "algorithm": "sha256", "value": hex(&Sha256::digest(&document)) } },
            "signature": {
                "content": BASE64.encode(&signature),
                "publicKey": { "content": BASE64.encode(leaf.certificate.pem()) },
            },
        });
        let Promise { body, log, time, signed } = self.promise(signing, "hashedrekord", &entry);
        let logged = json!({ "SignedEntryTimestamp": signed,
            "Payload": { "body": body, "integratedTime": time, "logIndex": 0, "logID": hex(&log) } });
        let annotations = [
            ("dev.cosignproject.cosign/signature", BASE64.encode(&signature)),
            ("dev.sigstore.cosign/certificate", leaf.certificate.pem()),
            ("dev.sigstore.cosign/chain", self.certificate.pem()),
            ("dev.sigstore.cosign/bundle", logged.to_string()),
        ];
        (document, annotations.map(|(name, value)| (name.to_owned(), value)).to_vec())
    }
}

struct Promise {
    body: String,
    log: Vec<u8>,
    time: i64,
    signed: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
