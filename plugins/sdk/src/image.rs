//! Image references, taken apart once.
//!
//! `registry/path:tag@sha256:…`: the registry is there when the first part has a dot or a port or is `localhost`,
//! as every engine reads it; otherwise it is Docker Hub.

use std::fmt;
use std::str::FromStr;

/// Where a reference without a registry leads.
pub const DEFAULT_REGISTRY: &str = "docker.io";
/// What a registry takes as a tag.
const TAG_CHARS: usize = 128;
/// Hexadecimal digits of a sha256.
const DIGEST_DIGITS: usize = 64;

/// An image reference as it was written, and its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: Option<String>,
    path: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a text is not an image reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceError {
    written: String,
    problem: &'static str,
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an image reference: {}", self.written, self.problem)
    }
}

impl std::error::Error for ReferenceError {}

impl Reference {
    /// `host` or `host:port`, [`DEFAULT_REGISTRY`] when none is written.
    pub fn registry(&self) -> &str {
        self.registry.as_deref().unwrap_or(DEFAULT_REGISTRY)
    }

    /// The registry and the path, as they were written.
    pub fn repository(&self) -> String {
        self.registry.as_ref().map_or_else(|| self.path.clone(), |registry| format!("{registry}/{}", self.path))
    }

    /// The tag, when there is one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// `sha256:…`, when there is one.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// `repository@digest`: what an engine pulls and runs, whatever happens to the tag.
    pub fn pinned(&self, digest: &str) -> String {
        format!("{}@{digest}", self.repository())
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(written: &str) -> Result<Self, ReferenceError> {
        parse(written).map_err(|problem| ReferenceError { written: written.chars().take(200).collect(), problem })
    }
}

fn parse(written: &str) -> Result<Reference, &'static str> {
    let (name, digest) = match written.split_once('@') {
        Some((name, digest)) => (name, Some(checked(digest, is_digest, "its digest is not `sha256:` and 64 digits")?)),
        None => (written, None),
    };
    let (name, tag) = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(checked(tag, is_tag, "its tag is not one")?)),
        _ => (name, None),
    };
    let (registry, path) = match name.split_once('/') {
        Some((first, rest)) if is_registry(first) => (Some(first.to_owned()), rest),
        _ => (None, name),
    };
    let has_good_parts = path.split('/').all(is_path_part);
    if !has_good_parts {
        return Err("its path is not lowercase letters, digits, `.`, `_`, `-`, in parts between `/`");
    }
    Ok(Reference { registry, path: path.to_owned(), tag, digest })
}

fn checked(text: &str, is_good: fn(&str) -> bool, problem: &'static str) -> Result<String, &'static str> {
    if is_good(text) { Ok(text.to_owned()) } else { Err(problem) }
}

/// Whether `text` is `sha256:` and its digits.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|digits| {
        digits.len() == DIGEST_DIGITS && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
    })
}

fn is_tag(text: &str) -> bool {
    let is_good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=TAG_CHARS).contains(&text.len()) && text.bytes().all(is_good) && !text.starts_with(['.', '-'])
}

fn is_registry(first: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let starts_well = first.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    (first.contains(['.', ':']) || first == "localhost") && starts_well && first.chars().all(is_good)
}

fn is_path_part(part: &str) -> bool {
    let is_good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    let is_edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    part.bytes().all(is_good) && is_edge(part.bytes().next()) && is_edge(part.bytes().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(written: &str) -> (String, String, Option<String>, Option<String>) {
        let reference: Reference = written.parse().expect(written);
        let text = |part: Option<&str>| part.map(str::to_owned);
        (reference.registry().to_owned(), reference.repository(), text(reference.tag()), text(reference.digest()))
    }

    #[test]
    fn a_registrys_port_is_not_a_tag_and_a_first_part_without_a_dot_is_no_registry() {
        let tagged = |tag: &str| Some(tag.to_owned());
        assert_eq!(parts("postgres:15"), ("docker.io".into(), "postgres".into(), tagged("15"), None));
        assert_eq!(parts("acme/web"), ("docker.io".into(), "acme/web".into(), None, None));
        assert_eq!(parts("10.0.0.1:5000/a/b"), ("10.0.0.1:5000".into(), "10.0.0.1:5000/a/b".into(), None, None));
        assert_eq!(parts("localhost/a:1"), ("localhost".into(), "localhost/a".into(), tagged("1"), None));
    }

    #[test]
    fn a_pinned_reference_leaves_the_tag_out() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let reference: Reference = format!("ghcr.io/acme/web:1@{digest}").parse().expect("both");
        assert_eq!(reference.digest(), Some(digest.as_str()));
        assert_eq!(reference.pinned(&digest), format!("ghcr.io/acme/web@{digest}"));
    }

    #[test]
    fn what_no_registry_takes_is_refused_with_what_was_found() {
        for written in
            ["", "Acme/web", "web:", "web:a b", "web@sha256:12", "a//b", "-rf", "web\n", "../web", "${X}/web"]
        {
            assert!(written.parse::<Reference>().is_err(), "{written:?}");
        }
        let error = "web@sha256:12".parse::<Reference>().expect_err("a short digest");
        assert_eq!(
            error.to_string(),
            "`web@sha256:12` is not an image reference: its digest is not `sha256:` and 64 digits"
        );
    }
}
