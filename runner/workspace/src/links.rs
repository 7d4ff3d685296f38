//! Links that leave a workspace, and other things that a step must not leave in one.
//!
//! A link is judged by walking it as the kernel would, through links in the middle of paths too, with the
//! workspace as the whole world: whatever climbs above its root, or is absolute, leaves. Three refinements:
//!
//! - an absolute target below a name that the workspace itself has or had for the step (its own path, or
//!   `/workspace` in a container: [`LinkRules::names`]) is walked from the root like a relative one, and leaves
//!   only if it climbs out from there;
//! - an absolute target below a folder that every step may read ([`LinkRules::tolerated`]) stays;
//! - a link to something that is not there yet is judged by its text alone, as is a ring of links.
//!
//! Nothing may write the workspace meanwhile: this is for after a step, when all that it started is dead.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use walkdir::WalkDir;

use crate::files;

/// Links followed for one path before it counts as a ring, as in the kernel.
const MAX_FOLLOWED_LINKS: usize = 40;

/// Folders within folders in a workspace. Real trees have some dozens; thousands make every path too long for the
/// kernel, and every look at them quadratic.
pub const FOLDER_DEPTH_MAX: usize = 256;

/// Which absolute targets of links do not leave.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinkRules<'a> {
    /// Names of the workspace's root itself.
    pub names: &'a [&'a Path],
    /// Folders outside that links may point into, such as `/usr` for the `python` of a virtual environment.
    pub tolerated: &'a [&'a Path],
}

/// Something that was found and removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escape {
    /// Where it was, relative to the workspace.
    pub path: PathBuf,
    /// What it was.
    pub kind: EscapeKind,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EscapeKind {
    /// A symbolic link that leaves.
    Link {
        /// What it said.
        target: PathBuf,
    },
    /// A file that has a further name outside of the workspace.
    HardLink,
    /// A device.
    Device,
    /// A named pipe: whoever opens it waits.
    Fifo,
    /// A socket: nobody listens on it any more.
    Socket,
}

impl EscapeKind {
    /// Whether the step that left it has failed. Pipes and sockets lead nowhere once the step's processes are
    /// dead; they are only removed.
    pub fn fails_step(&self) -> bool {
        matches!(self, Self::Link { .. } | Self::HardLink | Self::Device)
    }
}

/// Finds what leaves the workspace at `root`, removes it, and says what it was. `known` are links that left
/// before the step, by path, with what they say: they stay as long as they say that.
///
/// # Errors
///
/// When a folder cannot be read, or what was found cannot be removed.
pub fn escaping(root: &Path, rules: &LinkRules<'_>, known: &BTreeMap<PathBuf, PathBuf>) -> io::Result<Vec<Escape>> {
    let mut found = Vec::new();
    let mut names = BTreeMap::new();
    for (path, meta) in entries(root)? {
        found.extend(judge(root, path, &meta, rules, &mut names)?);
    }
    found.extend(named_outside(names));
    remove(root, found, known)
}

/// The same for an overlay: only what was written (`upper`) is read, and the links that the commit has, which
/// may lead elsewhere now. `root` is the whole.
pub(crate) fn escaping_overlay(
    root: &Path,
    upper: &Path,
    rules: &LinkRules<'_>,
    known: &BTreeMap<PathBuf, PathBuf>,
    committed: &BTreeSet<PathBuf>,
) -> io::Result<Vec<Escape>> {
    let mut found = Vec::new();
    let mut names = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (path, meta) in entries(upper)? {
        let is_whiteout = meta.file_type().is_char_device() && meta.rdev() == 0;
        if !is_whiteout {
            seen.insert(path.clone());
            found.extend(judge(root, path, &meta, rules, &mut names)?);
        }
    }
    found.extend(named_outside(names));
    for path in committed.iter().filter(|path| !seen.contains(*path)) {
        if let Ok(meta) = fs::symlink_metadata(root.join(path)) {
            found.extend(judge(root, path.clone(), &meta, rules, &mut BTreeMap::new())?);
        }
    }
    remove(root, found, known)
}

/// Everything but folders and plain files that have one name. Folders that are nested too deep are an error of
/// the kind `InvalidFilename`, as those whose path is too long.
fn entries(root: &Path) -> io::Result<Vec<(PathBuf, fs::Metadata)>> {
    let mut entries = Vec::new();
    for entry in WalkDir::new(root).min_depth(1).follow_links(false) {
        // The walk's own error names the whole path.
        let entry = entry.map_err(|error| error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into()))?;
        if entry.file_type().is_dir() {
            if entry.depth() > FOLDER_DEPTH_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidFilename, "folders are nested too deep"));
            }
            continue;
        }
        let meta = entry.metadata()?;
        if !meta.is_file() || meta.nlink() > 1 {
            let inside = entry.path().strip_prefix(root).expect("a walk stays below its root");
            entries.push((inside.to_owned(), meta));
        }
    }
    Ok(entries)
}

/// By device and inode: how many names the file has in all, and those that were found.
type Names = BTreeMap<(u64, u64), (u64, Vec<PathBuf>)>;

fn judge(
    root: &Path,
    path: PathBuf,
    meta: &fs::Metadata,
    rules: &LinkRules<'_>,
    names: &mut Names,
) -> io::Result<Option<Escape>> {
    let kind = meta.file_type();
    let kind = if kind.is_symlink() {
        if !leaves(root, &path, rules)? {
            return Ok(None);
        }
        EscapeKind::Link { target: fs::read_link(root.join(&path))? }
    } else if kind.is_char_device() || kind.is_block_device() {
        EscapeKind::Device
    } else if kind.is_fifo() {
        EscapeKind::Fifo
    } else if kind.is_socket() {
        EscapeKind::Socket
    } else {
        if meta.is_file() && meta.nlink() > 1 {
            let entry = names.entry((meta.dev(), meta.ino())).or_insert((meta.nlink(), Vec::new()));
            entry.1.push(path);
        }
        return Ok(None);
    };
    Ok(Some(Escape { path, kind }))
}

fn named_outside(names: Names) -> impl Iterator<Item = Escape> {
    let outside = names.into_values().filter(|(all, found)| *all > found.len() as u64);
    outside.flat_map(|(_, found)| found).map(|path| Escape { path, kind: EscapeKind::HardLink })
}

fn remove(root: &Path, mut found: Vec<Escape>, known: &BTreeMap<PathBuf, PathBuf>) -> io::Result<Vec<Escape>> {
    let was_there = |escape: &Escape| match &escape.kind {
        EscapeKind::Link { target } => known.get(&escape.path) == Some(target),
        _ => false,
    };
    found.retain(|escape| !was_there(escape));
    found.sort_by(|a, b| a.path.cmp(&b.path));
    for escape in &found {
        files::remove(&root.join(&escape.path))?;
    }
    Ok(found)
}

/// Whether the link at `path` leads out of `root`.
pub(crate) fn leaves(root: &Path, path: &Path, rules: &LinkRules<'_>) -> io::Result<bool> {
    let mut left: VecDeque<Part> = parts(path).collect();
    let mut at = PathBuf::new();
    let mut followed = 0;
    while let Some(part) = left.pop_front() {
        let Part::Into(name) = part else {
            if !at.pop() {
                return Ok(true);
            }
            continue;
        };
        let next = at.join(&name);
        let full = root.join(&next);
        if followed == MAX_FOLLOWED_LINKS || !fs::symlink_metadata(&full).is_ok_and(|meta| meta.is_symlink()) {
            at = next;
            continue;
        }
        followed += 1;
        let (from_root, target) = match aim(fs::read_link(&full)?, rules) {
            Aim::Inside { from_root, target } => (from_root, target),
            Aim::Tolerated => return Ok(left.iter().any(|part| matches!(part, Part::Up))),
            Aim::Outside => return Ok(true),
        };
        if from_root {
            at = PathBuf::new();
        }
        parts(&target).rev().for_each(|part| left.push_front(part));
    }
    Ok(false)
}

enum Part {
    Up,
    Into(OsString),
}

fn parts(path: &Path) -> impl DoubleEndedIterator<Item = Part> {
    path.components().filter_map(|part| match part {
        Component::ParentDir => Some(Part::Up),
        Component::Normal(name) => Some(Part::Into(name.to_owned())),
        _ => None,
    })
}

/// Where the text of a link points.
enum Aim {
    /// Into the workspace, as far as the text says: from the link's own folder, or from the root.
    Inside {
        from_root: bool,
        target: PathBuf,
    },
    Tolerated,
    Outside,
}

fn aim(target: PathBuf, rules: &LinkRules<'_>) -> Aim {
    if target.is_relative() {
        return Aim::Inside { from_root: false, target };
    }
    if let Some(rest) = rules.names.iter().find_map(|name| target.strip_prefix(name).ok()) {
        return Aim::Inside { from_root: true, target: rest.to_owned() };
    }
    let climbs = target.components().any(|part| part == Component::ParentDir);
    let is_tolerated = !climbs && rules.tolerated.iter().any(|folder| target.starts_with(folder));
    if is_tolerated { Aim::Tolerated } else { Aim::Outside }
}
