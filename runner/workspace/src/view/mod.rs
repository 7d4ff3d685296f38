//! A stage's own workspace.

mod kept;
mod layers;
mod overlay;
mod read_only;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags, open};
use sealock_contract::Digest;
use sealock_contract::grant::Pattern;

use crate::files::Copied;
use crate::links::escaping_overlay;
use crate::{
    Checkout, Escape, HashFilesError, LinkRules, RunFolder, Selection, SelectionError, escaping, files, hash_files,
};
use layers::Writer;
pub use sweep::Swept;

/// Longest name of a stage that is taken as the name of its folder.
const MAX_FOLDER_NAME_BYTES: usize = 64;

/// What a view is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewKind {
    /// An overlay on the checkout, in the host's mount namespace.
    Overlay,
    /// A copy that shares contents with the checkout until one side is written.
    Reflink,
    /// A plain copy.
    Copy,
}

impl ViewKind {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Reflink => "reflink copy",
            Self::Copy => "copy",
        }
    }
}

/// A workspace that one stage may write without any other seeing it.
///
/// Dropping it unmounts it and removes what was written, unless [`View::keep`] was called.
#[derive(Debug)]
pub struct View {
    home: PathBuf,
    path: PathBuf,
    kind: ViewKind,
    no_overlay: Option<io::Error>,
    mounted: Mutex<Mounted>,
    leaving: Arc<BTreeMap<PathBuf, PathBuf>>,
    keep: AtomicBool,
}

/// The folder as it is mounted now.
#[derive(Debug)]
struct Mounted {
    root: Arc<OwnedFd>,
    /// Links that were there before the running step.
    links: Arc<BTreeSet<PathBuf>>,
}

/// Why a stage has no workspace.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// It could not be written.
    #[error("failed to make the workspace of stage `{stage}` at `{path}`")]
    Make {
        /// The stage.
        stage: String,
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ViewError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Make { source, .. } => files::code(source),
        }
    }
}

impl View {
    /// Makes the workspace of `stage`, the cheapest way that this machine has. What an earlier process of the
    /// same run left of it is removed; a stage has one view at a time.
    ///
    /// # Errors
    ///
    /// When no way works, such as on a full disk.
    pub fn create(checkout: &Checkout, folder: &RunFolder, stage: &str) -> Result<Self, ViewError> {
        Self::make(checkout, folder, stage, true)
    }

    /// The same without trying an overlay.
    ///
    /// # Errors
    ///
    /// When the copy cannot be written.
    pub fn copy(checkout: &Checkout, folder: &RunFolder, stage: &str) -> Result<Self, ViewError> {
        Self::make(checkout, folder, stage, false)
    }

    /// The workspace of `stage` as its last finished step left it, in an earlier process of the run. What a step wrote
    /// of which `is_finished` says that it is not is thrown away.
    ///
    /// `None` when it is not kept: it was removed, the machine was started since, it cannot be mounted again, or what
    /// was written by the interrupted step was not kept apart.
    pub fn reopen(
        checkout: &Checkout,
        folder: &RunFolder,
        stage: &str,
        is_finished: impl FnOnce(&str) -> bool,
    ) -> Option<Self> {
        let home = folder.path().join("stages").join(folder_name(stage));
        let path = home.join("workspace");
        let kind = kept::read(&home)?;
        overlay::unmount(&path);
        if let Some(writer) = Writer::read(&home)
            && !is_finished(&writer.step)
        {
            if kind != ViewKind::Overlay || !writer.is_alone {
                return None;
            }
            files::remove(&home.join("upper")).ok()?;
        }
        if kind == ViewKind::Overlay {
            overlay::mount(checkout, &home, &path).ok()?;
        }
        Self::open(checkout, home, kind, None).ok()
    }

    fn open(checkout: &Checkout, home: PathBuf, kind: ViewKind, no_overlay: Option<io::Error>) -> io::Result<Self> {
        let path = home.join("workspace");
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut links = Arc::clone(&checkout.links);
        for layer in layers::frozen(&home) {
            Arc::make_mut(&mut links).extend(layers::links(&layer));
        }
        let root = Arc::new(open(&path, flags, Mode::empty())?);
        Ok(Self {
            mounted: Mutex::new(Mounted { root, links }),
            home,
            path,
            kind,
            no_overlay,
            leaving: Arc::clone(&checkout.leaving),
            keep: AtomicBool::new(false),
        })
    }

    fn make(checkout: &Checkout, folder: &RunFolder, stage: &str, overlay: bool) -> Result<Self, ViewError> {
        let home = folder.path().join("stages").join(folder_name(stage));
        let failed = |source| ViewError::Make { stage: stage.to_owned(), path: home.clone(), source };
        let path = home.join("workspace");
        overlay::unmount(&path);
        files::remove(&home).and_then(|()| fs::create_dir_all(&path)).map_err(failed)?;
        let mounted = if overlay { overlay::mount(checkout, &home, &path) } else { Err(not_tried()) };
        // Should something fail from here on, the next view of this stage, or a sweep, unmounts it.
        let (kind, no_overlay) = match mounted {
            Ok(()) => (ViewKind::Overlay, None),
            Err(error) => (copy_of(checkout, &path).map_err(failed)?, Some(error)),
        };
        // Last: a workspace whose kind is noted is complete.
        kept::write(&home, kind).map_err(failed)?;
        Self::open(checkout, home.clone(), kind, no_overlay).map_err(failed)
    }

    /// Where it is, in the host's mount namespace: also the Docker engine of this machine sees it there.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps what was written so far apart from what `step` writes, so that that can be thrown away alone.
    /// Nothing must use the workspace. Answers whether it is mounted anew: whatever had it open opens it again.
    ///
    /// Where that cannot be done (no overlay, or `is_shared` with a container that has it mounted) the workspace of an
    /// interrupted step is not kept.
    ///
    /// # Errors
    ///
    /// When it cannot be mounted again, or the disk is full.
    pub fn before_step(&self, checkout: &Checkout, step: &str, is_shared: bool) -> io::Result<bool> {
        let mut mounted = self.mounted();
        let is_overlay = self.kind == ViewKind::Overlay;
        let is_empty = is_overlay && layers::is_empty(&self.home.join("upper"))?;
        let freezes = is_overlay && !is_empty && !is_shared && layers::has_room(&self.home);
        if freezes {
            overlay::unmount(&self.path);
            let layer = layers::freeze(&self.home)?;
            overlay::mount(checkout, &self.home, &self.path)?;
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            mounted.root = Arc::new(open(&self.path, flags, Mode::empty())?);
            Arc::make_mut(&mut mounted.links).extend(layers::links(&layer));
        }
        // Last: until this is noted, `upper` counts as what the step before wrote, which is finished.
        Writer { step: step.to_owned(), is_alone: is_empty || freezes }.note(&self.home)?;
        Ok(freezes)
    }

    fn mounted(&self) -> MutexGuard<'_, Mounted> {
        self.mounted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The workspace as an open folder (`O_PATH`), as it is mounted now.
    fn root(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.mounted().root)
    }

    /// What it is made of.
    pub fn kind(&self) -> ViewKind {
        self.kind
    }

    /// Why it is no overlay, for `-v`.
    pub fn no_overlay(&self) -> Option<&io::Error> {
        self.no_overlay.as_ref()
    }

    /// The folder that holds exactly what was written since the last [`View::before_step`], when it is an overlay.
    /// Deleted files are character devices 0:0 in it.
    pub fn upper(&self) -> Option<PathBuf> {
        (self.kind == ViewKind::Overlay).then(|| self.home.join("upper"))
    }

    /// The workspace as an open folder through which nothing can be written, whatever the file's modes say: a
    /// mount of its own that is read-only. `None` where the process may not mount (no `CAP_SYS_ADMIN`) or the
    /// kernel is older than 5.12; then a read-only grant rests on the sandbox and on Landlock alone.
    ///
    /// It shows what is written through the view; it lives as long as the descriptor.
    pub fn read_only_fd(&self) -> Option<OwnedFd> {
        read_only::clone_of(self.root().as_fd()).ok()
    }

    /// A folder with copies of what `patterns` name, and nothing else; see [`Selection`].
    ///
    /// # Errors
    ///
    /// When a named file leaves the workspace, or a limit is hit.
    pub fn selection(&self, patterns: &[Pattern]) -> Result<Selection, SelectionError> {
        Selection::make(self.root().as_fd(), &self.path, patterns, &self.home)
    }

    /// Removes what leaves the workspace and says what it was: to be called after each step that could write,
    /// when everything it started is dead. On an overlay it takes time in proportion to what was written.
    ///
    /// The view's own path is one of its names ([`LinkRules::names`]), whether given or not.
    ///
    /// # Errors
    ///
    /// When the workspace cannot be read, or what was found cannot be removed.
    pub fn escaping_links(&self, rules: &LinkRules<'_>) -> io::Result<Vec<Escape>> {
        let mut names = vec![self.path.as_path()];
        names.extend(rules.names);
        let rules = LinkRules { names: &names, tolerated: rules.tolerated };
        match self.upper() {
            Some(upper) => {
                let links = Arc::clone(&self.mounted().links);
                escaping_overlay(&self.path, &upper, &rules, &self.leaving, &links)
            }
            None => escaping(&self.path, &rules, &self.leaving),
        }
    }

    /// `hashFiles(patterns…)` of this workspace; see [`hash_files`].
    ///
    /// # Errors
    ///
    /// When a matching file cannot be read.
    pub fn hash_files(&self, patterns: &[&str]) -> Result<String, HashFilesError> {
        hash_files(self.root().as_fd(), &self.path, patterns)
    }

    /// Leaves what was written where it is when the view is dropped; it is unmounted all the same.
    pub fn keep(&self) {
        self.keep.store(true, Ordering::Relaxed);
    }

    /// Unmounts what killed runs left mounted below `state`: to be called when a process starts. Views of runs
    /// that another process holds are left alone.
    ///
    /// # Errors
    ///
    /// When the table of mounts cannot be read.
    pub fn sweep(state: &Path) -> io::Result<Swept> {
        sweep::sweep(state)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if self.kind == ViewKind::Overlay {
            overlay::unmount(&self.path);
        }
        if !self.keep.load(Ordering::Relaxed) {
            // What cannot be removed now is removed with the run.
            let _ = files::remove(&self.home);
        }
    }
}

fn not_tried() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "an overlay was not asked for")
}

fn copy_of(checkout: &Checkout, path: &Path) -> io::Result<ViewKind> {
    let shared = files::copy_tree(&checkout.tree, path)?;
    for deleted in &checkout.deleted {
        files::remove(&path.join(deleted))?;
    }
    files::copy_tree(&checkout.layer, path)?;
    Ok(if shared == Some(Copied::Shared) { ViewKind::Reflink } else { ViewKind::Copy })
}

/// The stage's name where it can be that of a folder (`test`), else something like it (`test--3-11--1f0a9c2e`).
fn folder_name(stage: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !stage.is_empty() && stage.len() <= MAX_FOLDER_NAME_BYTES && stage.chars().all(is_plain) {
        return stage.to_owned();
    }
    let like: String = stage.chars().map(|c| if is_plain(c) { c } else { '-' }).take(MAX_FOLDER_NAME_BYTES).collect();
    format!("{like}-{}", &Digest::of(stage.as_bytes()).hex()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_with_odd_names_have_folders_of_their_own() {
        assert_eq!(folder_name("test"), "test");
        assert_ne!(folder_name("test (3.11)"), folder_name("test (3-11)"));
        for stage in ["..", "", "a/../b", "a\0b", &"x".repeat(300)] {
            let name = folder_name(stage);
            assert!(!name.contains(['/', '.', '\0']) && name.len() < 100 && name.len() > 2, "{name}");
        }
    }
}
