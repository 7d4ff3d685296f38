//! Which plugin of which registry.

use std::fmt;
use std::str::FromStr;

use sealock_contract::Digest;

use crate::host::{self, is_host};

/// A repository of a registry: `ghcr.io/acme/step`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: String,
    path: String,
}

/// A plugin of a registry, by tag, by digest, or by both: `ghcr.io/acme/step:1.2`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    repository: Repository,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text names no plugin of a registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// It has no host, or another part has characters that it cannot have.
    #[error("`{found}` names no plugin of a registry: expected `HOST[:PORT]/PATH:TAG` or `HOST[:PORT]/PATH@sha256:…`")]
    Shape {
        /// What was written.
        found: String,
    },
    /// It names a whole repository.
    #[error("`{found}` has neither a tag nor a digest")]
    Unpinned {
        /// What was written.
        found: String,
    },
    /// The digest is of another kind, or not written as digests are.
    #[error("`{found}` has a digest that is not `sha256:` and 64 lowercase hexadecimal digits")]
    Digest {
        /// What was written.
        found: String,
    },
}

impl Repository {
    /// Host and port, as written.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What stands behind the host.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether both are one repository, however its host is written.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.path == other.path && host::is_same(&self.host, &other.host)
    }

    /// The same repository's `tag`.
    pub fn tagged(&self, tag: &str) -> Reference {
        Reference { repository: self.clone(), tag: Some(tag.to_owned()), digest: None }
    }

    /// The same repository's manifest with this digest.
    pub fn pinned(&self, digest: Digest) -> Reference {
        Reference { repository: self.clone(), tag: None, digest: Some(digest) }
    }
}

impl Reference {
    /// Where it is.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Its tag, when it has one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of its manifest, when it has one: then the tag decides nothing.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// What a registry is asked for.
    pub(crate) fn asked(&self) -> String {
        self.digest.map_or_else(|| self.tag.clone().unwrap_or_default(), |digest| digest.to_string())
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let found = || text.chars().take(200).collect::<String>();
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (name, None),
        };
        let repository = repository.parse().map_err(|()| ReferenceError::Shape { found: found() })?;
        if !tag.is_none_or(is_tag) {
            return Err(ReferenceError::Shape { found: found() });
        }
        let digest = digest.map(str::parse).transpose().map_err(|_| ReferenceError::Digest { found: found() })?;
        if tag.is_none() && digest.is_none() {
            return Err(ReferenceError::Unpinned { found: found() });
        }
        Ok(Self { repository, tag: tag.map(str::to_owned), digest })
    }
}

impl FromStr for Repository {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, path) = text.split_once('/').ok_or(())?;
        let is_path = path.split('/').all(is_path_part) && path.len() <= 255;
        if is_host(host) && is_path { Ok(Self { host: host.to_owned(), path: path.to_owned() }) } else { Err(()) }
    }
}

fn is_path_part(part: &str) -> bool {
    let is_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    part.chars().all(is_char) && part.starts_with(is_edge) && part.ends_with(is_edge)
}

fn is_tag(tag: &str) -> bool {
    let is_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=128).contains(&tag.len()) && tag.chars().all(is_char) && !tag.starts_with(['.', '-'])
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.repository, f)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_reads_back_as_it_was_written() {
        let digest = Digest::of(b"x");
        for text in ["ghcr.io/acme/step:1.2", "127.0.0.1:5000/a/b:1", "localhost/x:1", &format!("a.b/c@{digest}")] {
            assert_eq!(text.parse::<Reference>().expect("a reference").to_string(), text);
        }
    }

    #[test]
    fn what_stands_for_no_plugin_is_refused() {
        for text in [
            "",
            "step:1",
            "acme/step:1",
            "a.b/../c:1",
            "a.b/C:1",
            "a.b/c:-x",
            "a.b:0/c:1",
            "a.b:x/c:1",
            "a.b/c:1 2",
            "a.b:0443/c:1",
            "127.1:5000/c:1",
        ] {
            assert!(matches!(text.parse::<Reference>(), Err(ReferenceError::Shape { .. })), "{text}");
        }
        assert!(matches!("a.b/c".parse::<Reference>(), Err(ReferenceError::Unpinned { .. })));
        for text in
            ["a.b/c@sha256:12", "a.b/c@sha512:12", &format!("a.b/c@{}", Digest::of(b"x").to_string().to_uppercase())]
        {
            assert!(matches!(text.parse::<Reference>(), Err(ReferenceError::Digest { .. })), "{text}");
        }
    }
}
