//! `sealock.lock`: which bytes a reference stands for.
//!
//! TOML, sorted, one table a reference, so that a difference reads well and two branches merge by themselves where they
//! changed different plugins. It is written by `sealock lock` and `sealock update`, and committed.
//!
//! Each table ends with the digest of itself (`entry`): a value that somebody changed by hand is noticed where it stands, before
//! anything is fetched by it. It proves nothing against somebody who writes that digest anew: what is fetched is held to the
//! other values then.

mod read;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sealock_contract::Digest;
use serde::Serialize;

pub use read::LockfileError;

/// The name of the file, at the repository's root.
pub const LOCKFILE: &str = "sealock.lock";
/// The form that is written, and the newest one that is read.
const FORMAT: u32 = 1;
const HEAD: &str = "# Written by `sealock lock` and `sealock update`. Commit it; change it by these commands alone.\n";

/// What is pinned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lockfile {
    /// By reference, as pipelines write it.
    pub plugins: BTreeMap<String, Locked>,
}

/// What one reference stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Locked {
    /// The tag that was chosen, or what the plugin calls its version.
    pub version: String,
    /// The digest of the manifest in the registry.
    pub manifest: Digest,
    /// The digest of the component: what runs.
    pub component: Digest,
    /// How many bytes the component has.
    pub size: u64,
    /// The digest of what the plugin asks for.
    pub requests: Digest,
    /// Who signed it, where a policy asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
}

impl Lockfile {
    /// The file's text: the same for the same content, whoever writes it.
    ///
    /// # Panics
    ///
    /// Never: text and numbers print as TOML.
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}format = {FORMAT}\n");
        for (reference, locked) in &self.plugins {
            let (table, entry) = (locked.table(), locked.entry(reference));
            // A reference has no character that a quoted key would have to escape.
            let _ = write!(text, "\n[plugins.\"{reference}\"]\n{table}entry = \"{entry}\"\n");
        }
        text
    }
}

impl Locked {
    fn table(&self) -> String {
        toml::to_string(self).expect("an entry holds only text and numbers")
    }

    /// The digest of the whole table.
    fn entry(&self, reference: &str) -> Digest {
        Digest::of(format!("{reference}\n{}", self.table()).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn sample() -> Lockfile {
        let locked = |name: &str| Locked {
            version: "1.2.3".to_owned(),
            manifest: Digest::of(name.as_bytes()),
            component: Digest::of(b"component"),
            size: 9,
            requests: Digest::of(b"[]"),
            signer: (name == "a").then(|| "ada@example.com".to_owned()),
        };
        let plugins = ["b", "a"].map(|name| (format!("ghcr.io/acme/{name}:1.2"), locked(name)));
        Lockfile { plugins: plugins.into() }
    }

    #[test]
    fn what_is_written_is_read_and_is_sorted() {
        let text = sample().text();
        assert_eq!(Lockfile::read(&text).expect("our own text"), sample());
        assert!(text.find("acme/a:").expect("a") < text.find("acme/b:").expect("b"));
        assert_eq!(Lockfile::read(&Lockfile::default().text()).expect("nothing pinned"), Lockfile::default());
    }
}
