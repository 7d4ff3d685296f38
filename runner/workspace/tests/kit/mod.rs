//! Real repositories, made with the `git` command in temporary folders.

#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses its own part, and a test may panic")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use sealock_workspace::{Checkout, Repository, RunFolder, Uncommitted, View};
use tempfile::TempDir;

/// A repository with a state directory beside it.
pub(crate) struct Scene {
    pub(crate) folder: TempDir,
}

impl Scene {
    /// A folder without git.
    pub(crate) fn plain() -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(scene.root()).unwrap();
        scene
    }

    /// A repository with one commit: `README`, `src/main.rs` (executable), `src/old/a`, `link -> README`.
    pub(crate) fn new() -> Self {
        let scene = Self::plain();
        scene.git("init --quiet --initial-branch=main");
        scene.write("README", "read me\n");
        scene.write("src/main.rs", "fn main() {}\n");
        fs::set_permissions(scene.root().join("src/main.rs"), fs::Permissions::from_mode(0o755)).unwrap();
        scene.write("src/old/a", "a\n");
        scene.write(".gitignore", "ignored/\n");
        symlink("README", scene.root().join("link")).unwrap();
        scene.commit("First light");
        scene
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn git(&self, arguments: &str) -> String {
        git(&self.root(), arguments)
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git("add --all");
        run(Command::new("git").args(["commit", "--quiet", "--message", message]).current_dir(self.root()));
    }

    pub(crate) fn repository(&self) -> Repository {
        Repository::discover(&self.root()).unwrap()
    }

    pub(crate) fn uncommitted(&self) -> Uncommitted {
        self.repository().uncommitted(&[]).unwrap()
    }

    pub(crate) fn run(&self, run: &str) -> RunFolder {
        RunFolder::create(&self.state(), run).unwrap()
    }

    /// A checkout with the uncommitted changes.
    pub(crate) fn checkout(&self, run: &RunFolder) -> Checkout {
        Checkout::prepare(&self.repository(), run, Some(&self.uncommitted())).unwrap()
    }

    /// The views that this machine can make: always a copy, and an overlay where it may mount.
    pub(crate) fn views(&self, run: &RunFolder) -> Vec<View> {
        let checkout = self.checkout(run);
        vec![View::create(&checkout, run, "one").unwrap(), View::copy(&checkout, run, "two").unwrap()]
    }
}

/// Runs git with a configuration of nobody.
pub(crate) fn git(at: &Path, arguments: &str) -> String {
    run(Command::new("git").args(arguments.split_whitespace()).current_dir(at))
}

pub(crate) fn run(command: &mut Command) -> String {
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_SYSTEM", "/dev/null"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("GIT_AUTHOR_EMAIL", "ada@example.com"),
        ("GIT_COMMITTER_NAME", "Ada"),
        ("GIT_COMMITTER_EMAIL", "ada@example.com"),
    ] {
        command.env(name, value);
    }
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
}

/// Every file with its mode and content or target, but `.git`.
pub(crate) fn picture(root: &Path) -> Vec<String> {
    let walk = walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name();
    let entries = walk.into_iter().filter_entry(|entry| entry.file_name() != ".git");
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.path().strip_prefix(root).unwrap().display().to_string();
            if entry.file_type().is_symlink() {
                format!("{name} -> {}", fs::read_link(entry.path()).unwrap().display())
            } else if entry.file_type().is_dir() {
                format!("{name}/")
            } else {
                let mode = entry.metadata().unwrap().permissions().mode() & 0o100;
                let mark = if mode == 0 { "" } else { "*" };
                format!("{name}{mark}: {}", fs::read_to_string(entry.path()).unwrap().trim_end())
            }
        })
        .collect()
}
