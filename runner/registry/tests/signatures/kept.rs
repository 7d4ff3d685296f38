//! What is kept of a locked plugin, checked again without its registry.

use sealock_contract::Digest;
use sealock_registry::signature::{Accepted, Kept, Signer};
use sealock_registry::{Locked, Store};
use serde_json::json;

use crate::{ED25519, P256, STRANGER, both, by_key, key, reference, trust};

const COMPONENT: &[u8] = b"a component";

/// The manifest of a plugin with this component.
fn manifest(component: &[u8]) -> Vec<u8> {
    let descriptor = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": Digest::of(bytes).to_string(), "size": bytes.len() });
    json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.wasm.config.v0+json", b"{}"),
        "layers": [descriptor("application/wasm", component)],
    })
    .to_string()
    .into_bytes()
}

fn kept() -> Kept {
    let manifest = manifest(COMPONENT);
    let signatures = [both(&key(P256), &manifest), both(&key(ED25519), &manifest)].concat();
    Kept { manifest, signatures }
}

fn locked(signer: Option<&str>) -> Locked {
    Locked {
        version: "1.2.3".to_owned(),
        manifest: Digest::of(&manifest(COMPONENT)),
        component: Digest::of(COMPONENT),
        size: COMPONENT.len() as u64,
        requests: Digest::of(b"[]"),
        signer: signer.map(str::to_owned),
    }
}

fn named(pem: &str) -> String {
    Signer::Key(key(pem).public().digest()).to_string()
}

#[test]
fn a_locked_plugin_is_signed_by_whom_the_lockfile_and_the_policy_name() {
    let both = trust([P256, ED25519].map(|pem| Accepted::Key(key(pem).public().clone())).to_vec());
    for signer in [None, Some(named(P256)), Some(named(ED25519))] {
        assert_eq!(both.check(&reference(), &locked(signer.as_deref()), &kept()), Ok(()));
    }
    let first = both.signer(&reference(), &kept().manifest, &kept().signatures);
    assert_eq!(first, Ok(Some(Signer::Key(key(P256).public().digest()))), "the first of the policy");
}

#[test]
fn another_signer_than_the_lockfile_names_is_refused() {
    let error = by_key(&key(P256)).check(&reference(), &locked(Some(&named(ED25519))), &kept());
    let error = error.expect_err("the lockfile names another");
    assert_eq!(error.code(), "E-SIG-SIGNER");
    assert!(error.to_string().contains(&named(P256)) && error.to_string().contains(&named(ED25519)), "{error}");
    let error = by_key(&key(STRANGER)).check(&reference(), &locked(None), &kept());
    assert_eq!(error.expect_err("the policy changed").code(), "E-SIG-SIGNER");
}

#[test]
fn a_lockfile_cannot_pair_a_signed_manifest_with_other_code() {
    let trust = by_key(&key(P256));
    let other_code = Locked { component: Digest::of(b"other code"), ..locked(None) };
    let other_manifest = Locked { manifest: Digest::of(b"other"), ..locked(None) };
    for locked in [other_code, other_manifest] {
        assert_eq!(
            trust.check(&reference(), &locked, &kept()).expect_err("not what was signed").code(),
            "E-SIG-BROKEN"
        );
    }
}

#[test]
fn what_is_kept_is_read_back_and_what_was_changed_is_absent() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::new(folder.path().join("plugins"));
    let kept = kept();
    let digest = Digest::of(&kept.manifest);
    assert_eq!(store.signatures(digest).expect("absent"), None);
    store.keep_signatures(&kept).expect("the disk takes it");
    assert_eq!(store.signatures(digest).expect("present").as_ref(), Some(&kept));
    let file = std::fs::read_dir(folder.path().join("plugins")).expect("a folder").flatten().next().expect("one file");
    let whole = std::fs::read(file.path()).expect("it is there");
    std::fs::write(file.path(), &whole[..whole.len() - 1]).expect("the folder is ours");
    assert_eq!(store.signatures(digest).expect("torn"), None);
    let other = Kept { manifest: manifest(b"other code"), ..kept };
    std::fs::write(file.path(), other.to_json()).expect("the folder is ours");
    assert_eq!(store.signatures(digest).expect("another"), None);
}
