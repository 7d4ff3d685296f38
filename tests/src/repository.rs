//! A scratch git repository, made from folders of `tests`.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::program::must;
use crate::rig::tests_folder;

/// A git repository with one commit a release.
pub struct Repository {
    folder: TempDir,
}

impl Repository {
    /// Makes one from a folder of `tests`, its files committed.
    ///
    /// # Panics
    /// When a file cannot be copied.
    pub fn of(folder: &str) -> Self {
        Self::of_all(&[folder])
    }

    /// A repository whose first commit holds what is in several of these folders.
    ///
    /// # Panics
    /// As [`of`](Self::of).
    pub fn of_all(folders: &[&str]) -> Self {
        let this = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        for folder in folders {
            let from = tests_folder().join(folder);
            must(Command::new("cp").arg("-R").arg(from.join(".")).arg(this.path()));
        }
        this.git(&["init", "--quiet", "--initial-branch=main"]);
        this.commit("First release");
        this
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, without committing it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-m", message]);
    }

    fn git(&self, arguments: &[&str]) {
        must(Command::new("git").arg("-C").arg(self.path()).args(arguments));
    }
}
