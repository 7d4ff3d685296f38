//! The workspace of a step, by descriptor.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError, grant};

/// The kernel gives up with EAGAIN when somebody renames folders meanwhile: one who does it all the time must
/// not hold the broker.
const OPEN_TRIES: usize = 16;

/// A stage's workspace: a descriptor below which everything is opened, and the path by which native
/// programs know it.
///
/// No path, link, or race reaches a file outside: the kernel resolves each one beneath the descriptor.
#[derive(Debug)]
pub struct WorkspaceDir {
    folder: OwnedFd,
    path: PathBuf,
}

/// Whether symbolic links (that stay inside) may be followed. Not where a grant names single files: a link
/// would read or write another one than was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    Follow,
    Refuse,
}

impl WorkspaceDir {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    ///
    /// When it is not there or no folder.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(&path, flags, Mode::empty())?;
        Ok(Self { folder, path })
    }

    /// The path on the host.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Opens a regular file to read.
    pub(crate) fn read(&self, path: &str, links: Links) -> Result<File, Refusal> {
        self.regular(path, OFlags::RDONLY, links)
    }

    /// Creates a regular file, or empties it.
    pub(crate) fn create(&self, path: &str, links: Links) -> Result<File, Refusal> {
        let file = self.regular(path, OFlags::WRONLY | OFlags::CREATE, links)?;
        file.set_len(0).map_err(|error| failed(path, &error))?;
        Ok(file)
    }

    /// Opens a folder.
    pub(crate) fn folder(&self, path: &str, links: Links) -> Result<OwnedFd, Refusal> {
        self.open_at(path, OFlags::RDONLY | OFlags::DIRECTORY, links)
    }

    /// Opens whatever is there, without reading or writing it.
    pub(crate) fn locate(&self, path: &str, links: Links) -> Result<OwnedFd, Refusal> {
        self.open_at(path, OFlags::PATH, links)
    }

    /// A pipe or device in the workspace would block, or do what devices do.
    fn regular(&self, path: &str, flags: OFlags, links: Links) -> Result<File, Refusal> {
        let file = File::from(self.open_at(path, flags | OFlags::NONBLOCK | OFlags::NOCTTY, links)?);
        let is_file = file.metadata().map_err(|error| failed(path, &error))?.is_file();
        if is_file { Ok(file) } else { Err(not_a_file(path)) }
    }

    fn open_at(&self, path: &str, flags: OFlags, links: Links) -> Result<OwnedFd, Refusal> {
        let plain = grant::plain(path)?;
        let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        if links == Links::Refuse {
            resolve |= ResolveFlags::NO_SYMLINKS;
        }
        let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o644) } else { Mode::empty() };
        for _ in 0..OPEN_TRIES {
            match rustix::fs::openat2(&self.folder, plain.as_str(), flags | OFlags::CLOEXEC, mode, resolve) {
                Err(Errno::AGAIN) => {}
                opened => return opened.map_err(|errno| refused(&plain, errno)),
            }
        }
        Err(refused(&plain, Errno::AGAIN))
    }
}

fn refused(path: &str, errno: Errno) -> Refusal {
    match errno {
        Errno::XDEV | Errno::LOOP => {
            let message = format!("files {path} is not granted: a link in it leaves what was granted");
            StepError::new(ErrorKind::Denied, "E-GRANT-FILES", message)
        }
        Errno::NOENT | Errno::NOTDIR => {
            StepError::new(ErrorKind::NotFound, "E-FILE-NOT-FOUND", format!("`{path}` is not in the workspace"))
        }
        Errno::ISDIR | Errno::NXIO => not_a_file(path),
        errno => failed(path, &errno.into()),
    }
}

fn not_a_file(path: &str) -> Refusal {
    StepError::new(ErrorKind::Invalid, "E-FILE-KIND", format!("`{path}` is not a regular file"))
}

pub(crate) fn failed(path: &str, error: &io::Error) -> Refusal {
    StepError::new(ErrorKind::Io, "E-FILE-IO", format!("`{path}` cannot be opened: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn workspace() -> (tempfile::TempDir, WorkspaceDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join("work").join(name);
        std::fs::create_dir_all(at("a")).expect("made");
        std::fs::write(folder.path().join("outside"), "x").expect("written");
        std::fs::write(at("a/file"), "inside").expect("written");
        symlink("../outside", at("out")).expect("linked");
        symlink("/etc", at("etc")).expect("linked");
        symlink("a/file", at("in")).expect("linked");
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a pipe");
        let workspace = WorkspaceDir::open(folder.path().join("work")).expect("there");
        (folder, workspace)
    }

    #[test]
    fn links_that_stay_are_followed_only_where_every_file_is_granted() {
        let (_folder, workspace) = workspace();
        assert!(workspace.read("in", Links::Follow).is_ok());
        assert_eq!(workspace.read("in", Links::Refuse).expect_err("a link").code, "E-GRANT-FILES");
        assert!(workspace.read("/workspace/a/./file", Links::Refuse).is_ok());
    }

    #[test]
    fn nothing_outside_is_reached() {
        let (folder, workspace) = workspace();
        for path in ["out", "etc/passwd", "../outside", "a/../../outside", "/etc/passwd", "a\0b"] {
            assert_eq!(workspace.read(path, Links::Follow).expect_err(path).code, "E-GRANT-FILES", "{path}");
            assert_eq!(workspace.create(path, Links::Follow).expect_err(path).code, "E-GRANT-FILES", "{path}");
        }
        assert_eq!(std::fs::read_to_string(folder.path().join("outside")).expect("there"), "x");
    }

    #[test]
    fn pipes_folders_and_nothing_are_not_files() {
        let (_folder, workspace) = workspace();
        let code = |path| workspace.read(path, Links::Follow).expect_err(path).code;
        assert_eq!(code("pipe"), "E-FILE-KIND");
        assert_eq!(code("a"), "E-FILE-KIND");
        assert_eq!(code("absent"), "E-FILE-NOT-FOUND");
        assert_eq!(code("a/file/x"), "E-FILE-NOT-FOUND");
        assert_eq!(workspace.create("pipe", Links::Follow).expect_err("a pipe").code, "E-FILE-KIND");
    }

    #[test]
    fn a_link_that_flips_while_it_is_read_never_leads_outside() {
        let (folder, workspace) = workspace();
        let flips = folder.path().join("work");
        let flipper = std::thread::spawn(move || {
            for round in 0..2_000 {
                let to = if round % 2 == 0 { "a/file" } else { "../outside" };
                let _ = std::fs::remove_file(flips.join("flip"));
                symlink(to, flips.join("flip")).expect("linked");
            }
        });
        while !flipper.is_finished() {
            if let Ok(file) = workspace.read("flip", Links::Follow) {
                assert_eq!(std::io::read_to_string(file).expect("read"), "inside");
            }
        }
        flipper.join().expect("no panic");
    }
}
