//! The digest of what a step produced.
//!
//! A file's digest is that of its bytes. A folder's is that of a list, sorted by name, with a line
//! `KIND NAME NUL DIGEST` for each entry: kind `f` for a file, `x` for one that may be executed, `d` for a
//! folder, `l` for a symbolic link, whose digest is that of its target's text. So it depends on names and
//! contents, not on times and owners.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RawMode};
use sealock_contract::seam::Refusal;
use sealock_contract::{Digest, ErrorKind, StepError};
use sha2::{Digest as _, Sha256};

use crate::step::Step;

/// Folders in folders: a chain of them must not overflow the stack.
const DEPTH_MAX: usize = 200;
/// Entries of one product: a product is kept and must not fill a table.
const ENTRIES_MAX: usize = 1_000_000;

/// Hashes the file or folder at `path`.
pub(crate) async fn digest(step: &Arc<Step>, path: String) -> Result<Digest, Refusal> {
    let step = step.clone();
    let hashing = tokio::task::spawn_blocking(move || {
        step.grant().files.check_read(&path)?;
        let at = step.workspace().locate(&path, step.reading_links())?;
        let mut walk = Walk { entries: 0 };
        walk.product(&at).map_err(|error| unreadable(&path, &error))
    });
    hashing.await.unwrap_or_else(|error| Err(unreadable("the product", &io::Error::other(error))))
}

fn unreadable(path: &str, error: &io::Error) -> Refusal {
    StepError::new(ErrorKind::Io, "E-FILE-IO", format!("`{path}` cannot be hashed: {error}"))
}

struct Walk {
    entries: usize,
}

impl Walk {
    fn product(&mut self, at: &OwnedFd) -> io::Result<Digest> {
        let mode = rustix::fs::fstat(at)?.st_mode;
        match FileType::from_raw_mode(mode) {
            FileType::RegularFile => file_digest(reopen(at, OFlags::RDONLY)?),
            FileType::Directory => self.folder(&reopen(at, OFlags::RDONLY | OFlags::DIRECTORY)?, 0),
            kind => Err(odd(kind)),
        }
    }

    fn folder(&mut self, folder: &OwnedFd, depth: usize) -> io::Result<Digest> {
        if depth > DEPTH_MAX {
            return Err(io::Error::other(format!("folders are nested more than {DEPTH_MAX} deep")));
        }
        let mut names = Vec::new();
        for entry in Dir::read_from(folder)? {
            let name = entry?.file_name().to_owned();
            if name.as_bytes() != b"." && name.as_bytes() != b".." {
                names.push(name);
            }
        }
        names.sort();
        self.entries += names.len();
        if self.entries > ENTRIES_MAX {
            return Err(io::Error::other(format!("there are more than {ENTRIES_MAX} files")));
        }
        let mut list = Sha256::new();
        for name in names {
            let (kind, digest) = self.entry(folder, &name, depth)?;
            list.update([kind, b' ']);
            list.update(name.as_bytes_with_nul());
            list.update(digest.as_bytes());
        }
        Ok(Digest::from_bytes(list.finalize().into()))
    }

    fn entry(&mut self, folder: &OwnedFd, name: &std::ffi::CStr, depth: usize) -> io::Result<(u8, Digest)> {
        let mode = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode;
        let open = |flags| rustix::fs::openat(folder, name, flags | SAFELY, Mode::empty());
        match FileType::from_raw_mode(mode) {
            FileType::RegularFile => Ok((file_kind(mode), file_digest(open(OFlags::RDONLY)?)?)),
            FileType::Directory => Ok((b'd', self.folder(&open(OFlags::RDONLY | OFlags::DIRECTORY)?, depth + 1)?)),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(folder, name, Vec::new())?;
                Ok((b'l', Digest::of(target.as_bytes())))
            }
            kind => Err(odd(kind)),
        }
    }
}

/// Something may have been put in an entry's place since it was looked at: no links, no waiting on a pipe.
const SAFELY: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

fn reopen(at: &OwnedFd, flags: OFlags) -> io::Result<OwnedFd> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", at.as_fd().as_raw_fd());
    Ok(rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty())?)
}

fn file_kind(mode: RawMode) -> u8 {
    if mode & 0o100 == 0 { b'f' } else { b'x' }
}

fn file_digest(file: OwnedFd) -> io::Result<Digest> {
    let mut file = File::from(file);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it changed while it was hashed"));
    }
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 128 << 10];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(Digest::from_bytes(hash.finalize().into())),
            length => hash.update(&chunk[..length]),
        }
    }
}

fn odd(kind: FileType) -> io::Error {
    io::Error::other(format!("it is neither a file, a folder, nor a link: {kind:?}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn of(path: &Path) -> io::Result<Digest> {
        let at = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        Walk { entries: 0 }.product(&at)
    }

    #[test]
    fn a_folder_depends_on_names_and_contents_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        for (folder, names) in [(&one, ["a", "b"]), (&two, ["b", "a"])] {
            std::fs::create_dir_all(folder.join("sub")).expect("made");
            for name in names {
                std::fs::write(folder.join("sub").join(name), name).expect("written");
            }
            std::os::unix::fs::symlink("sub/a", folder.join("link")).expect("linked");
        }
        assert_eq!(of(&one).expect("hashed"), of(&two).expect("hashed"));
        std::fs::rename(two.join("sub/a"), two.join("sub/c")).expect("renamed");
        assert_ne!(of(&one).expect("hashed"), of(&two).expect("hashed"));
        assert_eq!(of(&one.join("sub/a")).expect("hashed"), Digest::of(b"a"));
    }

    #[test]
    fn a_pipe_in_a_product_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, 0o600.into(), 0).expect("a pipe");
        assert!(of(folder.path()).is_err());
    }
}
