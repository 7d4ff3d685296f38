//! Signatures in a repository: put there by us, and found there.

use sealock_contract::Digest;
use sealock_registry::signature::{SIMPLE_TYPE, Signed, Signer, SigningKey};
use sealock_registry::{Reference, Registry, RegistrySettings};
use serde_json::json;

use crate::registry::OwnRegistry;
use crate::{ED25519, MANIFEST, P256, STRANGER, by_key, key};

/// A registry with one plugin, and the way to it.
struct Scene {
    own: OwnRegistry,
    registry: Registry,
    reference: Reference,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    fn new(lists_referrers: bool) -> Self {
        let own = OwnRegistry::start(lists_referrers);
        own.put_manifest("1.0.0", MANIFEST);
        let reference = format!("{}/acme/step:1.0.0", own.address).parse().expect("a reference");
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
        assert_eq!(scene.own.manifest(&listed).is_some(), !lists_referrers, "the tag that stands for a list");
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
    let note = b"a note";
    scene.own.put_blob(note);
    let layer = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": Digest::of(bytes).to_string(), "size": bytes.len() });
    let subject = json!({ "mediaType": "x", "digest": Digest::of(MANIFEST).to_string(), "size": 1 });
    for number in 0..100 {
        let note = json!({ "subject": subject, "layers": [layer("text/plain", note)], "annotations": { "n": number } });
        scene.own.put_manifest(&format!("note{number}"), note.to_string().as_bytes());
    }
    scene.sign(&key(P256));
    scene.own.remove_manifest(&format!("sha256-{}.sig", Digest::of(MANIFEST).hex()));
    let found = scene.signatures();
    assert_eq!(count(&found), (1, 0), "a hundred notes hide no signature");
    assert!(by_key(&key(P256)).signer(&crate::reference(), MANIFEST, &found).is_ok());
}

#[test]
fn no_more_than_64_signatures_are_fetched() {
    let scene = Scene::new(true);
    let document = b"{}";
    scene.own.put_blob(document);
    let layer = json!({ "mediaType": SIMPLE_TYPE, "digest": Digest::of(document).to_string(), "size": document.len() });
    let holder = json!({ "layers": vec![layer; 5000] });
    let tag = format!("sha256-{}.sig", Digest::of(MANIFEST).hex());
    scene.own.put_manifest(&tag, holder.to_string().as_bytes());
    assert_eq!(scene.signatures().len(), 64);
}
