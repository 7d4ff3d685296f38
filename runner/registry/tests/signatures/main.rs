//! Who signed what: by keys, by an authority of our own, and by Sigstore's public service.

mod attached;
mod kept;

use e2e::authority::{self, Authority, ISSUER, Signing};
use sealock_contract::Digest;
use sealock_contract::grant::ImagePattern;
use sealock_registry::signature::{
    Accepted, IdentityPattern, PublicKey, Rule, SignatureError, Signed, Signer, SigningKey, SigningKeyError, Simple,
    Trust, TrustRoot,
};
use sealock_registry::{Reference, Repository};
use serde_json::Value as Json;
use sigstore_verify::trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT;

const MANIFEST: &[u8] = br#"{"schemaVersion":2}"#;
const P256: &str = include_str!("keys/p256.pem");
const ED25519: &str = include_str!("keys/ed.pem");
/// No policy here names it.
const STRANGER: &str = include_str!("keys/stranger.pem");
const SEALED: &str = include_str!("keys/sealed.key");

fn reference() -> Reference {
    "registry.example/acme/step:1.2.3".parse().expect("a reference")
}

fn repository() -> Repository {
    reference().repository().clone()
}

fn key(pem: &str) -> SigningKey {
    SigningKey::read(pem, None).expect("a key")
}

fn trust(accepted: Vec<Accepted>) -> Trust {
    let plugins = || vec![ImagePattern("registry.example/acme/*".to_owned())];
    Trust::new(accepted.into_iter().map(|accepted| Rule { plugins: plugins(), accepted }).collect())
}

fn by_key(key: &SigningKey) -> Trust {
    trust(vec![Accepted::Key(key.public().clone())])
}

fn by(authority: &Authority, identity: &str, issuer: &str) -> Trust {
    let root = TrustRoot::read(&authority.trust_root()).expect("a trust root");
    trust(vec![Accepted::Keyless { identity: IdentityPattern::new(identity), issuer: issuer.to_owned(), root }])
}

fn by_acme(authority: &Authority) -> Trust {
    by(authority, "https://forge.example/acme/step/.forge/release.yml@refs/tags/*", ISSUER)
}

fn signer(trust: &Trust, signed: &[Signed]) -> Result<Signer, SignatureError> {
    trust.signer(&reference(), MANIFEST, signed).map(|signer| signer.expect("the policy asks for this plugin"))
}

/// Who signed a plugin of another registry, when `key` is asked for.
fn signer_at(reference: &Reference, key: &SigningKey, signed: &[Signed]) -> Result<Signer, SignatureError> {
    let plugins = vec![ImagePattern("**".to_owned())];
    let trust = Trust::new(vec![Rule { plugins, accepted: Accepted::Key(key.public().clone()) }]);
    trust.signer(reference, MANIFEST, signed).map(|signer| signer.expect("the policy asks for all plugins"))
}

fn code(trust: &Trust, signed: &[Signed]) -> &'static str {
    signer(trust, signed).expect_err("no signature that holds").code()
}

fn bundle(json: &Json) -> Signed {
    Signed::Bundle(json.to_string())
}

fn simple((payload, annotations): (String, Vec<(String, String)>)) -> Signed {
    Signed::Simple(Simple { payload, annotations: annotations.into_iter().collect() })
}

fn both(key: &SigningKey, manifest: &[u8]) -> [Signed; 2] {
    let digest = Digest::of(manifest);
    [Signed::bundle(key, &repository(), digest), Signed::simple(key, &repository(), digest)]
}

#[test]
fn what_each_kind_of_key_signs_is_by_that_key_in_both_forms() {
    let sealed = SigningKey::read(SEALED, Some("correct-horse")).expect("a key of cosign");
    for key in [key(P256), key(ED25519), sealed] {
        for signed in both(&key, MANIFEST) {
            assert_eq!(signer(&by_key(&key), &[signed]), Ok(Signer::Key(key.public().digest())));
        }
    }
}

#[test]
fn public_keys_are_those_that_openssl_and_cosign_wrote() {
    let sealed = SigningKey::read(SEALED, Some("correct-horse")).expect("a key of cosign");
    let pairs = [
        (key(P256), include_str!("keys/p256.pub")),
        (key(ED25519), include_str!("keys/ed.pub")),
        (sealed, include_str!("keys/sealed.pub")),
    ];
    for (key, written) in pairs {
        assert_eq!(key.public(), &PublicKey::read(written).expect("a public key"));
        assert_eq!(PublicKey::read(&key.public().to_pem()).as_ref(), Ok(key.public()));
    }
}

#[test]
fn a_sealed_key_needs_its_password() {
    assert!(matches!(SigningKey::read(SEALED, None), Err(SigningKeyError::Sealed)));
    assert!(matches!(SigningKey::read(SEALED, Some("correct")), Err(SigningKeyError::Password)));
}

#[test]
fn what_is_no_key_to_sign_with_says_what_it_is() {
    let wrapped = |tag: &str, text: &str| pem::encode(&pem::Pem::new(tag, text.as_bytes()));
    let sealed = |change: fn(&str) -> String| {
        let block = pem::parse(SEALED).expect("PEM");
        wrapped(block.tag(), &change(std::str::from_utf8(block.contents()).expect("JSON")))
    };
    let texts = [
        (String::new(), "found no PEM"),
        (include_str!("keys/p256.pub").to_owned(), "found `PUBLIC KEY`"),
        (wrapped("EC PRIVATE KEY", "x"), "SEC 1"),
        (wrapped("PRIVATE KEY", "x"), "neither ECDSA"),
        (sealed(|_| "{}".to_owned()), "cannot be read"),
        (sealed(|text| text.replace("65536", "1099511627776")), "more work"),
        (sealed(|text| text.replace("65536", "65535")), "more work"),
        (sealed(|text| text.replace("nacl/secretbox", "aes")), "nothing here opens"),
    ];
    for (text, told) in texts {
        let error = SigningKey::read(&text, Some("correct-horse")).expect_err(told).to_string();
        assert!(error.contains(told), "{told}: {error}");
    }
}

#[test]
fn another_key_is_a_stranger() {
    for signed in both(&key(ED25519), MANIFEST) {
        assert_eq!(code(&by_key(&key(P256)), std::slice::from_ref(&signed)), "E-SIG-SIGNER", "{signed:?}");
    }
}

#[test]
fn one_of_several_signatures_and_one_of_several_signers_are_enough() {
    let (old, new) = (key(P256), key(ED25519));
    let either = trust(vec![Accepted::Key(old.public().clone()), Accepted::Key(new.public().clone())]);
    let signed = [both(&key(STRANGER), MANIFEST), both(&new, MANIFEST)].concat();
    assert_eq!(signer(&either, &signed), Ok(Signer::Key(new.public().digest())));
}

#[test]
fn nothing_signed_and_remarks_are_no_signature() {
    let key = key(P256);
    assert_eq!(code(&by_key(&key), &[]), "E-SIG-MISSING");
    let Signed::Bundle(json) = Signed::bundle(&key, &repository(), Digest::of(MANIFEST)) else {
        unreachable!("a bundle")
    };
    let mut remark: Json = serde_json::from_str(&json).expect("JSON");
    let statement = serde_json::json!({ "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://spdx.dev/Document",
        "subject": [{ "digest": { "sha256": Digest::of(MANIFEST).hex() } }], "predicate": {} });
    remark["dsseEnvelope"]["payload"] = base64(statement.to_string().as_bytes()).into();
    assert_eq!(code(&by_key(&key), &[bundle(&remark)]), "E-SIG-MISSING");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn a_signature_of_another_manifest_signs_nothing() {
    let key = key(P256);
    for signed in both(&key, b"another") {
        assert_eq!(code(&by_key(&key), &[signed]), "E-SIG-BROKEN");
    }
}

#[test]
fn a_torn_signature_or_one_moved_to_other_words_holds_nothing() {
    let key = key(P256);
    let [Signed::Bundle(own), Signed::Simple(document)] = both(&key, MANIFEST) else { unreachable!("both forms") };
    let [Signed::Bundle(other), Signed::Simple(another)] = both(&key, b"another") else { unreachable!("both forms") };
    let (own, other): (Json, Json) =
        (serde_json::from_str(&own).expect("JSON"), serde_json::from_str(&other).expect("JSON"));
    let mut moved = other;
    moved["dsseEnvelope"]["payload"] = own["dsseEnvelope"]["payload"].clone();
    assert_eq!(code(&by_key(&key), &[bundle(&moved)]), "E-SIG-BROKEN");
    let moved = Simple { payload: document.payload, annotations: another.annotations };
    assert_eq!(code(&by_key(&key), &[Signed::Simple(moved)]), "E-SIG-SIGNER");
    for torn in ["", "{", "[]", "{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v9+json\"}"] {
        assert_eq!(code(&by_key(&key), &[Signed::Bundle(torn.to_owned())]), "E-SIG-BROKEN", "{torn}");
    }
}

#[test]
fn only_named_plugins_are_asked_and_a_host_is_the_same_however_it_is_written() {
    let trust = by_key(&key(P256));
    let asks = |text: &str| trust.asks_for(&text.parse().expect("a reference"));
    for text in ["registry.example/acme/step:1", "REGISTRY.example/acme/step:1", "registry.example.:443/acme/step:1"] {
        assert!(asks(text), "{text}");
    }
    let asks_of = |pattern: &str, text: &str| {
        let accepted = Accepted::Key(key(P256).public().clone());
        let rule = Rule { plugins: vec![ImagePattern(pattern.to_owned())], accepted };
        Trust::new(vec![rule]).asks_for(&text.parse().expect("a reference"))
    };
    for (pattern, text) in [
        ("docker.io/acme/*", "registry-1.docker.io/acme/step:1"),
        ("index.docker.io/acme/*", "docker.io:443/acme/step:1"),
        ("GHCR.io:443/acme/*", "ghcr.io/acme/step:1"),
        ("127.0.0.1:5803/**", "localhost:5803/acme/step:1"),
        ("localhost:5803/**", "127.0.0.2:5803/acme/step:1"),
        ("localhost/**", "localhost:80/acme/step:1"),
    ] {
        assert!(asks_of(pattern, text), "{pattern} {text}");
    }
    assert!(!asks_of("ghcr.io/**", "ghcr.io:444/acme/step:1") && !asks_of("127.0.0.1:1/**", "127.0.0.1:2/a/b:1"));
    let digest = Digest::of(MANIFEST);
    assert!(asks(&format!("registry.example/acme/step@{digest}")));
    assert!(!asks("registry.example/other/step:1"));
    let other = "registry.example/other/step:1".parse().expect("a reference");
    assert_eq!(trust.signer(&other, MANIFEST, &[]), Ok(None));
}

#[test]
fn a_signature_that_names_a_repository_is_none_of_another() {
    let key = key(P256);
    let signed = both(&key, MANIFEST);
    for signed in &signed {
        let error = signer_at(
            &"registry.example/acme/other:1".parse().expect("a reference"),
            &key,
            std::slice::from_ref(signed),
        );
        let error = error.expect_err("it is signed as another plugin");
        assert_eq!(error.code(), "E-SIG-BROKEN");
        assert!(error.to_string().contains("`registry.example/acme/step"), "{error}");
        for host in ["registry.example", "REGISTRY.example.:443"] {
            let own = format!("{host}/acme/step:2").parse().expect("a reference");
            assert!(signer_at(&own, &key, std::slice::from_ref(signed)).is_ok(), "{host}");
        }
    }
}

#[test]
fn whom_the_authority_vouches_for_has_signed_in_both_forms() {
    let authority = Authority::new();
    let signing = Signing::default();
    let expected = Signer::Keyless { identity: authority::IDENTITY.to_owned(), issuer: ISSUER.to_owned() };
    let signed = [bundle(&authority.bundle(&signing, MANIFEST)), simple(authority.simple(&signing, MANIFEST))];
    for signed in signed {
        assert_eq!(signer(&by_acme(&authority), &[signed]), Ok(expected.clone()));
    }
}

#[test]
fn somebody_else_whom_the_authority_vouches_for_is_a_stranger() {
    let authority = Authority::new();
    let strangers = [
        Signing {
            identity: "https://forge.example/evil/step/.forge/release.yml@refs/tags/v1.2.3",
            ..Signing::default()
        },
        Signing { identity: &format!("{}/../v1", authority::IDENTITY), ..Signing::default() },
        Signing { issuer: "https://token.evil.example", ..Signing::default() },
    ];
    for signing in strangers {
        for signed in [bundle(&authority.bundle(&signing, MANIFEST)), simple(authority.simple(&signing, MANIFEST))] {
            let error = signer(&by_acme(&authority), &[signed]).expect_err("a stranger");
            assert_eq!(error.code(), "E-SIG-SIGNER");
            let who = format!("{} by {}", signing.identity, signing.issuer);
            assert!(error.to_string().contains(&who), "{error}");
        }
    }
}

#[test]
fn a_key_is_no_identity_and_an_identity_no_key() {
    let authority = Authority::new();
    let keyless = [
        bundle(&authority.bundle(&Signing::default(), MANIFEST)),
        simple(authority.simple(&Signing::default(), MANIFEST)),
    ];
    for signed in keyless {
        assert_eq!(code(&by_key(&key(P256)), &[signed]), "E-SIG-SIGNER");
    }
    for signed in both(&key(P256), MANIFEST) {
        assert_eq!(code(&by_acme(&authority), &[signed]), "E-SIG-SIGNER");
    }
}

#[test]
fn what_another_authority_or_another_log_says_holds_nothing() {
    let (own, other) = (Authority::new(), Authority::new());
    let signed =
        [bundle(&other.bundle(&Signing::default(), MANIFEST)), simple(other.simple(&Signing::default(), MANIFEST))];
    for signed in signed {
        assert_eq!(code(&by_acme(&own), &[signed]), "E-SIG-BROKEN");
    }
}

#[test]
fn a_certificate_counts_only_at_the_moment_that_the_log_vouches_for() {
    let authority = Authority::new();
    let wrong = [(-60, -30, "CertExpired"), (-1, -10, "CertNotValidYet"), (55, 60, "in the future")];
    for (certified, logged, told) in wrong {
        let signing = Signing { certified, logged, ..Signing::default() };
        for signed in [bundle(&authority.bundle(&signing, MANIFEST)), simple(authority.simple(&signing, MANIFEST))] {
            let error = signer(&by_acme(&authority), &[signed]).expect_err(told);
            assert_eq!(error.code(), "E-SIG-BROKEN");
            assert!(error.to_string().contains(told), "{told}: {error}");
        }
    }
    let over_since = Signing { certified: -60, logged: -55, ..Signing::default() };
    assert!(signer(&by_acme(&authority), &[bundle(&authority.bundle(&over_since, MANIFEST))]).is_ok());
}

#[test]
fn a_certificate_of_another_authority_is_not_saved_by_a_log_that_is_trusted() {
    let (own, other) = (Authority::new(), Authority::new());
    let read = |authority: &Authority| serde_json::from_str::<Json>(&authority.trust_root()).expect("JSON");
    let mut mixed = read(&own);
    mixed["certificateAuthorities"] = read(&other)["certificateAuthorities"].clone();
    let root = TrustRoot::read(&mixed.to_string()).expect("a trust root");
    let identity = IdentityPattern::new(authority::IDENTITY);
    let trust = trust(vec![Accepted::Keyless { identity, issuer: ISSUER.to_owned(), root }]);
    for signed in
        [bundle(&own.bundle(&Signing::default(), MANIFEST)), simple(own.simple(&Signing::default(), MANIFEST))]
    {
        let error = signer(&trust, &[signed]).expect_err("an unknown authority").to_string();
        assert!(error.contains("certificate chain"), "{error}");
    }
}

#[test]
fn a_trust_root_that_trusts_nobody_is_none() {
    let mut root: Json = serde_json::from_str(&Authority::new().trust_root()).expect("JSON");
    assert!(TrustRoot::read("{}").is_err());
    assert!(TrustRoot::read("no JSON").is_err());
    root["tlogs"] = serde_json::json!([]);
    assert!(TrustRoot::read(&root.to_string()).expect_err("nobody tells the time").why.contains("the time"));
    root["certificateAuthorities"] = serde_json::json!([]);
    assert!(TrustRoot::read(&root.to_string()).expect_err("nobody certifies").why.contains("certificates"));
}

#[test]
fn an_entry_of_an_unknown_version_or_of_none_holds_nothing() {
    let authority = Authority::new();
    let signing = Signing { entry_version: "9.9.9", ..Signing::default() };
    for signed in [bundle(&authority.bundle(&signing, MANIFEST)), simple(authority.simple(&signing, MANIFEST))] {
        assert_eq!(code(&by_acme(&authority), &[signed]), "E-SIG-BROKEN");
    }
    let mut unlogged = authority.bundle(&Signing::default(), MANIFEST);
    unlogged["verificationMaterial"]["tlogEntries"] = serde_json::json!([]);
    assert_eq!(code(&by_acme(&authority), &[bundle(&unlogged)]), "E-SIG-BROKEN");
    let (document, mut annotations) = authority.simple(&Signing::default(), MANIFEST);
    annotations.retain(|(name, _)| !name.ends_with("/bundle"));
    assert_eq!(code(&by_acme(&authority), &[simple((document, annotations))]), "E-SIG-BROKEN");
}

#[test]
fn each_byte_of_the_proof_counts() {
    let authority = Authority::new();
    let whole = authority.bundle(&Signing::default(), MANIFEST);
    let other = authority.bundle(&Signing::default(), MANIFEST);
    let places = [
        "/verificationMaterial/certificate/rawBytes",
        "/verificationMaterial/tlogEntries/0/canonicalizedBody",
        "/verificationMaterial/tlogEntries/0/inclusionPromise/signedEntryTimestamp",
        "/verificationMaterial/tlogEntries/0/inclusionProof/rootHash",
        "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope",
        "/dsseEnvelope/signatures/0/sig",
    ];
    for place in places {
        let mut torn = whole.clone();
        *torn.pointer_mut(place).expect(place) = other.pointer(place).expect(place).clone();
        assert_eq!(code(&by_acme(&authority), &[bundle(&torn)]), "E-SIG-BROKEN", "{place}");
    }
}

/// Who knew the signer of `public/`.
const PUBLIC_ISSUER: &str = "https://github.com/login/oauth";

#[test]
fn a_signature_of_sigstores_public_service_is_found_good_without_a_network() {
    let public = Signed::Bundle(include_str!("public/bundle.sigstore.json").to_owned());
    let signed = include_bytes!("public/signed.txt");
    let by = |identity: &str, issuer: &str| {
        let identity = IdentityPattern::new(identity);
        let accepted = Accepted::Keyless { identity, issuer: issuer.to_owned(), root: TrustRoot::sigstore() };
        trust(vec![accepted]).signer(&reference(), signed, std::slice::from_ref(&public))
    };
    assert!(matches!(by("*@gmail.com", PUBLIC_ISSUER), Ok(Some(Signer::Keyless { .. }))));
    for (identity, issuer) in [("*@gmail.com", "https://accounts.google.com"), ("*@example.com", PUBLIC_ISSUER)] {
        assert_eq!(by(identity, issuer).expect_err("somebody else").code(), "E-SIG-SIGNER");
    }
    let own = Authority::new();
    let refused = by_acme(&own).signer(&reference(), signed, std::slice::from_ref(&public));
    assert_eq!(refused.expect_err("another authority").code(), "E-SIG-BROKEN");
}

#[test]
fn where_the_trust_root_has_no_log_the_time_is_told_by_who_tells_it_there() {
    let mut root: Json = serde_json::from_str(SIGSTORE_PRODUCTION_TRUSTED_ROOT).expect("JSON");
    let mut unlogged: Json = serde_json::from_str(include_str!("public/bundle.sigstore.json")).expect("JSON");
    unlogged["verificationMaterial"]["tlogEntries"] = serde_json::json!([]);
    let signed = include_bytes!("public/signed.txt");
    let with = |root: &Json, bundle_json: &Json| {
        let root = TrustRoot::read(&root.to_string()).expect("a trust root");
        let identity = IdentityPattern::new("*@gmail.com");
        let accepted = Accepted::Keyless { identity, issuer: PUBLIC_ISSUER.to_owned(), root };
        trust(vec![accepted]).signer(&reference(), signed, &[bundle(bundle_json)])
    };
    assert_eq!(with(&root, &unlogged).expect_err("the log is asked for").code(), "E-SIG-BROKEN");
    root["tlogs"] = serde_json::json!([]);
    assert!(with(&root, &unlogged).is_ok());
    let mut untold = unlogged.clone();
    untold["verificationMaterial"]["timestampVerificationData"] = serde_json::json!({});
    assert_eq!(with(&root, &untold).expect_err("nobody tells the time").code(), "E-SIG-BROKEN");
    root["timestampAuthorities"].as_array_mut().expect("a list").truncate(0);
    assert!(TrustRoot::read(&root.to_string()).is_err());
}

#[test]
fn stars_of_an_identity_stay_within_one_part() {
    let pattern = IdentityPattern::new("https://forge.example/*/step/release.yml@refs/tags/v*");
    assert!(pattern.matches("https://forge.example/acme/step/release.yml@refs/tags/v1.2"));
    for other in [
        "https://forge.example/acme/x/step/release.yml@refs/tags/v1",
        "https://forge.example/acme/step/release.yml@refs/tags/v1/x",
        "https://forge.example/acme/step/release.yml@refs/heads/v1",
        "xhttps://forge.example/acme/step/release.yml@refs/tags/v1",
    ] {
        assert!(!pattern.matches(other), "{other}");
    }
    assert!(IdentityPattern::new("a@example.com").matches("a@example.com"));
    assert!(!IdentityPattern::new("a@example.com").matches("ba@example.com"));
    assert!(!IdentityPattern::new("a@example.com").matches("a@example.comx"));
}
