//! Signatures that the machine's policy asks for (abuse suite 73 and 74): whoever else signed, or nobody, nothing is kept,
//! locked, or run.

use e2e::authority::{Authority, IDENTITY, ISSUER, Signing};
use e2e::depot::Reply;
use serde_json::{Value, json};

use super::super::guests::guest;
use super::super::support::Told;
use super::support::{LONG_AGO, Yard, asking, forged, plain};

const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIMPLE_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const KEY: &str = include_str!("../../../../runner/registry/tests/signatures/keys/p256.pem");
const PUBLIC_KEY: &str = include_str!("../../../../runner/registry/tests/signatures/keys/p256.pub");

/// A yard with one published plugin, and the manifest that is to be signed.
struct Stall {
    yard: Yard,
    manifest: Vec<u8>,
}

impl Stall {
    fn new() -> Self {
        let yard = Yard::using(&["acme/step:1.0"]);
        yard.depot.put_plugin("acme/step", "1.0", &plain(), LONG_AGO);
        let manifest = yard.depot.manifest("acme/step", "1.0").expect("it was just put there");
        Self { yard, manifest }
    }

    fn digest(&self) -> String {
        e2e::depot::digest(&self.manifest)
    }

    /// The policy that wants these signers, each an entry's own lines.
    fn policy(&self, signers: &[&str]) {
        let plugins = format!("plugins = [\"{}/**\"]", self.yard.depot.address);
        let entries: Vec<String> =
            signers.iter().map(|lines| format!("[[signatures]]\n{plugins}\n{lines}\n")).collect();
        self.yard.scene.write("../policy.toml", entries.concat());
    }

    /// The policy that wants this authority's signer.
    fn policy_of(&self, authority: &Authority) {
        self.yard.scene.write("../root.json", authority.trust_root());
        let identity = IDENTITY.replace("v1.2.3", "*");
        self.policy(&[&format!("identity = \"{identity}\"\nissuer = \"{ISSUER}\"\ntrust-root = \"root.json\"")]);
    }

    /// Publishes the plugin anew, signed with this key.
    fn publish_signed(&self, key: &str) {
        let file = guest("guest-program.wasm");
        let file = file.to_str().expect("a plain path");
        let name = self.yard.name("acme/step:1.0");
        self.yard
            .call(&["plugin", "publish", &name, "--file", file, "--sign-key", key])
            .exits(0)
            .says("signed with the key");
    }

    /// Lets a bundle refer to the plugin.
    fn attach(&self, bundle: &Value) {
        let layer = self.yard.depot.put_blob(BUNDLE_TYPE, bundle.to_string().as_bytes());
        let subject = json!({ "mediaType": "x", "digest": self.digest(), "size": self.manifest.len() });
        let holder = json!({ "artifactType": BUNDLE_TYPE, "layers": [layer], "subject": subject });
        let digest = self.yard.depot.put_manifest("acme/step", "holder", &holder);
        let listed = json!({ "mediaType": "x", "digest": digest, "size": 1, "artifactType": BUNDLE_TYPE });
        self.list(&json!([listed]));
    }

    /// What is listed under the tag that stands for a list of referrers.
    fn list(&self, listed: &Value) {
        let tag = self.digest().replace(':', "-");
        self.yard.depot.put_manifest("acme/step", &tag, &json!({ "schemaVersion": 2, "manifests": listed }));
    }

    /// Puts a signature of the older form beside the plugin.
    fn put_beside(&self, (document, annotations): (String, Vec<(String, String)>)) {
        let mut layer = self.yard.depot.put_blob(SIMPLE_TYPE, document.as_bytes());
        for (name, value) in annotations {
            layer["annotations"][name] = value.into();
        }
        let tag = format!("{}.sig", self.digest().replace(':', "-"));
        self.yard.depot.put_manifest("acme/step", &tag, &json!({ "layers": [layer] }));
    }

    fn call(&self, words: &[&str]) -> Told {
        self.yard.call(&[words, &["--policy", "../policy.toml"]].concat())
    }

    /// Nothing of the plugin is taken.
    #[track_caller]
    fn refuses(&self, exit: i32, code: &str) {
        self.call(&["lock"]).exits(exit).says(code);
        assert_eq!((self.yard.kept(), self.yard.lockfile()), (Vec::new(), None));
    }

    /// It is locked, by this signer, and runs.
    #[track_caller]
    fn takes(&self, signer: &str) {
        self.call(&["lock"]).exits(0);
        let lockfile = self.yard.lockfile().expect("it is written");
        assert!(lockfile.contains(&format!("\nsigner = \"{signer}\"")), "{lockfile}");
        self.call(&["run"]).exits(0);
    }
}

#[test]
fn whom_the_policys_authority_vouches_for_is_taken_in_both_forms() {
    let signer = format!("{IDENTITY} by {ISSUER}");
    for is_bundle in [true, false] {
        let (stall, authority) = (Stall::new(), Authority::new());
        let own = stall.yard.name("acme/step");
        let signing = Signing { repository: &own, ..Signing::default() };
        stall.policy_of(&authority);
        stall.refuses(3, "E-SIG-MISSING");
        if is_bundle {
            stall.attach(&authority.bundle(&signing, &stall.manifest));
        } else {
            stall.put_beside(authority.simple(&signing, &stall.manifest));
        }
        stall.takes(&signer);
    }
}

#[test]
fn somebody_else_whom_the_authority_vouches_for_is_refused_by_name() {
    let (stall, authority) = (Stall::new(), Authority::new());
    stall.policy_of(&authority);
    let evil = Signing { identity: "https://forge.example/evil/step", ..Signing::default() };
    stall.attach(&authority.bundle(&evil, &stall.manifest));
    stall.refuses(3, "E-SIG-SIGNER");
    stall.call(&["lock"]).says("https://forge.example/evil/step");
    // A key's signature is none of the identity that is wanted.
    stall.yard.scene.write("../sign.key", KEY);
    stall.publish_signed("../sign.key");
    stall.refuses(3, "E-SIG-SIGNER");
}

#[test]
fn what_is_no_signature_of_this_plugin_is_refused_as_broken() {
    type Bundle = fn(&Authority, &[u8]) -> Value;
    let bundles: [Bundle; 6] = [
        |authority, _| authority.bundle(&Signing::default(), b"another manifest"),
        |authority, own| authority.bundle(&Signing { certified: -60, logged: -30, ..Signing::default() }, own),
        |authority, own| authority.bundle(&Signing { entry_version: "9.9.9", ..Signing::default() }, own),
        |_, own| Authority::new().bundle(&Signing::default(), own),
        |_, _| json!({ "mediaType": BUNDLE_TYPE }),
        |_, _| json!("<html>"),
    ];
    for bundle in bundles {
        let (stall, authority) = (Stall::new(), Authority::new());
        stall.policy_of(&authority);
        stall.attach(&bundle(&authority, &stall.manifest));
        stall.refuses(5, "E-SIG-BROKEN");
    }
}

/// What refers to the plugin and signs nothing.
fn noise() -> Value {
    json!({ "mediaType": "x", "digest": "x", "size": 1, "artifactType": "text/plain" })
}

#[test]
fn a_signature_at_the_end_of_a_hundred_thousand_referrers_is_found_and_costs_little() {
    const PAGES: usize = 100;
    let (stall, authority) = (Stall::new(), Authority::new());
    stall.policy_of(&authority);
    stall.attach(&authority.bundle(&Signing::default(), &stall.manifest));
    let tag = stall.digest().replace(':', "-");
    let last = stall.yard.depot.manifest("acme/step", &tag).expect("the list is there");
    stall.yard.depot.remove("acme/step", &tag);
    let page = json!({ "schemaVersion": 2, "manifests": vec![noise(); 1_000] }).to_string();
    stall.yard.depot.lie(move |asked, truth| {
        if !asked.path.contains("/referrers/") {
            return truth;
        }
        let (path, number) = asked.path.split_once("?page=").unwrap_or((&asked.path, "0"));
        let number: usize = number.parse().expect("a page of ours");
        let index = |body: &[u8]| Reply::status(200).body("application/vnd.oci.image.index.v1+json", body);
        if number == PAGES {
            return index(&last);
        }
        index(page.as_bytes()).header("link", &format!("<{path}?page={}>; rel=\"next\"", number + 1))
    });
    stall.takes(&format!("{IDENTITY} by {ISSUER}"));
    assert!(stall.yard.depot.asked().len() < PAGES + 20, "{}", stall.yard.depot.asked().len());
}

#[test]
fn in_one_list_twenty_thousand_referrers_hide_no_signature_and_a_list_beyond_any_document_is_none() {
    let (stall, authority) = (Stall::new(), Authority::new());
    stall.policy_of(&authority);
    stall.attach(&authority.bundle(&Signing::default(), &stall.manifest));
    let tag = stall.digest().replace(':', "-");
    let bytes = stall.yard.depot.manifest("acme/step", &tag).expect("the list is there");
    let list: Value = serde_json::from_slice(&bytes).expect("JSON");
    stall.list(&[vec![noise(); 20_000], vec![list["manifests"][0].clone()]].concat().into());
    stall.yard.depot.forget();
    stall.takes(&format!("{IDENTITY} by {ISSUER}"));
    assert!(stall.yard.depot.asked().len() < 100, "{}", stall.yard.depot.asked().len());
    stall.list(&vec![noise(); 100_000].into());
    std::fs::remove_file(stall.yard.scene.repo().join("sealock.lock")).expect("it was written");
    stall.yard.forget_fetched();
    stall.refuses(6, "E-REGISTRY-ANSWER");
}

/// The value of a key in the table of this plugin.
fn value<'a>(lockfile: &'a str, plugin: &str, key: &str) -> &'a str {
    let table = lockfile.split("[plugins.").find(|table| table.contains(plugin)).expect("it is locked");
    table.lines().find_map(|line| line.strip_prefix(&format!("{key} = "))).expect("it has the key")
}

#[test]
fn a_lockfile_that_pairs_a_signed_manifest_with_other_code_runs_nothing() {
    let yard = Yard::using(&["acme/step:1.0", "acme/other:1.0"]);
    yard.depot.put_plugin("acme/other", "1.0", &asking("1.0.0", ""), LONG_AGO);
    let stall = Stall { yard, manifest: Vec::new() };
    stall.yard.scene.write("../sign.key", KEY);
    stall.yard.scene.write("../ours.pub", PUBLIC_KEY);
    stall.policy(&["key = \"ours.pub\""]);
    let policy = std::fs::read_to_string(stall.yard.scene.repo().join("../policy.toml")).expect("it was written");
    stall.yard.scene.write("../policy.toml", policy.replace("/**", "/acme/step"));
    stall.publish_signed("../sign.key");
    stall.call(&["lock"]).exits(0);
    stall.call(&["plan"]).exits(0);
    let honest = stall.yard.lockfile().expect("it is written");
    let paired = ["component", "size", "requests"].iter().fold(honest.clone(), |text, key| {
        let (own, other) = (value(&honest, "acme/step", key), value(&honest, "acme/other", key));
        text.replacen(&format!("{key} = {own}"), &format!("{key} = {other}"), 2)
    });
    assert_ne!(paired, honest);
    for paired in [paired.clone(), forged(&paired)] {
        stall.yard.write_lockfile(&paired);
        stall.call(&["plan"]).exits(5).says("E-LOCK-FORMAT");
        stall.call(&["run"]).exits(5).says("E-LOCK-FORMAT");
    }
}

#[test]
fn a_policy_whose_key_or_trust_root_cannot_be_read_takes_nothing() {
    let stall = Stall::new();
    stall.yard.scene.write("../broken.pub", "no key");
    stall.yard.scene.write("../broken.json", "{}");
    let keyless = |root: &str| format!("identity = \"a\"\nissuer = \"b\"\ntrust-root = \"{root}\"");
    for signer in ["key = \"missing.pub\"", "key = \"broken.pub\"", &keyless("missing.json"), &keyless("broken.json")] {
        stall.policy(&[signer]);
        stall.refuses(3, "E-SIG-TRUST");
    }
    for signer in ["", &keyless("")] {
        stall.policy(&[signer]);
        stall.refuses(3, "E-SIG-POLICY");
    }
    // Sigstore's own service is known without a file.
    stall.policy(&[&keyless("sigstore")]);
    stall.refuses(3, "E-SIG-MISSING");
}

#[test]
fn what_is_no_key_publishes_nothing() {
    let stall = Stall::new();
    stall.yard.scene.write("../sign.key", PUBLIC_KEY);
    let file = guest("guest_polite.wasm");
    let file = file.to_str().expect("a plain path");
    for key in ["../sign.key", "../missing.key"] {
        let name = stall.yard.name("acme/unsigned:1.0");
        let told = stall.yard.call(&["plugin", "publish", &name, "--file", file, "--sign-key", key]);
        told.exits(2).says("E-SIG-KEY");
        assert!(!told.stderr.contains("password"), "{}", told.stderr);
    }
    assert_eq!(stall.yard.depot.manifest("acme/unsigned", "1.0"), None);
}

#[test]
fn what_was_fetched_before_a_policy_wanted_a_signature_is_told_as_unsigned() {
    let stall = Stall::new();
    stall.yard.call(&["lock"]).exits(0);
    stall.yard.scene.write("../ours.pub", PUBLIC_KEY);
    stall.policy(&["key = \"ours.pub\""]);
    stall.call(&["check"]).exits(2).says("E-SIG-MISSING").says("on this machine");
    stall.call(&["lock"]).exits(3).says("E-SIG-MISSING");
    stall.call(&["run"]).exits(3).says("E-SIG-MISSING");
}

#[test]
fn a_run_that_goes_on_is_held_to_the_policy_too() {
    let stall = Stall::new();
    stall.yard.call(&["lock"]).exits(0);
    let name = stall.yard.name("acme/step:1.0");
    stall.yard.scene.write(
        "pipelines/main.yml",
        format!("name: yard\nstages:\n  only: {{ steps: [{{ run: \"false\" }}, {{ uses: \"{name}\", with: {{ greeting: hello }} }}] }}\n"),
    );
    stall.yard.scene.commit();
    stall.yard.call(&["run"]).exits(1);
    stall.yard.scene.write("../ours.pub", PUBLIC_KEY);
    stall.policy(&["key = \"ours.pub\""]);
    let told = stall.yard.call(&["runs", "--format", "json"]);
    let run = told.exits(0).json()[0]["run"].as_str().expect("a run").to_owned();
    stall.call(&["resume", &run]).exits(3).says("E-SIG-MISSING");
    stall.call(&["run"]).exits(3).says("E-SIG-MISSING");
    // Without the policy the same run goes on as it did.
    stall.yard.call(&["resume", &run]).exits(1);
}

#[test]
fn another_spelling_of_the_registry_is_no_way_around_the_policy() {
    let stall = Stall::new();
    stall.yard.scene.write("../ours.pub", PUBLIC_KEY);
    stall.policy(&["key = \"ours.pub\""]);
    let port = stall.yard.depot.address.rsplit(':').next().expect("a port").to_owned();
    let using = |host: &str| {
        let step = format!("{{ uses: \"{host}/acme/step:1.0\", with: {{ greeting: hello }} }}");
        stall.yard.scene.write("pipelines/main.yml", format!("name: yard\nstages:\n  only: {{ steps: [{step}] }}\n"));
    };
    using(&format!("localhost:{port}"));
    stall.refuses(3, "E-SIG-MISSING");
    using(&format!("127.0.0.1:0{port}"));
    stall.refuses(2, "E-PLUGIN-NAME");
}
