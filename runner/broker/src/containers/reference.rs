//! Names of images, checked before anything is done with them.

use std::fmt;
use std::str::FromStr;

use sealock_contract::seam::Refusal;
use sealock_contract::{Digest, ErrorKind, StepError};

/// The registry that a name without one means.
const DEFAULT_REGISTRY: &str = "docker.io";
/// As registries have it.
const TAG_CHARS_MAX: usize = 128;
/// As registries have it.
const NAME_CHARS_MAX: usize = 255;

/// A reference such as `postgres:15`, `ghcr.io/acme/web:1.2`, or `127.0.0.1:5000/web@sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text names no image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageNameError {
    /// The repository is not one.
    #[error("`{found}` is not a repository: expected lower-case words of letters, digits, `.`, `_`, `-` between `/`")]
    Repository {
        /// What stands there.
        found: String,
    },
    /// The registry is not one.
    #[error("`{found}` is not a registry: expected a host, or a host and port")]
    Registry {
        /// What stands there.
        found: String,
    },
    /// The tag is not one.
    #[error("`{found}` is not a tag: expected up to 128 letters, digits, `.`, `_`, `-`, not starting with `.` or `-`")]
    Tag {
        /// What stands there.
        found: String,
    },
    /// The digest is not one.
    #[error("`{found}` is not a digest: expected `sha256:` and 64 hexadecimal digits")]
    Digest {
        /// What stands there.
        found: String,
    },
    /// A name longer than registries take.
    #[error("the name has {found} characters; 255 are the most")]
    TooLong {
        /// How many there are.
        found: usize,
    },
}

impl ImageName {
    /// `host/path`, without tag and digest, as it was written.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag that was written.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest that was written.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// `host` or `host:port` of its registry.
    pub fn registry(&self) -> &str {
        match self.repository.split_once('/') {
            Some((first, _)) if is_registry_like(first) => first,
            _ => DEFAULT_REGISTRY,
        }
    }

    /// The tag, or the `latest` that none means.
    pub(super) fn tag_or_latest(&self) -> &str {
        self.tag().unwrap_or("latest")
    }
}

impl FromStr for ImageName {
    type Err = ImageNameError;

    fn from_str(text: &str) -> Result<Self, ImageNameError> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(parse_digest(digest)?)),
            None => (text, None),
        };
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(parse_tag(tag)?)),
            _ => (name, None),
        };
        check_repository(repository)?;
        Ok(Self { repository: repository.to_owned(), tag, digest })
    }
}

fn parse_digest(text: &str) -> Result<Digest, ImageNameError> {
    text.parse().map_err(|_| ImageNameError::Digest { found: text.to_owned() })
}

fn parse_tag(tag: &str) -> Result<String, ImageNameError> {
    let is_tag_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let is_tag = !tag.is_empty() && tag.len() <= TAG_CHARS_MAX && tag.chars().all(is_tag_char);
    if is_tag && !tag.starts_with(['.', '-']) {
        return Ok(tag.to_owned());
    }
    Err(ImageNameError::Tag { found: tag.to_owned() })
}

fn check_repository(repository: &str) -> Result<(), ImageNameError> {
    if repository.len() > NAME_CHARS_MAX {
        return Err(ImageNameError::TooLong { found: repository.len() });
    }
    let path = match repository.split_once('/') {
        Some((first, rest)) if is_registry_like(first) => {
            check_registry(first)?;
            rest
        }
        _ => repository,
    };
    if path.split('/').all(is_path_word) {
        return Ok(());
    }
    Err(ImageNameError::Repository { found: repository.to_owned() })
}

/// As the engine tells a registry from the first word of a path.
fn is_registry_like(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

fn check_registry(registry: &str) -> Result<(), ImageNameError> {
    let bad = || ImageNameError::Registry { found: registry.to_owned() };
    if let Some(rest) = registry.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or_else(bad)?;
        address.parse::<std::net::Ipv6Addr>().map_err(|_| bad())?;
        return if port.is_empty() || is_port(port.strip_prefix(':').unwrap_or_default()) {
            Ok(())
        } else {
            Err(bad())
        };
    }
    let (host, port) = match registry.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (registry, None),
    };
    let is_label = |label: &str| {
        let is_label_char = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.chars().all(is_label_char) && !label.starts_with('-') && !label.ends_with('-')
    };
    if host.split('.').all(is_label) && port.is_none_or(is_port) { Ok(()) } else { Err(bad()) }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Lower-case letters and digits, with `.`, `_`, `__`, or any number of `-` between them.
fn is_path_word(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !word.starts_with(is_plain) || !word.ends_with(is_plain) {
        return false;
    }
    word.split(is_plain)
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// The reference in `text`.
pub(super) fn parse(text: &str) -> Result<ImageName, Refusal> {
    text.parse().map_err(|error: ImageNameError| not_a_name(text, &error.to_string()))
}

/// An image in the engine: its id, or a reference.
pub(super) fn parse_local(text: &str) -> Result<String, Refusal> {
    if text.starts_with("sha256:") && text.parse::<Digest>().is_ok() {
        return Ok(text.to_owned());
    }
    parse(text).map(|name| name.to_string())
}

fn not_a_name(text: &str, why: &str) -> Refusal {
    StepError::new(ErrorKind::Invalid, "E-IMAGE-NAME", format!("`{}` names no image: {why}", text.escape_debug()))
        .help("write it like ghcr.io/acme/web:1.2; names are lower-case")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(text: &str) -> String {
        text.parse::<ImageName>().expect(text).registry().to_owned()
    }

    #[test]
    fn names_keep_their_parts() {
        let name: ImageName = "127.0.0.1:5000/acme/web:1.2".parse().expect("a name");
        assert_eq!((name.repository(), name.tag()), ("127.0.0.1:5000/acme/web", Some("1.2")));
        assert_eq!(name.to_string(), "127.0.0.1:5000/acme/web:1.2");
        assert_eq!(registry("postgres:15"), "docker.io");
        assert_eq!(registry("acme/web"), "docker.io");
        assert_eq!(registry("localhost/web"), "localhost");
        assert_eq!(registry("[::1]:5000/web"), "[::1]:5000");
        let digest = format!("ghcr.io/acme/a__b.c---d@sha256:{}", "0".repeat(64));
        assert_eq!(digest.parse::<ImageName>().expect("a name").to_string(), digest);
    }

    #[test]
    fn what_could_be_an_option_a_path_or_two_names_is_refused() {
        let texts = [
            "",
            "-v",
            "--privileged",
            "Web",
            "ghcr.io/Acme/web",
            "a/../b",
            "a//b",
            "/a",
            "a/",
            "a:",
            "a:-x",
            "a b",
            "a:1:2",
            "a@sha256:12",
            "a\nb",
            "ghcr.io:0/a",
            "ghcr.io:99999/a",
            "-x.io/a",
            "a..b",
            "a___b",
            "web;ls",
            "http://ghcr.io/a",
            "a@b",
        ];
        for text in texts {
            assert_eq!(parse(text).expect_err(text).code, "E-IMAGE-NAME", "{text}");
        }
        assert!(parse(&"a".repeat(300)).is_err());
        assert!(parse_local(&format!("sha256:{}", "0".repeat(64))).is_ok());
        assert!(parse_local("sha256:xyz/..").is_err());
    }
}
