//! Locks between processes, on open files.
//!
//! The lock is the kernel's: it is gone when the process is, however that ended. It is let go of by name and not by
//! closing the file: a child that another thread forks holds the file too until it has its own program, and with it
//! would hold the lock of a run that is over.

use std::fs::File;
use std::io;

use rustix::fs::{FlockOperation, flock};

/// A file that is locked for as long as this value lives.
#[derive(Debug)]
pub struct FileLock(File);

impl FileLock {
    /// Locks `file` for this process alone, where nobody has it.
    ///
    /// # Errors
    ///
    /// When somebody has it, or the file system knows no locks.
    pub fn try_exclusive(file: File) -> io::Result<Self> {
        Self::take(file, FlockOperation::NonBlockingLockExclusive)
    }

    /// Locks `file` together with others, where nobody has it alone.
    ///
    /// # Errors
    ///
    /// When somebody has it alone, or the file system knows no locks.
    pub(crate) fn try_shared(file: File) -> io::Result<Self> {
        Self::take(file, FlockOperation::NonBlockingLockShared)
    }

    /// Locks `file` together with others, as soon as nobody has it alone.
    ///
    /// # Errors
    ///
    /// When the file system knows no locks.
    pub(crate) fn shared(file: File) -> io::Result<Self> {
        Self::take(file, FlockOperation::LockShared)
    }

    /// Has the file alone from here on, as soon as nobody else has it.
    ///
    /// # Errors
    ///
    /// When the file system knows no locks.
    pub(crate) fn make_exclusive(&self) -> io::Result<()> {
        Ok(flock(&self.0, FlockOperation::LockExclusive)?)
    }

    /// The file.
    pub fn file(&mut self) -> &mut File {
        &mut self.0
    }

    fn take(file: File, operation: FlockOperation) -> io::Result<Self> {
        flock(&file, operation)?;
        Ok(Self(file))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_let_go_of_while_a_forked_child_has_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let open =
            || File::options().create(true).truncate(false).write(true).open(folder.path().join("lock")).unwrap();
        let held = FileLock::try_exclusive(open()).unwrap();
        let forked = held.0.try_clone().unwrap();
        assert!(FileLock::try_shared(open()).is_err());
        drop(held);
        let both = [FileLock::try_shared(open()).unwrap(), FileLock::shared(open()).unwrap()];
        assert!(FileLock::try_exclusive(open()).is_err());
        drop(both);
        FileLock::try_exclusive(open()).unwrap();
        drop(forked);
    }
}
