//! `hashFiles(patterns…)`, bit for bit as GitHub's runner computes it.
//!
//! Files that match are visited folder by folder, names in byte order, a folder's content where its name stands
//! (so `a/z` before `a.txt`, unlike plain text order). Each file's SHA-256 digest, as 32 bytes, goes into one
//! SHA-256; its hex digits are the result, and nothing matching gives the empty text. Links are not walked into;
//! a link to a file counts with that file's content if that is inside the workspace, and not at all otherwise.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, openat2};
use sha2::{Digest as _, Sha256};

use crate::glob::Globs;

/// A tree deeper than this is no source tree, and its paths would be longer than the kernel takes.
const MAX_DEPTH: usize = 200;
const BLOCK_BYTES: usize = 128 << 10;

/// Why files could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("failed to read `{path}` for hashFiles")]
pub struct HashFilesError {
    /// Relative to the workspace.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// `hashFiles(patterns…)` below `root`; `name` is the workspace's path, taken off absolute patterns.
///
/// # Errors
///
/// When a folder or a matching file cannot be read.
pub fn hash_files(root: BorrowedFd<'_>, name: &Path, patterns: &[&str]) -> Result<String, HashFilesError> {
    let globs = Globs::new(patterns, &name.to_string_lossy());
    let mut all = Sha256::new();
    let mut any = false;
    let mut take = |path: &Path| -> io::Result<()> {
        if let Some(mut file) = open_inside(root, path)? {
            all.update(digest_of(&mut file)?);
            any = true;
        }
        Ok(())
    };
    walk(root, &globs, &mut take)?;
    Ok(if any { hex(&all.finalize()) } else { String::new() })
}

/// Calls `take` with every file that matches, in order.
fn walk(
    root: BorrowedFd<'_>,
    globs: &Globs,
    take: &mut impl FnMut(&Path) -> io::Result<()>,
) -> Result<(), HashFilesError> {
    let bases = globs.bases();
    let is_on_the_way = |path: &str| {
        bases.iter().any(|base| base.is_empty() || is_at_or_below(path, base) || is_at_or_below(base, path))
    };
    let mut waiting = vec![PathBuf::new()];
    while let Some(path) = waiting.pop() {
        let failed = |source| HashFilesError { path: path.clone(), source };
        let text = path.to_string_lossy();
        if !text.is_empty() && !is_on_the_way(&text) {
            continue;
        }
        let names = names_of_folder(root, &path).map_err(failed)?;
        match names {
            Some(mut names) if path.iter().count() < MAX_DEPTH => {
                names.sort_unstable();
                waiting.extend(names.into_iter().rev().map(|name| path.join(name)));
            }
            None if globs.matches(&text) => take(&path).map_err(failed)?,
            _ => {}
        }
    }
    Ok(())
}

fn is_at_or_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The names in a folder; `None` for what is none, links to folders included.
fn names_of_folder(root: BorrowedFd<'_>, path: &Path) -> io::Result<Option<Vec<OsString>>> {
    let at = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let folder = match openat2(root, at, flags, Mode::empty(), resolve) {
        Ok(folder) => folder,
        Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP | rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    Ok(Some(names))
}

/// Opens a plain file without leaving `root`; `None` for what leaves, leads nowhere, or is no plain file.
pub(crate) fn open_inside(root: BorrowedFd<'_>, path: &Path) -> io::Result<Option<File>> {
    use rustix::io::Errno;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let opened = openat2(root, path, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS);
    let file: OwnedFd = match opened {
        Ok(file) => file,
        Err(Errno::XDEV | Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::NXIO) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let kind = FileType::from_raw_mode(rustix::fs::fstat(file.as_fd())?.st_mode);
    Ok((kind == FileType::RegularFile).then(|| File::from(file)))
}

fn digest_of(file: &mut File) -> io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let length = file.read(&mut block)?;
        if length == 0 {
            return Ok(digest.finalize().into());
        }
        digest.update(&block[..length]);
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
