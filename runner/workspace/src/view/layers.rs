//! What finished steps wrote, kept apart from what the running one writes.
//!
//! Before a step that may write, what the steps before it wrote becomes a layer of its own that nothing writes any more,
//! and the overlay is mounted anew above it. When the step is interrupted, only its own layer is thrown away. What costs
//! is two system calls, and only where something was written.
//!
//! ```text
//! <stage>/frozen-0, frozen-1, …   what finished steps wrote, oldest first
//! <stage>/upper                   what is written now
//! <stage>/step                    which step began to write last, and whether `upper` is its alone
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Layers of one overlay: the kernel takes 500, and each one slows the search for a name down.
const FROZEN_MAX: usize = 100;

/// Which step began to write last, and whose writes `upper` holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writer {
    /// As it was named by who asked.
    pub(super) step: String,
    /// Whether `upper` holds nothing of the steps before it.
    pub(super) is_alone: bool,
}

impl Writer {
    pub(super) fn note(&self, home: &Path) -> io::Result<()> {
        let word = if self.is_alone { "alone" } else { "mixed" };
        fs::write(home.join("step"), format!("{word} {}", self.step))
    }

    /// The one that was noted; none when no step has begun to write.
    pub(super) fn read(home: &Path) -> Option<Self> {
        let text = fs::read_to_string(home.join("step")).ok()?;
        let (word, step) = text.split_once(' ').unwrap_or(("mixed", ""));
        Some(Self { step: step.to_owned(), is_alone: word == "alone" })
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
    let links = entries.filter(walkdir::DirEntry::path_is_symlink);
    links.filter_map(|entry| entry.path().strip_prefix(layer).ok().map(Path::to_owned)).collect()
}
