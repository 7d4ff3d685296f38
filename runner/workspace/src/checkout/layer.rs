//! The uncommitted changes, copied into the run's layer.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::{Uncommitted, files};

/// Copies what changed, with modes and links as they are. A file that vanished since it was listed is left out.
pub(super) fn take_along(root: &Path, layer: &Path, uncommitted: &Uncommitted) -> io::Result<()> {
    for path in &uncommitted.changed {
        let (from, to) = (root.join(path), layer.join(path));
        make_parents(root, layer, path)?;
        files::remove(&to)?;
        match files::copy_entry(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => drop(other?),
        }
    }
    Ok(())
}

/// Hides what was deleted, as overlays do it: a character device 0:0 of that name. Answers whether it could.
pub(super) fn hide(layer: &Path, deleted: &BTreeSet<PathBuf>) -> bool {
    deleted.iter().all(|path| {
        let parents = path.parent().map_or(Ok(()), |parent| fs::create_dir_all(layer.join(parent)));
        parents.is_ok() && mknodat(CWD, layer.join(path), FileType::CharacterDevice, Mode::empty(), 0).is_ok()
    })
}

fn make_parents(root: &Path, layer: &Path, path: &Path) -> io::Result<()> {
    let mut part = PathBuf::new();
    for name in path.parent().into_iter().flatten() {
        part.push(name);
        let folder = layer.join(&part);
        if !folder.is_dir() {
            files::make_folder_like(&root.join(&part), &folder)?;
        }
    }
    Ok(())
}
