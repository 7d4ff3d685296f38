//! The components that were fetched, by digest, in a folder of this user.
//!
//! # Invariants
//!
//! - A component gets its name only after all its bytes are there and have its digest: a torn download has no name.
//! - Two runs may fetch the same one at once: each has a file of its own until it is renamed, and both end the same.
//! - What is read is held to its digest again: a file that was changed or cut counts as absent.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sealock_contract::Digest;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::artifact::MANIFEST_TYPE;
use crate::patience::DOCUMENT_BYTES;
use crate::{Artifact, RegistryError};

/// What half-fetched files are called, until they are whole.
const PARTIAL_PREFIX: &str = ".partial-";
/// What was killed while it fetched leaves such a file; after this long nobody fetches it any more.
const PARTIAL_AGE_MAX: Duration = Duration::from_hours(24);

/// The folder.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// A component on its way in: it has no name yet, and is gone when this is dropped.
#[derive(Debug)]
pub struct Incoming {
    file: NamedTempFile,
    hash: Sha256,
    size: u64,
}

/// A component whose bytes are those that were asked for, and which is not kept yet.
#[derive(Debug)]
pub struct Verified {
    file: NamedTempFile,
    digest: Digest,
    store: Store,
}

impl Store {
    /// In `folder`, which is made when something is kept.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The component with this digest and size; nothing when it is not here, or is no longer what it was.
    ///
    /// # Errors
    ///
    /// When it is here and cannot be read.
    pub fn read(&self, digest: Digest, size: u64) -> Result<Option<Vec<u8>>, RegistryError> {
        let path = self.path(digest);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(RegistryError::Store { path, source }),
        };
        let mut bytes = Vec::new();
        file.take(size + 1).read_to_end(&mut bytes).map_err(|source| RegistryError::Store { path, source })?;
        Ok((bytes.len() as u64 == size && Digest::of(&bytes) == digest).then_some(bytes))
    }

    /// The version whose manifest has this digest, when its manifest is kept here and is still what it was.
    ///
    /// # Errors
    ///
    /// When it is here and cannot be read.
    pub fn artifact(&self, manifest: Digest) -> Result<Option<Artifact>, RegistryError> {
        let path = self.manifest_path(manifest);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(RegistryError::Store { path, source }),
        };
        let mut bytes = Vec::new();
        let read = file.take(DOCUMENT_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|source| RegistryError::Store { path, source })?;
        let is_whole = Digest::of(&bytes) == manifest;
        Ok(if is_whole { Artifact::read(&bytes, manifest, Some(MANIFEST_TYPE)).ok() } else { None })
    }

    /// Keeps a version's manifest, so that a lockfile can be held to it without a network.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn keep_manifest(&self, artifact: &Artifact) -> Result<(), RegistryError> {
        let path = self.manifest_path(artifact.manifest);
        let failed = |source| RegistryError::Store { path: path.clone(), source };
        let mut file = self.partial()?;
        file.write_all(&artifact.bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&path).map(drop).map_err(|error| failed(error.error))
    }

    /// A file to write what comes.
    pub(crate) fn begin(&self) -> Result<Incoming, RegistryError> {
        self.sweep();
        Ok(Incoming { file: self.partial()?, hash: Sha256::new(), size: 0 })
    }

    /// A file in this folder that has no name yet.
    pub(crate) fn partial(&self) -> Result<NamedTempFile, RegistryError> {
        let failed = |source| RegistryError::Store { path: self.folder.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(failed)?;
        tempfile::Builder::new().prefix(PARTIAL_PREFIX).tempfile_in(&self.folder).map_err(failed)
    }

    /// Removes what others left half-fetched. What cannot be looked at, or removed, is left for the next one.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let is_partial = entry.file_name().to_string_lossy().starts_with(PARTIAL_PREFIX);
            let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
            if is_partial && age().is_some_and(|age| age > PARTIAL_AGE_MAX) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Where what is kept beside the components lies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn manifest_path(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{}.manifest.json", digest.hex()))
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{}.wasm", digest.hex()))
    }
}

impl Incoming {
    /// Adds what came.
    pub(crate) fn write(&mut self, piece: &[u8]) -> Result<(), RegistryError> {
        self.hash.update(piece);
        self.size += piece.len() as u64;
        let written = self.file.write_all(piece);
        written.map_err(|source| RegistryError::Store { path: self.file.path().to_owned(), source })
    }

    /// How many bytes came so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// All of it is here; nothing when it is not what was asked for.
    pub(crate) fn verify(self, digest: Digest, store: &Store) -> Option<Verified> {
        let found = Digest::from_bytes(self.hash.finalize().into());
        (found == digest).then(|| Verified { file: self.file, digest, store: store.clone() })
    }
}

impl Verified {
    /// The component.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn bytes(&self) -> Result<Vec<u8>, RegistryError> {
        let read = fs::read(self.file.path());
        read.map_err(|source| RegistryError::Store { path: self.file.path().to_owned(), source })
    }

    /// Keeps it under its digest. Whoever was faster has kept the same.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn keep(self) -> Result<(), RegistryError> {
        let path = self.store.path(self.digest);
        let failed = |path: &Path, source| RegistryError::Store { path: path.to_owned(), source };
        self.file.as_file().sync_all().map_err(|source| failed(&path, source))?;
        self.file.persist(&path).map(drop).map_err(|error| failed(&path, error.error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(store: &Store, pieces: &[&[u8]], digest: Digest) -> Option<Verified> {
        let mut incoming = store.begin().expect("a file");
        for piece in pieces {
            incoming.write(piece).expect("the disk takes it");
        }
        incoming.verify(digest, store)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder").flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn what_is_kept_is_read_back_and_what_was_changed_is_absent() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().join("plugins"));
        let digest = Digest::of(b"component");
        assert_eq!(store.read(digest, 9).expect("absent"), None);
        fetched(&store, &[b"comp", b"onent"], digest).expect("it is whole").keep().expect("it is kept");
        assert_eq!(store.read(digest, 9).expect("present").as_deref(), Some(b"component".as_slice()));
        assert_eq!(store.read(digest, 8).expect("another size"), None);
        fs::write(store.path(digest), b"componenT").expect("the folder is ours");
        assert_eq!(store.read(digest, 9).expect("changed"), None);
    }

    #[test]
    fn what_is_torn_or_another_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().join("plugins"));
        assert!(fetched(&store, &[b"comp"], Digest::of(b"component")).is_none());
        drop(fetched(&store, &[b"component"], Digest::of(b"component")).expect("it is whole"));
        assert_eq!(names(&folder.path().join("plugins")), Vec::<String>::new());
    }

    #[test]
    fn what_was_left_half_fetched_a_day_ago_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().to_owned());
        let day_ago = std::time::SystemTime::now() - Duration::from_hours(25);
        for (name, is_old) in [(".partial-old", true), (".partial-new", false), ("0.wasm", true)] {
            let file = File::create(folder.path().join(name)).expect("the folder is ours");
            if is_old {
                file.set_modified(day_ago).expect("the file is ours");
            }
        }
        drop(store.begin().expect("a file"));
        let mut names = names(folder.path());
        names.sort();
        assert_eq!(names, [".partial-new", "0.wasm"]);
    }

    #[test]
    fn eight_that_fetch_the_same_at_once_all_end_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().join("plugins"));
        let digest = Digest::of(b"component");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| fetched(&store, &[b"component"], digest).expect("whole").keep().expect("kept"));
            }
        });
        assert_eq!(names(&folder.path().join("plugins")), [format!("{}.wasm", digest.hex())]);
    }
}
