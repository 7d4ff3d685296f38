//! Signatures with `cosign` at the other end: it accepts what we sign, and what it signs is what a policy asks for.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::program::{ask, must};
use e2e::rig::{binary, search_path, setting, tool};
use e2e::{Ended, Loopback, guest};
use tempfile::TempDir;

const PASSWORD: &str = "correct-horse";
/// The statement that is a signature.
const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";
/// A trust root that trusts nobody: `cosign` wants one where keys decide, too.
const NO_ROOT: &str = r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":[],"certificateAuthorities":[],"ctlogs":[],"timestampAuthorities":[]}"#;

/// A registry, two keys of `cosign`, a policy for each, and a repository that uses one plugin.
struct Booth {
    folder: TempDir,
    registry: Loopback,
    plugin: String,
    cosign: PathBuf,
}

impl Booth {
    /// With a plugin of this name, which nobody published.
    fn new(name: &str) -> Self {
        let cosign = tool("cosign");
        let registry = Loopback::to(&setting("REGISTRY"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        // The rig keeps what was pushed before: each scenario has a repository of its own.
        let own = folder.path().file_name().expect("a name").to_string_lossy().to_lowercase().replace('.', "");
        let plugin = format!("{}/signatures/{name}-{own}:0.1.0", registry.address);
        let booth = Self { folder, registry, plugin, cosign };
        for key in ["ours", "theirs"] {
            must(&mut booth.cosign(&["generate-key-pair", "--output-key-prefix", key]));
            let policy =
                format!("[[signatures]]\nplugins = [\"{}/**\"]\nkey = \"{key}.pub\"\n", booth.registry.address);
            booth.write(&format!("{key}.toml"), &policy);
        }
        booth.write("root.json", NO_ROOT);
        booth.write("predicate.json", "{}");
        let steps = format!("{{ uses: \"{}\", with: {{ greeting: hello, names: [Ada] }} }}", booth.plugin);
        booth.write(
            "repository/pipelines/main.yml",
            &format!("name: signed\nstages:\n  only: {{ steps: [{steps}] }}\n"),
        );
        must(Command::new("git").args(["init", "-q"]).current_dir(booth.path("repository")));
        booth
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a temporary folder");
        std::fs::write(path, text).expect("a temporary file");
    }

    /// A program that finds nothing of this machine's user.
    fn program(&self, program: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(words).current_dir(self.folder.path()).env_clear();
        command.env("PATH", search_path()).env("HOME", self.folder.path()).env("COSIGN_PASSWORD", PASSWORD);
        // Published twice, it is the same.
        command.env("SOURCE_DATE_EPOCH", "1700000000");
        // So that `cosign` does not ask Sigstore's public service whom to trust.
        command.env("SIGSTORE_ROOT_FILE", "/dev/null");
        command
    }

    fn cosign(&self, words: &[&str]) -> Command {
        self.program(&self.cosign, words)
    }

    /// Signs the published plugin in the older form.
    fn cosign_signs(&self, key: &str, pinned: &str) {
        let key = format!("{key}.key");
        must(&mut self.cosign(&["sign", "--key", &key, "--tlog-upload=false", "--yes", pinned]));
    }

    /// Whether `cosign` finds a signature of this key in the older form.
    fn cosign_verifies(&self, key: &str) -> bool {
        let key = format!("{key}.pub");
        ask(&mut self.cosign(&["verify", "--key", &key, "--insecure-ignore-tlog", &self.plugin])).good
    }

    /// Whether it finds one in a bundle.
    fn cosign_verifies_bundle(&self, key: &str) -> bool {
        let key = format!("{key}.pub");
        let how = ["--new-bundle-format", "--trusted-root", "root.json", "--insecure-ignore-tlog", "--type", SIGNED];
        ask(&mut self.cosign(&[&["verify-attestation", "--key", &key], &how[..], &[&self.plugin]].concat())).good
    }

    /// Publishes the plugin; with its digest.
    fn publish(&self, options: &[&str]) -> String {
        let guest = guest("guest_polite.wasm");
        let file = guest.to_str().expect("a plain path");
        let words = [&["plugin", "publish", &self.plugin, "--file", file], options].concat();
        must(&mut self.program(&binary(), &words)).trim().to_owned()
    }

    /// Sealock in the repository, under the policy that wants this key.
    fn sealock(&self, key: &str, words: &[&str]) -> Ended {
        let given = [("policy", format!("{key}.toml")), ("cache", "cache".to_owned()), ("state", "state".to_owned())];
        let mut command = self.program(&binary(), words);
        command.args(given.map(|(name, path)| format!("--{name}={}", self.path(&path).display())));
        let ended = command.current_dir(self.path("repository")).output().expect("the binary starts");
        let text = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
        Ended { code: ended.status.code().unwrap_or(-1), text }
    }

    fn lockfile(&self) -> String {
        std::fs::read_to_string(self.path("repository/sealock.lock")).expect("it is written")
    }

    /// That the policy which wants this key refuses the plugin, and nothing of it is kept.
    #[track_caller]
    fn refuses(&self, key: &str, code: &str) {
        self.sealock(key, &["lock"]).expect(3).saying(code);
        assert!(!self.path("cache/plugins").exists() && !self.path("repository/sealock.lock").exists());
    }
}

#[test]
fn cosign_accepts_what_we_sign_in_both_forms() {
    let booth = Booth::new("ours");
    booth.publish(&["--sign-key", "ours.key"]);
    assert!(booth.cosign_verifies("ours") && booth.cosign_verifies_bundle("ours"));
    assert!(!booth.cosign_verifies("theirs") && !booth.cosign_verifies_bundle("theirs"));
    booth.sealock("ours", &["lock"]).expect(0);
}

#[test]
fn we_take_what_cosign_signs_and_refuse_what_it_signs_for_somebody_else() {
    let booth = Booth::new("simple");
    let pinned = booth.publish(&[]);
    booth.refuses("ours", "E-SIG-MISSING");
    booth.cosign_signs("theirs", &pinned);
    booth.refuses("ours", "E-SIG-SIGNER");
    booth.cosign_signs("ours", &pinned);
    booth.sealock("ours", &["lock"]).expect(0);
    assert!(booth.lockfile().contains("\nsigner = \"key sha256:"), "{}", booth.lockfile());
}

#[test]
fn we_take_the_bundles_that_cosign_attaches_where_the_registry_lists_no_referrers() {
    let booth = Booth::new("bundle");
    let pinned = booth.publish(&[]);
    let how =
        ["attest", "--new-bundle-format", "--tlog-upload=false", "--yes", "--predicate", "predicate.json", "--key"];
    must(&mut booth.cosign(&[&how[..], &["ours.key", "--type", "spdxjson", &pinned]].concat()));
    booth.refuses("ours", "E-SIG-MISSING");
    must(&mut booth.cosign(&[&how[..], &["ours.key", "--type", SIGNED, &pinned]].concat()));
    booth.refuses("theirs", "E-SIG-SIGNER");
    booth.sealock("ours", &["lock"]).expect(0);
}

#[test]
fn we_take_signatures_of_the_older_form_that_cosign_lets_refer_to_the_plugin() {
    let booth = Booth::new("referring");
    let pinned = booth.publish(&[]);
    let how = ["--key", "ours.key", "--tlog-upload=false", "--yes", "--registry-referrers-mode", "oci-1-1"];
    must(booth.cosign(&[&["sign"], &how[..], &[&pinned]].concat()).env("COSIGN_EXPERIMENTAL", "1"));
    booth.refuses("theirs", "E-SIG-SIGNER");
    booth.sealock("ours", &["lock"]).expect(0).saying("signed by key sha256:");
}

#[test]
fn signatures_of_ours_and_of_cosigns_stand_beside_each_other() {
    let booth = Booth::new("beside");
    let pinned = booth.publish(&["--sign-key", "ours.key"]);
    booth.cosign_signs("theirs", &pinned);
    booth.publish(&["--sign-key", "ours.key"]);
    booth.publish(&["--sign-key", "theirs.key"]);
    for key in ["ours", "theirs"] {
        assert!(booth.cosign_verifies(key) && booth.cosign_verifies_bundle(key), "{key}");
    }
}

#[test]
fn what_was_locked_is_checked_again_without_a_network_and_a_change_of_its_signer_is_shown() {
    let booth = Booth::new("locked");
    let pinned = booth.publish(&["--sign-key", "ours.key"]);
    booth.sealock("ours", &["lock"]).expect(0);
    booth.sealock("ours", &["run"]).expect(0);
    booth.cosign_signs("theirs", &pinned);
    let shown = booth.sealock("theirs", &["update"]).expect(3).saying("E-UPDATE-MORE").saying("signer   key sha256:");
    assert!(shown.text.contains("code     the same"), "{}", shown.text);

    booth.registry.close();
    booth.sealock("ours", &["run"]).expect(0);
    booth.sealock("theirs", &["run"]).expect(3).saying("E-SIG-SIGNER");
    std::fs::remove_dir_all(booth.path("cache")).expect("the cache is ours");
    booth.sealock("ours", &["run"]).expect(6).saying("E-REGISTRY-UNREACHABLE");
}
