//! Reads the lockfile, and says where it is not what was written.

use std::collections::BTreeMap;

use sealock_contract::Digest;
use serde::Deserialize;

use super::{FORMAT, Locked, Lockfile};
use crate::{Reference, ReferenceError};

/// A lockfile of thousands of plugins is smaller: another file must not fill memory.
pub(super) const FILE_BYTES_MAX: usize = 4 << 20;
/// What git leaves where two branches changed the same lines.
const MARKERS: [&str; 4] = ["<<<<<<< ", "=======", ">>>>>>> ", "||||||| "];

/// Why a text is no lockfile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockfileError {
    /// It is too long.
    #[error("it has {found} bytes; {FILE_BYTES_MAX} are the most")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// Two branches changed it, and nobody decided.
    #[error("line {line} is a conflict marker of a merge")]
    Conflict {
        /// The first marker's line, from 1.
        line: usize,
    },
    /// A newer version wrote it.
    #[error("line {line}: it has format {found}; this version reads up to {FORMAT}")]
    Newer {
        /// Its format.
        found: u32,
        /// The line of the number, from 1.
        line: usize,
    },
    /// It is not what is written.
    #[error("line {line}: {why}")]
    Changed {
        /// The line, from 1.
        line: usize,
        /// What was found, and expected.
        why: String,
    },
}

impl LockfileError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "E-LOCK-NEWER",
            Self::TooLong { .. } | Self::Conflict { .. } | Self::Changed { .. } => "E-LOCK-FORMAT",
        }
    }

    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "use the version of Sealock that wrote it, or a newer one",
            Self::Conflict { .. } => "take one side of the merge whole, and run `sealock lock`",
            Self::TooLong { .. } | Self::Changed { .. } => {
                "take the file back from git (`git checkout -- sealock.lock`), or remove the entry and run `sealock lock`"
            }
        }
    }
}

#[derive(Deserialize)]
struct Head {
    format: toml::Spanned<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "format")]
    _format: u32,
    #[serde(default)]
    plugins: BTreeMap<toml::Spanned<String>, Table>,
}

/// A table as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    version: String,
    manifest: Digest,
    component: Digest,
    size: u64,
    requests: Digest,
    signer: Option<String>,
    entry: Digest,
}

impl Lockfile {
    /// Reads the file's text.
    ///
    /// # Errors
    ///
    /// Where it is not what was written: the line, and what was found there.
    pub fn read(text: &str) -> Result<Self, LockfileError> {
        if text.len() > FILE_BYTES_MAX {
            return Err(LockfileError::TooLong { found: text.len() });
        }
        let is_marker = |line: &str| MARKERS.iter().any(|marker| line.starts_with(marker));
        if let Some(at) = text.lines().position(is_marker) {
            return Err(LockfileError::Conflict { line: at + 1 });
        }
        let head: Head = toml::from_str(text).map_err(|error| changed(text, &error))?;
        if *head.format.get_ref() > FORMAT {
            let line = line_of(text, head.format.span().start);
            return Err(LockfileError::Newer { found: *head.format.get_ref(), line });
        }
        let file: File = toml::from_str(text).map_err(|error| changed(text, &error))?;
        let mut plugins = BTreeMap::new();
        for (key, table) in file.plugins {
            let line = line_of(text, key.span().start);
            let locked = table.locked(key.get_ref()).map_err(|why| LockfileError::Changed { line, why })?;
            plugins.insert(key.into_inner(), locked);
        }
        Ok(Self { plugins })
    }
}

impl Table {
    /// What it says, when it is what was written for the reference `key`.
    fn locked(self, key: &str) -> Result<Locked, String> {
        let Self { version, manifest, component, size, requests, signer, entry } = self;
        let reference: Reference = key.parse().map_err(|error: ReferenceError| error.to_string())?;
        if reference.digest().is_some_and(|pinned| pinned != manifest) {
            return Err("`manifest` is not the digest of the reference".to_owned());
        }
        let locked = Locked { version, manifest, component, size, requests, signer };
        if locked.entry(key) != entry {
            return Err(format!("a value of `{key}` was changed by hand: its `entry` is that of other values"));
        }
        Ok(locked)
    }
}

fn changed(text: &str, error: &toml::de::Error) -> LockfileError {
    let line = line_of(text, error.span().map_or(0, |span| span.start));
    let why = error.message().lines().collect::<Vec<_>>().join(", ");
    LockfileError::Changed { line, why }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    fn told(change: impl Fn(String) -> String) -> LockfileError {
        Lockfile::read(&change(sample().text())).expect_err("it was changed")
    }

    #[test]
    fn a_merge_that_nobody_decided_is_told_by_its_line() {
        let error = told(|text| text.replace("size = 9", "<<<<<<< HEAD\nsize = 9\n=======\nsize = 10\n>>>>>>> theirs"));
        assert_eq!(error, LockfileError::Conflict { line: 8 });
    }

    #[test]
    fn what_a_newer_version_wrote_is_said_to_be_newer_whatever_it_holds() {
        let error = told(|text| text.replace("format = 1", "format = 2\nnovelty = true"));
        assert_eq!(error, LockfileError::Newer { found: 2, line: 2 });
    }

    #[test]
    fn what_somebody_wrote_by_hand_is_told_by_its_line() {
        let lines = [
            ("size = 9", "size = nine", 8),
            ("size = 9", "size = -9", 8),
            ("size = 9", "sise = 9", 8),
            ("version = \"1.2.3\"", "version = 1.2.3", 5),
            ("manifest = \"sha256:", "manifest = \"sha512:", 6),
            ("[plugins.\"ghcr.io/acme/a:1.2\"]", "[plugins.\"acme/a:1.2\"]", 4),
        ];
        for (from, to, line) in lines {
            match told(|text| text.replacen(from, to, 1)) {
                LockfileError::Changed { line: found, why } => assert_eq!(found, line, "{to}: {why}"),
                other => panic!("{to}: {other}"),
            }
        }
    }

    #[test]
    fn a_value_that_somebody_changed_is_noticed_whichever_it_is() {
        let other = Digest::of(b"other").to_string();
        let good = sample().text();
        for field in ["version", "manifest", "component", "size", "requests", "signer", "entry"] {
            let line = good.lines().find(|line| line.starts_with(field)).expect("the field is there");
            let value = if field == "size" { "10" } else { &format!("\"{other}\"") };
            let error = told(|text| text.replacen(line, &format!("{field} = {value}"), 1));
            assert!(
                matches!(&error, LockfileError::Changed { line: 4, why } if why.contains("acme/a:1.2`")),
                "{error}"
            );
        }
        let renamed = told(|text| text.replacen("acme/a:1.2", "acme/a:1.3", 1));
        assert!(matches!(renamed, LockfileError::Changed { line: 4, .. }), "{renamed}");
    }

    #[test]
    fn an_entry_that_stands_twice_or_lacks_something_is_refused() {
        let twice = told(|text| text.replace("acme/b:", "acme/a:"));
        assert!(matches!(twice, LockfileError::Changed { line: 13, .. }), "{twice}");
        let short = told(|text| text.replacen("size = 9\n", "", 1));
        assert!(matches!(&short, LockfileError::Changed { why, .. } if why.contains("size")), "{short}");
        assert!(Lockfile::read("").is_err() && Lockfile::read("[plugins]").is_err());
    }
}
