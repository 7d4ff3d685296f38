//! What differs between the commit and the folder.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::DiffOptions;
use walkdir::WalkDir;

use super::RepositoryError;

/// Uncommitted files that one run takes along: `sealock run` in a home directory must not copy all of it.
const MAX_UNCOMMITTED_FILES: usize = 200_000;
/// Their bytes, for the same reason.
const MAX_UNCOMMITTED_BYTES: u64 = 4 << 30;

/// Uncommitted changes, as paths relative to the repository's root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uncommitted {
    /// Files and links that are new or different, to be taken from the folder.
    pub changed: BTreeSet<PathBuf>,
    /// Files and folders of the commit that are gone; a folder stands for all in it.
    pub deleted: BTreeSet<PathBuf>,
    /// Repositories inside the repository that are no submodules: they are not taken along.
    pub nested: BTreeSet<PathBuf>,
}

impl Uncommitted {
    /// How many files.
    pub fn count(&self) -> u64 {
        (self.changed.len() + self.deleted.len()) as u64
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.deleted.is_empty()
    }
}

pub(super) fn changes(
    git: &git2::Repository,
    root: &Path,
    leave_out: &[&Path],
) -> Result<Uncommitted, RepositoryError> {
    let failed = |source| RepositoryError::Git { path: root.to_owned(), source };
    let left_out = left_out(leave_out);
    let mut found = Uncommitted::default();
    let mut gone = Vec::new();
    for path in differing_paths(git).map_err(failed)? {
        let full = root.join(&path);
        if left_out.iter().any(|folder| full.starts_with(folder)) {
            continue;
        }
        match fs::symlink_metadata(&full) {
            Ok(meta) if meta.is_dir() => drop(full.join(".git").exists().then(|| found.nested.insert(path))),
            Ok(meta) if meta.is_file() || meta.is_symlink() => drop(found.changed.insert(path)),
            Ok(_) => {}
            Err(_) => gone.push(path),
        }
    }
    for path in gone {
        found.deleted.extend(topmost_missing(root, &path, &found.changed));
    }
    check_size(root, found)
}

/// From the commit's tree to the work tree, through the index: everything on either side.
fn differing_paths(git: &git2::Repository) -> Result<BTreeSet<PathBuf>, git2::Error> {
    let tree = match git.head() {
        Ok(head) => Some(head.peel_to_tree()?),
        Err(_) => None,
    };
    let mut options = DiffOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).include_typechange(true);
    options.ignore_submodules(true).include_typechange_trees(true).update_index(false);
    let diff = git.diff_tree_to_workdir_with_index(tree.as_ref(), Some(&mut options))?;
    let mut paths = BTreeSet::new();
    for delta in diff.deltas() {
        for file in [delta.old_file(), delta.new_file()] {
            if let Some(bytes) = file.path_bytes() {
                let bytes = bytes.strip_suffix(b"/").unwrap_or(bytes);
                paths.insert(PathBuf::from(OsStr::from_bytes(bytes)));
            }
        }
    }
    Ok(paths)
}

/// The highest part of `path` that is not in the folder any more. A file that stands where a folder was hides
/// that folder by itself when it is taken along.
fn topmost_missing(root: &Path, path: &Path, changed: &BTreeSet<PathBuf>) -> Option<PathBuf> {
    let mut part = PathBuf::new();
    for name in path {
        part.push(name);
        match fs::symlink_metadata(root.join(&part)) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) if changed.contains(&part) => return None,
            _ => return Some(part),
        }
    }
    None
}

pub(super) fn whole_folder(root: &Path, leave_out: &[&Path]) -> Result<Uncommitted, RepositoryError> {
    let left_out = left_out(leave_out);
    let keep = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || (entry.file_name() != ".git" && !left_out.iter().any(|folder| entry.path() == folder))
    };
    let mut found = Uncommitted::default();
    for entry in WalkDir::new(root).follow_links(false).into_iter().filter_entry(keep) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).to_owned();
            RepositoryError::Folder { path, source: error.into() }
        })?;
        let kind = entry.file_type();
        if kind.is_file() || kind.is_symlink() {
            let inside = entry.path().strip_prefix(root).expect("a walk stays below its root");
            found.changed.insert(inside.to_owned());
        }
        if found.changed.len() > MAX_UNCOMMITTED_FILES {
            break;
        }
    }
    check_size(root, found)
}

fn left_out(folders: &[&Path]) -> Vec<PathBuf> {
    folders.iter().filter_map(|folder| folder.canonicalize().ok()).collect()
}

fn check_size(root: &Path, found: Uncommitted) -> Result<Uncommitted, RepositoryError> {
    let too_much = |what: String, limit: String| Err(RepositoryError::TooMuch { what, limit });
    if found.changed.len() > MAX_UNCOMMITTED_FILES {
        return too_much(format!("more than {MAX_UNCOMMITTED_FILES}"), format!("{MAX_UNCOMMITTED_FILES} files"));
    }
    let size = |path: &PathBuf| fs::symlink_metadata(root.join(path)).map_or(0, |meta| meta.len());
    let bytes: u64 = found.changed.iter().map(size).sum();
    if bytes > MAX_UNCOMMITTED_BYTES {
        return too_much(format!("{} MiB", bytes >> 20), format!("{} MiB", MAX_UNCOMMITTED_BYTES >> 20));
    }
    Ok(found)
}
