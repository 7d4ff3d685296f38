//! What finished steps wrote, kept apart from what the running one writes.
//!
//! Before a step that may write, what the steps before it wrote becomes a layer of its own that nothing writes any more,
//! and the overlay is mounted anew above it. When the step is interrupted, only its own layer is thrown away. What costs
//! is two system calls, and only where something was written.
//!
//! ```text
//! <stage>/frozen-0, frozen-1, …   what finished steps wrote, oldest first
//! <stage>/upper                   what is written now
//! <stage>/step                    `own` when `upper` holds nothing but what the step writes that began last
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Layers of one overlay: the kernel takes 500, and each one slows the search for a name down.
const FROZEN_MAX: usize = 100;

/// Whose writes `upper` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writes {
    /// Only those of the step that began last.
    Own,
    /// Those of earlier steps, too.
    Mixed,
}

impl Writes {
    pub(super) fn note(self, home: &Path) -> io::Result<()> {
        fs::write(home.join("step"), if self == Self::Own { "own" } else { "mixed" })
    }

    pub(super) fn read(home: &Path) -> Self {
        let text = fs::read_to_string(home.join("step")).unwrap_or_default();
        if text == "own" { Self::Own } else { Self::Mixed }
    }
}

/// The frozen layers, oldest first.
pub(super) fn frozen(home: &Path) -> Vec<PathBuf> {
    let layer = |number| home.join(format!("frozen-{number}"));
    (0..FROZEN_MAX).map(layer).take_while(|path| path.is_dir()).collect()
}

/// Makes `upper` the next frozen layer; answers whether there may be one more. Nothing must be mounted.
pub(super) fn freeze(home: &Path) -> io::Result<PathBuf> {
    let next = home.join(format!("frozen-{}", frozen(home).len()));
    fs::rename(home.join("upper"), &next)?;
    Ok(next)
}

pub(super) fn has_room(home: &Path) -> bool {
    frozen(home).len() < FROZEN_MAX
}

pub(super) fn is_empty(folder: &Path) -> io::Result<bool> {
    Ok(fs::read_dir(folder)?.next().is_none())
}

/// The links in a layer: a later step may change where they lead.
pub(super) fn links(layer: &Path) -> BTreeSet<PathBuf> {
    let entries = WalkDir::new(layer).into_iter().filter_map(Result::ok);
    let links = entries.filter(|entry| entry.path_is_symlink());
    links.filter_map(|entry| entry.path().strip_prefix(layer).ok().map(Path::to_owned)).collect()
}
