//! The `.git` of a view: enough for `git describe`, `git rev-parse`, `git log`, and `git status`, and no more.
//!
//! Objects are borrowed from the original by `objects/info/alternates`; what a step adds goes into the view's
//! own. Refs are written as one `packed-refs`. The configuration is ours: of the original's it has each remote's
//! name and address without credentials, and nothing else (no helpers, hooks, filters, includes).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::{Config, ConfigLevel, IndexTime};

use super::CheckoutError;
use crate::repository::{Facts, Remote, Uncommitted, remotes};
use crate::{Repository, RepositoryError};

/// How deep alternates of alternates go; git itself stops at 5.
const MAX_ALTERNATES_DEPTH: usize = 5;

/// Writes `<layer>/.git` and answers the object folders it borrows from.
pub(super) fn write(
    repository: &Repository,
    index: &Path,
    layer: &Path,
    uncommitted: &Uncommitted,
) -> Result<Vec<PathBuf>, CheckoutError> {
    let folder = layer.join(".git");
    let disk = |source| CheckoutError::Disk { path: folder.clone(), source };
    let failed = |source| RepositoryError::Git { path: repository.root().to_owned(), source };
    let original = repository.open()?;
    for name in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
        fs::create_dir_all(folder.join(name)).map_err(disk)?;
    }
    let borrowed = write_alternates(&original, &folder).map_err(disk)?;
    write_refs(&original, repository.facts(), &folder).map_err(disk)?;
    write_config(&remotes(&original), &folder.join("config")).map_err(failed)?;
    write_index(index, &folder.join("index"), uncommitted).map_err(disk)?;
    Ok(borrowed)
}

pub(super) fn write_alternates(original: &git2::Repository, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let objects = original.commondir().join("objects").canonicalize()?;
    let mut line = objects.as_os_str().as_bytes().to_vec();
    line.push(b'\n');
    fs::create_dir_all(folder.join("objects/info"))?;
    fs::write(folder.join("objects/info/alternates"), line)?;
    let shallow = original.commondir().join("shallow");
    if shallow.exists() {
        fs::copy(shallow, folder.join("shallow"))?;
    }
    let mut folders = vec![objects];
    add_alternates(&mut folders, 0, MAX_ALTERNATES_DEPTH);
    Ok(folders)
}

/// Adds what the folders from `first` on borrow from themselves.
fn add_alternates(folders: &mut Vec<PathBuf>, first: usize, depth: usize) {
    let known = folders.len();
    for at in first..known {
        let text = fs::read_to_string(folders[at].join("info/alternates")).unwrap_or_default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Ok(folder) = folders[at].join(line).canonicalize()
                && !folders.contains(&folder)
            {
                folders.push(folder);
            }
        }
    }
    if depth > 1 && folders.len() > known {
        add_alternates(folders, known, depth - 1);
    }
}

fn write_refs(original: &git2::Repository, facts: &Facts, folder: &Path) -> io::Result<()> {
    let mut refs = BTreeMap::new();
    if let Ok(references) = original.references() {
        for reference in references.flatten() {
            if let (Ok(name), Some(target)) = (reference.name(), reference.target()) {
                refs.insert(name.to_owned(), target.to_string());
            }
        }
    }
    let commit = facts.commit.as_ref().map(|commit| commit.id.clone());
    // The branch may have moved since the run looked: the run's commit is what was planned.
    if let (Some(reference), Some(commit), Some(_)) = (&facts.reference, &commit, &facts.branch) {
        refs.insert(reference.clone(), commit.clone());
    }
    let mut packed = String::new();
    for (name, target) in &refs {
        let _ = writeln!(packed, "{target} {name}");
    }
    fs::write(folder.join("packed-refs"), packed)?;
    let head = match (&facts.branch, commit) {
        (Some(branch), _) => format!("ref: refs/heads/{branch}\n"),
        (None, Some(commit)) => format!("{commit}\n"),
        (None, None) => "ref: refs/heads/main\n".to_owned(),
    };
    fs::write(folder.join("HEAD"), head)
}

/// What every view's `.git` has in common. A copied view has other inode numbers and change times than the index says.
const CORE: &str = "[core]
\trepositoryformatversion = 0
\tbare = false
\tfilemode = true
\tsymlinks = true
\tautocrlf = false
\tlogallrefupdates = false
\ttrustctime = false
\tcheckstat = minimal
";

pub(super) fn write_config(remotes: &[Remote], path: &Path) -> Result<(), git2::Error> {
    let failed = |error: io::Error| git2::Error::from_str(&error.to_string());
    fs::write(path, CORE).map_err(failed)?;
    if remotes.is_empty() {
        return Ok(());
    }
    // Names and addresses need quoting, which is the library's; each entry that it sets is a file that it replaces.
    let mut config = Config::new()?;
    config.add_file(path, ConfigLevel::Local, true)?;
    for remote in remotes {
        let name = &remote.name;
        config.set_str(&format!("remote.{name}.url"), &remote.url)?;
        config.set_str(&format!("remote.{name}.fetch"), &format!("+refs/heads/*:refs/remotes/{name}/*"))?;
    }
    Ok(())
}

/// The checkout's index. What was written to the work tree since is to be read again by `git status`, also
/// when it has the size and second of what it replaces.
fn write_index(from: &Path, to: &Path, uncommitted: &Uncommitted) -> io::Result<()> {
    if !from.exists() {
        return Ok(());
    }
    fs::copy(from, to)?;
    if uncommitted.is_empty() {
        return Ok(());
    }
    let forget = || -> Result<(), git2::Error> {
        let mut index = git2::Index::open(to)?;
        for path in &uncommitted.changed {
            if let Some(mut entry) = index.get_path(path, 0) {
                entry.mtime = IndexTime::new(0, 0);
                entry.file_size = 0;
                index.add(&entry)?;
            }
        }
        index.write()
    };
    forget().map_err(io::Error::other)
}
