//! Secrets from files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::future::ready;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Caution, Fetched, Fetching, Provider, ProviderError};
use crate::refusal::SECRET_MAX_BYTES;
use crate::secret::SecretBytes;

/// Permission bit: everybody may read.
const READ_BY_OTHERS: u32 = 0o004;

/// Files that hold one secret each: those of a folder, by file name, and those given by name.
///
/// One line end at the end of a file is not part of the secret. Symbolic links are followed, as
/// Kubernetes and systemd lay out their secrets; anything but a regular file is refused.
#[derive(Clone, Debug, Default)]
pub struct Files {
    folder: Option<PathBuf>,
    named: BTreeMap<String, PathBuf>,
}

/// Why an entry is not of the form `NAME=path`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileEntryError {
    /// There is no `=`.
    #[error("found `{found}`, expected `NAME=path`")]
    NoEqualsSign {
        /// The entry.
        found: String,
    },

    /// The name has other characters than letters, digits, `_` and `-`, or none.
    #[error("found the secret name `{found}`, expected letters, digits, `_` and `-`")]
    BadName {
        /// The name.
        found: String,
    },

    /// There is nothing behind the `=`.
    #[error("secret `{name}` has no path behind its `=`")]
    NoPath {
        /// The name.
        name: String,
    },
}

impl Files {
    /// The files of `folder`, each called as its secret is.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), named: BTreeMap::new() }
    }

    /// The files of `entries`, each of the form `NAME=path`.
    ///
    /// # Errors
    ///
    /// The first entry that has another form.
    pub fn from_entries<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, FileEntryError> {
        let named = entries.into_iter().map(parse_entry).collect::<Result<_, _>>()?;
        Ok(Self { folder: None, named })
    }

    fn path_of(&self, name: &str) -> Option<PathBuf> {
        let in_folder = || self.folder.as_ref().filter(|_| is_name(name)).map(|folder| folder.join(name));
        self.named.get(name).cloned().or_else(in_folder)
    }

    fn read(&self, name: &str) -> Result<Option<Fetched>, ProviderError> {
        let Some(path) = self.path_of(name) else {
            return Ok(None);
        };
        let is_named = self.named.contains_key(name);
        match read_secret(&path) {
            Ok(fetched) => Ok(Some(fetched)),
            Err(ReadError::Io(error)) if error.kind() == ErrorKind::NotFound && !is_named => Ok(None),
            Err(error) => Err(error.about(name, path)),
        }
    }
}

impl Provider for Files {
    fn label(&self) -> &'static str {
        "files"
    }

    fn fetch<'a>(&'a self, name: &'a str) -> Fetching<'a> {
        Box::pin(ready(self.read(name)))
    }
}

fn parse_entry(entry: &str) -> Result<(String, PathBuf), FileEntryError> {
    let Some((name, path)) = entry.split_once('=') else {
        return Err(FileEntryError::NoEqualsSign { found: entry.to_owned() });
    };
    if !is_name(name) {
        return Err(FileEntryError::BadName { found: name.to_owned() });
    }
    if path.is_empty() {
        return Err(FileEntryError::NoPath { name: name.to_owned() });
    }
    Ok((name.to_owned(), path.into()))
}

/// No dots and no slashes: a name never leads out of the folder.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

enum ReadError {
    Io(io::Error),
    NotAFile,
    TooLarge,
}

impl ReadError {
    fn about(self, name: &str, path: PathBuf) -> ProviderError {
        let name = name.to_owned();
        match self {
            Self::Io(source) => ProviderError::Read { name, path, source },
            Self::NotAFile => ProviderError::NotAFile { name, path },
            Self::TooLarge => ProviderError::TooLarge { name, path, limit: SECRET_MAX_BYTES },
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn read_secret(path: &Path) -> Result<Fetched, ReadError> {
    // Asked before opening: opening a pipe waits for its writer.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(ReadError::NotAFile);
    }
    let limit = SECRET_MAX_BYTES + "\r\n".len();
    let mut bytes = Vec::with_capacity(limit + 1);
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    let secret = without_line_end(bytes);
    if secret.len() > SECRET_MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    let mode = metadata.permissions().mode() & 0o7777;
    let is_open = mode & READ_BY_OTHERS != 0;
    let caution = is_open.then(|| Caution::ReadableByOthers { path: path.to_owned(), mode });
    Ok(Fetched { secret, caution })
}

fn without_line_end(mut bytes: Vec<u8>) -> SecretBytes {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    SecretBytes::new(bytes)
}
