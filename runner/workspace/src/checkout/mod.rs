//! The commit's files, once a commit, and what a run lays over them.

mod export;
mod git_folder;
mod kept;
mod layer;
pub(crate) mod notes;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::file_lock::FileLock;
use crate::run_folder::{make_private, open_lock};
use crate::{Repository, RepositoryError, RunFolder, Uncommitted, files};
use kept::Kept;
use notes::Notes;

/// Something about the checkout that its user should know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Warning {
    /// This file is a pointer to Git LFS: its content is not there.
    LfsPointer(PathBuf),
    /// This submodule is not checked out.
    MissingSubmodule(PathBuf),
    /// This link of the commit leaves the workspace; nothing that Sealock opens follows it.
    LeavingLink(PathBuf),
    /// This repository inside the repository is no submodule; its files are not taken along.
    NestedRepository(PathBuf),
}

/// One checkout of the commit, with `.git` and the uncommitted changes of one run laid over it.
///
/// Stages see it through a [`View`](crate::View); nothing writes it.
#[derive(Debug)]
pub struct Checkout {
    pub(crate) tree: PathBuf,
    pub(crate) layer: PathBuf,
    pub(crate) deleted: BTreeSet<PathBuf>,
    pub(crate) hides_deleted: bool,
    pub(crate) links: Arc<BTreeSet<PathBuf>>,
    pub(crate) leaving: Arc<BTreeMap<PathBuf, PathBuf>>,
    warnings: Vec<Warning>,
    object_folders: Vec<PathBuf>,
    _in_use: FileLock,
}

/// Why the files could not be checked out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckoutError {
    /// The repository could not be read.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// git could not write the commit's files.
    #[error("git could not check out commit `{commit}`")]
    Git {
        /// The commit.
        commit: String,
        /// Why.
        source: git2::Error,
    },
    /// The state directory could not be written.
    #[error("failed to write the checkout at `{path}`")]
    Disk {
        /// What was being written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl CheckoutError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Repository(error) => error.code(),
            Self::Git { source, .. } if is_full(source) => "E-DISK-FULL",
            Self::Git { .. } => "E-WORKSPACE-GIT",
            Self::Disk { source, .. } => files::code(source),
        }
    }
}

/// libgit2 passes on what the system said as text alone.
fn is_full(error: &git2::Error) -> bool {
    ["No space left on device", "Disk quota exceeded"].iter().any(|said| error.message().contains(said))
}

impl Checkout {
    /// Checks out the repository's commit, unless that was done before, and makes the run's layer: a `.git`
    /// without credentials, and `uncommitted`, if given.
    ///
    /// # Errors
    ///
    /// When the commit cannot be read, or the state directory cannot be written.
    pub fn prepare(
        repository: &Repository,
        folder: &RunFolder,
        uncommitted: Option<&Uncommitted>,
    ) -> Result<Self, CheckoutError> {
        let nothing = Uncommitted::default();
        let uncommitted = uncommitted.unwrap_or(&nothing);
        let commit = repository.facts().commit.as_ref().map_or("none", |commit| commit.id.as_str());
        let exported = shared(repository, folder.state(), commit)?;
        let disk = |source| CheckoutError::Disk { path: folder.path().to_owned(), source };

        let layer = folder.path().join("layer");
        Kept::forget(folder.path()).map_err(disk)?;
        files::remove(&layer).and_then(|()| fs::create_dir(&layer)).map_err(disk)?;
        let mut object_folders = Vec::new();
        if repository.is_git() {
            object_folders = git_folder::write(repository, &exported.index, &layer, uncommitted)?;
        }
        layer::take_along(repository.root(), &layer, uncommitted).map_err(disk)?;
        let hides_deleted = layer::hide(&layer, &uncommitted.deleted);

        let is_link = |path: &&PathBuf| layer.join(path).is_symlink();
        let kept = Kept {
            deleted: uncommitted.deleted.clone(),
            hides_deleted,
            links: uncommitted.changed.iter().filter(is_link).cloned().collect(),
            object_folders,
        };
        // Last: a layer that has its notes is complete.
        kept.write(folder.path()).map_err(disk)?;
        let nested = uncommitted.nested.iter().cloned();
        Self::assemble(exported, layer, kept, nested).map_err(disk)
    }

    /// What [`Checkout::prepare`] made for this run in another process, since the machine was started; `None` when
    /// it is gone.
    ///
    /// # Errors
    ///
    /// When the commit cannot be read, or the state directory cannot be written.
    pub fn reopen(repository: &Repository, folder: &RunFolder) -> Result<Option<Self>, CheckoutError> {
        let layer = folder.path().join("layer");
        let Some(kept) = Kept::read(folder.path()).filter(|_| layer.is_dir()) else { return Ok(None) };
        let commit = repository.facts().commit.as_ref().map_or("none", |commit| commit.id.as_str());
        let exported = shared(repository, folder.state(), commit)?;
        let disk = |source| CheckoutError::Disk { path: folder.path().to_owned(), source };
        Self::assemble(exported, layer, kept, std::iter::empty()).map(Some).map_err(disk)
    }

    fn assemble(
        exported: Shared,
        layer: PathBuf,
        kept: Kept,
        nested: impl Iterator<Item = PathBuf>,
    ) -> io::Result<Self> {
        let mut notes = exported.notes;
        for path in kept.links {
            notes.look_at_link(&layer, path)?;
        }
        let Notes { links, leaving, mut warnings, .. } = notes;
        warnings.extend(nested.map(Warning::NestedRepository));
        Ok(Self {
            tree: exported.tree,
            layer,
            deleted: kept.deleted,
            hides_deleted: kept.hides_deleted,
            links: Arc::new(links),
            leaving: Arc::new(leaving),
            warnings,
            object_folders: kept.object_folders,
            _in_use: exported.in_use,
        })
    }

    /// What its user should know.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Folders outside of every view that `git` in a view reads its objects from. Whoever confines a command
    /// lets it read these, or `git describe` fails in it.
    pub fn object_folders(&self) -> &[PathBuf] {
        &self.object_folders
    }
}

/// A commit's files in the state directory, held so that nothing prunes them.
struct Shared {
    tree: PathBuf,
    index: PathBuf,
    notes: Notes,
    in_use: FileLock,
}

/// The commit's checkout: as it is when this boot of the machine made it, else made (again). Not being synced
/// to the disk, one from before a crash of the machine may hold torn files.
fn shared(repository: &Repository, state: &Path, commit: &str) -> Result<Shared, CheckoutError> {
    let folder = state.join("checkouts");
    let home = folder.join(commit);
    let disk = |source| CheckoutError::Disk { path: home.clone(), source };
    make_private(&folder).map_err(disk)?;
    let lock_path = folder.join(format!("{commit}.lock"));
    loop {
        let mut lock = open_lock(&lock_path).and_then(FileLock::shared).map_err(disk)?;
        if let Some(notes) = Notes::read(&home).filter(Notes::is_of_this_boot) {
            // Touched for `prune`, which removes what was not used for longest.
            let _ = lock.file().set_modified(SystemTime::now());
            return Ok(Shared { tree: home.join("tree"), index: home.join("index"), notes, in_use: lock });
        }
        lock.make_exclusive().map_err(disk)?;
        if !Notes::read(&home).is_some_and(|notes| notes.is_of_this_boot()) {
            export::export(repository, &folder, &home)?;
        }
    }
}

/// Removes checkouts that no run uses, but for the `keep` that were used last.
///
/// # Errors
///
/// When the state directory cannot be read, or a checkout cannot be removed.
pub fn prune(state: &Path, keep: usize) -> io::Result<()> {
    let folder = state.join("checkouts");
    let mut locks = Vec::new();
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "lock") {
            locks.push((fs::metadata(&path)?.modified()?, path));
        }
    }
    locks.sort();
    let enough = locks.len().saturating_sub(keep);
    for (_, path) in locks.into_iter().take(enough) {
        if let Ok(_unused) = FileLock::try_exclusive(open_lock(&path)?) {
            files::remove(&path.with_extension(""))?;
        }
    }
    Ok(())
}
