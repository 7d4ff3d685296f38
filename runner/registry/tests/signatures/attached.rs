//! Signatures in a repository: put there by us, and found there.

use e2e::Depot;
use sealock_contract::Digest;
use sealock_registry::signature::{BUNDLE_TYPE, SIMPLE_TYPE, Signed, Signer, SigningKey};
use sealock_registry::{Reference, Registry, RegistrySettings};
use serde_json::json;

use crate::{ED25519, MANIFEST, P256, STRANGER, key};

const PLUGIN: &str = "acme/step";

/// A registry with one plugin, and the way to it.
struct Scene {
    own: Depot,
    registry: Registry,
    reference: Reference,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    fn new(lists_referrers: bool) -> Self {
        let own = Depot::start();
        if lists_referrers {
            own.list_referrers();
        }
        own.put_manifest(PLUGIN, "1.0.0", &serde_json::from_slice(MANIFEST).expect("JSON"));
        let reference = format!("{}/{PLUGIN}:1.0.0", own.address).parse().expect("a reference");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { own, registry: Registry::new(RegistrySettings::default()), reference, runtime }
    }

    fn sign(&self, key: &SigningKey) {
        let pinned = self.reference.repository().pinned(Digest::of(MANIFEST));
        let signing = self.registry.sign(&pinned, key, jiff::Timestamp::UNIX_EPOCH);
        self.runtime.block_on(signing).expect("the registry takes signatures");
    }

    fn signatures(&self) -> Vec<Signed> {
        let found = self.registry.signatures(self.reference.repository(), Digest::of(MANIFEST));
        self.runtime.block_on(found).expect("the registry gives them")
    }
}

/// Bundles and documents of the older form.
fn count(found: &[Signed]) -> (usize, usize) {
    let bundles = found.iter().filter(|signed| matches!(signed, Signed::Bundle(_))).count();
    (bundles, found.len() - bundles)
}

#[test]
fn what_we_sign_is_found_in_both_forms_with_and_without_a_list_of_referrers() {
    for lists_referrers in [true, false] {
        let scene = Scene::new(lists_referrers);
        let key = key(P256);
        scene.sign(&key);
        let found = scene.signatures();
        assert_eq!(count(&found), (1, 1));
        for signed in found {
            let signer = crate::signer_at(&scene.reference, &key, &[signed]);
            assert_eq!(signer, Ok(Signer::Key(key.public().digest())));
        }
        let listed = format!("sha256-{}", Digest::of(MANIFEST).hex());
        assert_eq!(scene.own.manifest(PLUGIN, &listed).is_some(), !lists_referrers, "the tag that stands for a list");
    }
}

#[test]
fn a_second_key_signs_beside_the_first_and_the_same_key_once() {
    for lists_referrers in [true, false] {
        let scene = Scene::new(lists_referrers);
        for pem in [P256, ED25519, P256, ED25519] {
            scene.sign(&key(pem));
        }
        let found = scene.signatures();
        assert_eq!(count(&found), (2, 2));
        for pem in [P256, ED25519] {
            assert!(crate::signer_at(&scene.reference, &key(pem), &found).is_ok());
        }
        assert_eq!(
            crate::signer_at(&scene.reference, &key(STRANGER), &found).expect_err("none").code(),
            "E-SIG-SIGNER"
        );
    }
}

#[test]
fn a_plugin_without_signatures_has_none() {
    for lists_referrers in [true, false] {
        assert_eq!(Scene::new(lists_referrers).signatures(), []);
    }
}

#[test]
fn what_refers_to_a_plugin_and_signs_nothing_is_passed_over() {
    let scene = Scene::new(true);
    let layer = scene.own.put_blob("text/plain", b"a note");
    let subject = json!({ "mediaType": "x", "digest": Digest::of(MANIFEST).to_string(), "size": 1 });
    for number in 0..400 {
        let kind = if number % 2 == 0 { "text/plain" } else { BUNDLE_TYPE };
        let number = number.to_string();
        let note =
            json!({ "subject": subject, "artifactType": kind, "layers": [layer], "annotations": { "n": number } });
        scene.own.put_manifest(PLUGIN, &format!("note{number}"), &note);
    }
    scene.sign(&key(P256));
    scene.own.remove(PLUGIN, &format!("sha256-{}.sig", Digest::of(MANIFEST).hex()));
    let found = scene.signatures();
    assert_eq!(count(&found), (1, 0), "four hundred notes hide no signature");
    assert!(crate::signer_at(&scene.reference, &key(P256), &found).is_ok());
}

#[test]
fn no_more_than_64_signatures_are_fetched() {
    let scene = Scene::new(true);
    let layer = scene.own.put_blob(SIMPLE_TYPE, b"{}");
    let holder = json!({ "layers": vec![layer; 5000] });
    let tag = format!("sha256-{}.sig", Digest::of(MANIFEST).hex());
    scene.own.put_manifest(PLUGIN, &tag, &holder);
    assert_eq!(scene.signatures().len(), 64);
}
