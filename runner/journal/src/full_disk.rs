//! A disk without room: how it is recognised, and what a person is told of it.
//!
//! SQLite says "disk full" only for some writes; where it grows its shared memory, or a quota ends, it says "I/O
//! error". So the disk itself is asked: a probe is written, and what the system answers decides.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use rustix::fs::statfs;

/// What is written to see whether there is room: more than any single write of SQLite's.
const PROBE_BYTES: usize = 64 << 10;

/// There is no room on the disk that holds this folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FullDisk {
    /// The state directory.
    pub folder: PathBuf,
    /// What is left for its user; nothing that a record fits into.
    pub free_bytes: u64,
}

impl FullDisk {
    /// What to do about it.
    pub const HELP: &str =
        "make room on that disk (old runs and checkouts lie in this folder), or point `--state` at a larger one";

    /// The disk that holds `folder`, as it is now.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), free_bytes: free_bytes(folder) }
    }

    /// Whether this is how the system says that a disk, or a quota, is full.
    pub fn is_cause_of(error: &io::Error) -> bool {
        matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    /// The full disk behind what SQLite said, if that is it.
    pub(crate) fn behind(error: &rusqlite::Error, folder: &Path) -> Option<Self> {
        let full = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => true,
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {
                probe(folder).is_err_and(|error| Self::is_cause_of(&error))
            }
            _ => false,
        };
        full.then(|| Self::at(folder))
    }
}

impl fmt::Display for FullDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let free_kib = self.free_bytes >> 10;
        write!(f, "the disk that holds `{}` is full: {free_kib} KiB are free", self.folder.display())
    }
}

/// What is free for this user on the disk of `folder`; nothing when that cannot be asked.
pub(crate) fn free_bytes(folder: &Path) -> u64 {
    statfs(folder).map_or(0, |disk| disk.f_bavail * u64::try_from(disk.f_bsize).unwrap_or_default())
}

fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!("journal.probe-{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(&vec![0; PROBE_BYTES]).and_then(|()| file.sync_data()));
    let _ = fs::remove_file(&path);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_the_folder_and_what_is_left() {
        let full = FullDisk { folder: "/srv/state".into(), free_bytes: 12_800 };
        assert_eq!(full.to_string(), "the disk that holds `/srv/state` is full: 12 KiB are free");
    }

    #[test]
    fn an_error_of_a_disk_with_room_is_not_taken_for_a_full_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let failed = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        assert_eq!(FullDisk::behind(&failed(rusqlite::ffi::SQLITE_IOERR), folder.path()), None);
        assert_eq!(FullDisk::behind(&failed(rusqlite::ffi::SQLITE_CORRUPT), folder.path()), None);
        assert!(FullDisk::behind(&failed(rusqlite::ffi::SQLITE_FULL), folder.path()).is_some());
        assert_eq!(folder.path().read_dir().expect("it is there").count(), 0, "the probe is gone");
    }
}
