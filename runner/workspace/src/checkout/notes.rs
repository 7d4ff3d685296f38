//! What is worth knowing about a commit's files, found once and kept beside them.
//!
//! The file `notes` is written last: a checkout that has it is complete. Its records end in NUL, because paths
//! hold anything else; the first is the boot that made it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::IndexEntry;

use super::Warning;
use crate::links::{self, LinkRules};

const SYMLINK_MODE: u32 = 0o120_000;
const SUBMODULE_MODE: u32 = 0o160_000;
const LFS_VERSION: &[u8] = b"version https://git-lfs.github.com/spec/";
/// Pointers have 120 to 200 bytes; git-lfs itself gives up at this.
const MAX_LFS_POINTER_BYTES: u32 = 1024;

#[derive(Debug)]
pub(super) struct Notes {
    boot: String,
    /// All links of the commit.
    pub(super) links: BTreeSet<PathBuf>,
    /// Those of them that leave, with what they say.
    pub(super) leaving: BTreeMap<PathBuf, PathBuf>,
    pub(super) warnings: Vec<Warning>,
}

impl Notes {
    pub(super) fn new() -> io::Result<Self> {
        let boot = this_boot()?;
        Ok(Self { boot, links: BTreeSet::new(), leaving: BTreeMap::new(), warnings: Vec::new() })
    }

    pub(super) fn is_of_this_boot(&self) -> bool {
        this_boot().is_ok_and(|boot| boot == self.boot)
    }

    pub(super) fn look_at(&mut self, tree: &Path, entries: &[IndexEntry]) -> io::Result<()> {
        for entry in entries {
            let path = PathBuf::from(OsStr::from_bytes(&entry.path));
            if entry.mode == SYMLINK_MODE {
                self.look_at_link(tree, path)?;
            } else if entry.mode == SUBMODULE_MODE {
                self.warnings.push(Warning::MissingSubmodule(path));
            } else if entry.file_size <= MAX_LFS_POINTER_BYTES && is_lfs_pointer(&tree.join(&path))? {
                self.warnings.push(Warning::LfsPointer(path));
            }
        }
        Ok(())
    }

    /// Notes the link at `path` below `root`.
    pub(super) fn look_at_link(&mut self, root: &Path, path: PathBuf) -> io::Result<()> {
        if links::leaves(root, &path, &LinkRules::default())? {
            self.leaving.insert(path.clone(), fs::read_link(root.join(&path))?);
            self.warnings.push(Warning::LeavingLink(path.clone()));
        }
        self.links.insert(path);
        Ok(())
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let mut text = Vec::new();
        let mut add = |kind: &str, value: &[u8]| {
            text.extend_from_slice(kind.as_bytes());
            text.extend_from_slice(value);
            text.push(0);
        };
        add("boot ", self.boot.as_bytes());
        self.links.iter().for_each(|path| add("link ", path.as_os_str().as_bytes()));
        for warning in &self.warnings {
            let (kind, path) = match warning {
                Warning::LfsPointer(path) => ("pointer ", path),
                Warning::MissingSubmodule(path) => ("submodule ", path),
                Warning::LeavingLink(path) => ("leaving ", path),
                Warning::NestedRepository(_) => continue,
            };
            add(kind, path.as_os_str().as_bytes());
        }
        fs::write(folder.join("notes"), text)
    }

    pub(super) fn read(folder: &Path) -> Option<Self> {
        let text = fs::read(folder.join("notes")).ok()?;
        let empty = String::new();
        let mut notes = Self { boot: empty, links: BTreeSet::new(), leaving: BTreeMap::new(), warnings: Vec::new() };
        for record in text.split(|&byte| byte == 0).filter(|record| !record.is_empty()) {
            let space = record.iter().position(|&byte| byte == b' ')?;
            let (kind, value) = (&record[..space], OsStr::from_bytes(&record[space + 1..]));
            let path = PathBuf::from(value);
            match kind {
                b"boot" => value.to_str()?.clone_into(&mut notes.boot),
                b"link" => drop(notes.links.insert(path)),
                b"pointer" => notes.warnings.push(Warning::LfsPointer(path)),
                b"submodule" => notes.warnings.push(Warning::MissingSubmodule(path)),
                b"leaving" => {
                    notes.leaving.insert(path.clone(), fs::read_link(folder.join("tree").join(&path)).ok()?);
                    notes.warnings.push(Warning::LeavingLink(path));
                }
                _ => return None,
            }
        }
        Some(notes)
    }
}

fn is_lfs_pointer(path: &Path) -> io::Result<bool> {
    let mut start = Vec::with_capacity(LFS_VERSION.len());
    let length = LFS_VERSION.len() as u64;
    fs::File::open(path)?.take(length).read_to_end(&mut start)?;
    Ok(start == LFS_VERSION)
}

pub(crate) fn this_boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}
