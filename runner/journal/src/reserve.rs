//! Room on the disk that is kept for the end of a run.
//!
//! When the disk is full, a deployment must still be able to say that it rolled back. So a file of at most
//! [`RESERVE_MAX_BYTES`] is kept beside the journal, allocated but never written; the first commit that finds the
//! disk full removes it and tries again. That is room for the records of some thousand rollback steps, on a small
//! disk for as many as it has room for; whoever fills it too gets `E-JOURNAL-FULL`. It comes back when a journal is
//! opened with room to spare.
//!
//! On file systems that cannot allocate without writing there is no reserve, and a full disk is final at once.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

use crate::full_disk::free_bytes;

/// Kept for the last records of runs whose steps filled the disk.
const RESERVE_MAX_BYTES: u64 = 8 << 20;
/// Less than this is not worth its file: a run's last records would not fit.
const RESERVE_MIN_BYTES: u64 = 256 << 10;
/// This part of what is free is taken.
const FREE_PER_RESERVE: u64 = 8;

#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    released: bool,
}

impl Reserve {
    /// Keeps room in `state` when there is enough; never fails, because a run without a reserve is a run.
    pub(crate) fn keep(state: &Path) -> Self {
        let path = state.join("journal.reserve");
        let bytes = (free_bytes(state) / FREE_PER_RESERVE).min(RESERVE_MAX_BYTES);
        if !path.exists() && bytes >= RESERVE_MIN_BYTES {
            let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
            let kept = file.is_ok_and(|file| fallocate(&file, FallocateFlags::empty(), 0, bytes).is_ok());
            if !kept {
                let _ = fs::remove_file(&path);
            }
        }
        Self { path, released: false }
    }

    /// Gives the room back; answers whether there was any.
    pub(crate) fn release(&mut self) -> bool {
        let had = fs::remove_file(&self.path).is_ok();
        self.released |= had;
        had
    }

    pub(crate) fn is_released(&self) -> bool {
        self.released
    }
}
