//! Removing a tree that a step made, however it is nested.
//!
//! A path is 4,096 bytes at most, a process has some thousand descriptors, and a stack is small: a step can nest
//! folders deeper than any of them. So nothing here names a path below the top, folders are entered to a bounded
//! depth, and what lies deeper is hoisted to the top and removed from there.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, chmodat, openat, renameat_with, unlinkat};
use rustix::io::Errno;

/// Folders that are open at once.
const DEPTH_MAX: u32 = 64;

/// Removes the folder at `path` with everything in it.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    let top = enter(CWD, path)?;
    let mut hoisted = 0;
    loop {
        let before = hoisted;
        empty(&top, top.as_fd(), 0, &mut hoisted)?;
        if hoisted == before {
            break;
        }
    }
    Ok(unlinkat(CWD, path, AtFlags::REMOVEDIR)?)
}

/// Removes what is in `folder`, which is `top` or lies `depth` below it.
fn empty(top: &OwnedFd, folder: BorrowedFd<'_>, depth: u32, hoisted: &mut u64) -> io::Result<()> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if !is_folder(folder, name, entry.file_type())? {
            unlinkat(folder, name, AtFlags::empty())?;
        } else if depth < DEPTH_MAX {
            let inner = enter(folder, name)?;
            empty(top, inner.as_fd(), depth + 1, hoisted)?;
            unlinkat(folder, name, AtFlags::REMOVEDIR)?;
        } else {
            hoist(top, folder, name, hoisted)?;
        }
    }
    Ok(())
}

fn is_folder(folder: BorrowedFd<'_>, name: &CStr, kind: FileType) -> io::Result<bool> {
    if kind != FileType::Unknown {
        return Ok(kind.is_dir());
    }
    let found = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(found.st_mode).is_dir())
}

/// Moves a folder to the top, under a name that is free there.
fn hoist(top: &OwnedFd, folder: BorrowedFd<'_>, name: &CStr, hoisted: &mut u64) -> io::Result<()> {
    loop {
        *hoisted += 1;
        match renameat_with(folder, name, top, format!(".hoisted-{hoisted}"), RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {}
            moved => return Ok(moved?),
        }
    }
}

/// Opens a folder; one that its owner may not enter is made so first.
fn enter(at: BorrowedFd<'_>, path: impl rustix::path::Arg + Copy) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(at, path, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            chmodat(at, path, Mode::RWXU, AtFlags::empty())?;
            Ok(openat(at, path, flags, Mode::empty())?)
        }
        opened => Ok(opened?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nests `levels` folders in `top`, without naming a path.
    fn nest(top: &Path, levels: u32) {
        let mut at = enter(CWD, top).expect("there");
        for _ in 0..levels {
            rustix::fs::mkdirat(&at, "d", Mode::RWXU).expect("made");
            rustix::fs::openat(&at, "f", OFlags::CREATE | OFlags::WRONLY, Mode::RWXU).expect("made");
            at = enter(at.as_fd(), "d").expect("made");
        }
    }

    #[test]
    fn a_tree_that_no_path_reaches_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let top = folder.path().join("top");
        std::fs::create_dir(&top).expect("made");
        std::os::unix::fs::symlink(folder.path(), top.join("out")).expect("made");
        std::fs::write(folder.path().join("kept"), "x").expect("written");
        nest(&top, 9_000);
        remove_tree(&top).expect("removed");
        assert!(!top.exists() && folder.path().join("kept").exists());
    }

    #[test]
    fn many_deep_trees_and_names_that_are_taken_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let top = folder.path().join("top");
        for name in ["a", "b", ".hoisted-1", ".hoisted-2"] {
            std::fs::create_dir_all(top.join(name)).expect("made");
            nest(&top.join(name), 300);
        }
        remove_tree(&top).expect("removed");
        assert!(!top.exists());
    }
}
