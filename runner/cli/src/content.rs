//! Reads files of a checkout, which a stranger may have written.
//!
//! Only a regular file is read, once, and no more of it than its reader takes: a device or a pipe neither fills memory nor
//! hangs. Below a root no link is followed, in no part of the path: what lies outside is the machine's.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};

/// Opening a pipe for reading must not wait for its writer.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Reads the file that a person named, also through links.
///
/// # Errors
///
/// When it is not there, no regular file, or, as [`ErrorKind::FileTooLarge`], longer than `bytes_max`.
pub(crate) fn named(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    regular(openat(CWD, path, FILE - OFlags::NOFOLLOW, Mode::empty())?.into(), bytes_max)
}

/// Reads the file at `path`; its last part may not be a link.
///
/// # Errors
///
/// As for [`named`].
pub(crate) fn at(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = openat(CWD, path, FILE, Mode::empty()).map_err(|error| explain(CWD, path.as_os_str(), error))?;
    regular(file.into(), bytes_max)
}

/// Reads the file at `path` below `root`.
///
/// # Errors
///
/// As for [`named`], and when a link or `..` leads there or away.
pub(crate) fn within(root: &Path, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let parts = parts(path)?;
    let Some((name, folders)) = parts.split_last() else {
        return Err(io::Error::new(ErrorKind::IsADirectory, "expected a file, found a folder"));
    };
    let mut folder = openat(CWD, root, FOLDER, Mode::empty())?;
    for part in folders {
        folder = enter(&folder, part)?;
    }
    let file = openat(&folder, *name, FILE, Mode::empty()).map_err(|error| explain(&folder, name, error))?;
    regular(file.into(), bytes_max)
}

/// Reads text: see [`within`].
///
/// # Errors
///
/// As for [`within`], and when it is not UTF-8.
pub(crate) fn text_within(root: &Path, path: &Path, bytes_max: u64) -> io::Result<String> {
    text(within(root, path, bytes_max)?)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "expected UTF-8"))
}

/// The path's names; `x/../y` is `y`, whatever `x` is.
fn parts(path: &Path) -> io::Result<Vec<&OsStr>> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) => parts.push(part),
            Component::ParentDir if parts.pop().is_some() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(io::Error::new(ErrorKind::InvalidInput, "it lies outside the repository"));
            }
        }
    }
    Ok(parts)
}

fn enter(folder: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    openat(folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()).map_err(|error| {
        if is_link(folder, name) {
            let name = name.display();
            io::Error::other(format!("`{name}` is a symbolic link, and nothing behind a link is read"))
        } else {
            error.into()
        }
    })
}

fn explain(folder: impl std::os::fd::AsFd, name: &OsStr, error: rustix::io::Errno) -> io::Error {
    if is_link(folder, name) {
        io::Error::other("expected a regular file, found a symbolic link")
    } else {
        error.into()
    }
}

fn is_link(folder: impl std::os::fd::AsFd, name: &OsStr) -> bool {
    let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink)
}

fn regular(file: File, bytes_max: u64) -> io::Result<Vec<u8>> {
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "expected a file, found a folder"));
    }
    if !metadata.is_file() {
        return Err(io::Error::other("expected a regular file, found a pipe or device"));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let message = format!("it has {} bytes or more; {bytes_max} are the most", bytes.len());
        return Err(io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn checkout() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("checkout");
        fs::create_dir_all(root.join("pipelines")).expect("a folder");
        fs::write(root.join("pipelines/main.yml"), "name: x").expect("a file");
        fs::create_dir(folder.path().join("outside")).expect("a folder");
        fs::write(folder.path().join("outside/token.yml"), "secret").expect("a file");
        (folder, root)
    }

    fn refusal(root: &Path, path: &str) -> String {
        within(root, Path::new(path), 100).expect_err(path).to_string()
    }

    #[test]
    fn what_lies_in_the_checkout_is_read() {
        let (_folder, root) = checkout();
        for path in ["pipelines/main.yml", "./pipelines/main.yml", "sub/../pipelines/main.yml"] {
            assert_eq!(text_within(&root, Path::new(path), 7).expect(path), "name: x");
        }
    }

    #[test]
    fn nothing_behind_a_link_is_read_whichever_part_it_is() {
        let (_folder, root) = checkout();
        symlink("../outside", root.join("linked")).expect("a link");
        symlink("../../outside/token.yml", root.join("pipelines/link.yml")).expect("a link");
        assert_eq!(
            refusal(&root, "linked/token.yml"),
            "`linked` is a symbolic link, and nothing behind a link is read"
        );
        assert_eq!(refusal(&root, "pipelines/link.yml"), "expected a regular file, found a symbolic link");
        assert_eq!(refusal(&root, "../outside/token.yml"), "it lies outside the repository");
        assert!(at(&root.join("pipelines/link.yml"), 100).is_err());
    }

    #[test]
    fn devices_pipes_folders_and_long_files_are_refused_at_once() {
        let (_folder, root) = checkout();
        rustix::fs::mkfifoat(CWD, root.join("fifo"), Mode::RWXU).expect("a pipe");
        assert_eq!(refusal(&root, "fifo"), "expected a regular file, found a pipe or device");
        assert_eq!(refusal(&root, "pipelines"), "expected a file, found a folder");
        let device = at(Path::new("/dev/zero"), 100).expect_err("a device").to_string();
        assert_eq!(device, "expected a regular file, found a pipe or device");
        let long = within(&root, Path::new("pipelines/main.yml"), 6).expect_err("too long");
        assert_eq!(long.kind(), ErrorKind::FileTooLarge);
        assert_eq!(refusal(&root, "absent"), "No such file or directory (os error 2)");
    }
}
