//! The key that authenticates what this machine compiled, for this user.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Of the key and of a tag.
pub(crate) const TAG_BYTES: usize = 32;
/// The key's file in the folder.
const FILE: &str = "key";

/// A secret of the folder. Never printed, never leaves the process.
pub(crate) struct Key([u8; TAG_BYTES]);

impl Key {
    /// Reads the folder's key, or makes one.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        make_private(folder)?;
        match read(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(folder),
            other => other,
        }
    }

    /// The tag of `parts`, each with its length, so that none can lend bytes to its neighbour.
    pub(crate) fn authenticate(&self, parts: &[&[u8]]) -> Tag {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        Tag(mac)
    }
}

/// A tag that can be written or compared, in constant time.
pub(crate) struct Tag(Hmac<Sha256>);

impl Tag {
    pub(crate) fn bytes(self) -> [u8; TAG_BYTES] {
        self.0.finalize().into_bytes().into()
    }

    pub(crate) fn matches(self, found: &[u8]) -> bool {
        self.0.verify_slice(found).is_ok()
    }
}

/// Makes the folder, or refuses one that others may enter.
fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let found = fs::metadata(folder)?;
    if found.mode() & 0o077 != 0 || found.uid() != rustix::process::geteuid().as_raw() {
        let message = format!("{} may be entered by others: expected mode 0700 and your own", folder.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    Ok(())
}

fn read(folder: &Path) -> io::Result<Key> {
    let mut file = File::open(folder.join(FILE))?;
    let mut key = [0; TAG_BYTES];
    if file.metadata()?.mode() & 0o077 != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the cache's key may be read by others"));
    }
    match file.read_exact(&mut key) {
        Ok(()) => Ok(Key(key)),
        // A key that was cut short authenticates nothing: a new one makes every entry a miss.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            fs::remove_file(folder.join(FILE))?;
            create(folder)
        }
        Err(error) => Err(error),
    }
}

/// Writes a new key beside its name and links it there: of two processes that start together, one wins.
fn create(folder: &Path) -> io::Result<Key> {
    let mut key = [0; TAG_BYTES];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    let temporary = tempfile::Builder::new().prefix("key-").make_in(folder, |path| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&key)?;
        file.sync_all()?;
        Ok(file)
    })?;
    match temporary.persist_noclobber(folder.join(FILE)) {
        Ok(_) => Ok(Key(key)),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => read(folder),
        Err(error) => Err(error.error),
    }
}
