//! The registry with login, spoken to by its own API.

use std::process::Command;

use crate::program::must;

const MANIFESTS: &str =
    "Accept: application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json";

/// An OCI registry.
pub struct Registry {
    /// Host and port.
    pub address: String,
    pub(crate) login: String,
}

impl Registry {
    fn curl(&self) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail", "--max-time", "20", "--user", &self.login, "-H", MANIFESTS]);
        curl
    }

    fn manifest(&self, repository: &str, reference: &str) -> String {
        format!("http://{}/v2/{repository}/manifests/{reference}", self.address)
    }

    /// The digest that a tag names.
    ///
    /// # Panics
    /// When the registry does not know it.
    pub fn digest(&self, repository: &str, tag: &str) -> String {
        let head = must(self.curl().arg("--head").arg(self.manifest(repository, tag)));
        let named = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("docker-content-digest").then(|| value.trim().to_owned())
        };
        head.lines().find_map(named).unwrap_or_else(|| panic!("no digest in {head}"))
    }

    /// Lets a tag name what another reference of the same repository names.
    ///
    /// # Panics
    /// When the registry refuses.
    pub fn move_tag(&self, repository: &str, tag: &str, to: &str) {
        let manifest = must(self.curl().arg(self.manifest(repository, to)));
        let parsed: serde_json::Value = serde_json::from_str(&manifest).expect("a manifest is JSON");
        let kind = parsed["mediaType"].as_str().expect("a manifest names its type");
        let mut put = self.curl();
        put.args(["-X", "PUT", "-H", &format!("Content-Type: {kind}"), "--data-binary", &manifest]);
        must(put.arg(self.manifest(repository, tag)));
    }
}
