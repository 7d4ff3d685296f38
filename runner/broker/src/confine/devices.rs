//! The devices that programs get: a handful that everybody needs, and terminals of their own.
//!
//! The machine's `/dev` holds its disks, its loop devices, and, in `/dev/pts`, the terminal of the operator.

use std::cell::Cell;
use std::fs::Permissions;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags, mount, move_mount, open_tree};

use super::system::{self, Mounts};

pub(super) const DEVICES_FOLDER: &str = "/dev";
/// Devices without state of the machine's.
pub(super) const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];
/// Where the terminals that a program makes for itself are. Only with an own mount namespace: the machine's
/// hold the operator's screen and keyboard.
pub(super) const TERMINALS: &str = "/dev/pts";
/// Memory that processes share, which is writable.
pub(super) const MEMORY: &str = "/dev/shm";
const MEMORY_MODE: u32 = 0o1777;
const LINKS: &[(&str, &str)] = &[
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/ptmx", "pts/ptmx"),
];

/// Devices of the machine, held over to an own `/dev`.
pub(super) struct Devices(Vec<(&'static str, OwnedFd)>);

impl Devices {
    /// To be taken before devices are forbidden on every mount.
    pub(super) fn take() -> io::Result<Self> {
        let take = |&path: &&'static str| Ok((path, take(Path::new(path), false)?));
        DEVICES.iter().filter(|path| Path::new(path).exists()).map(take).collect::<io::Result<_>>().map(Self)
    }

    /// Mounts a `/dev` with these and nothing else of the machine's, over that of `blank`, which is used up.
    pub(super) fn furnish(self, blank: &Blank) -> io::Result<()> {
        put(&blank.folder()?, Path::new(DEVICES_FOLDER))?;
        for (path, device) in self.0 {
            rustix::fs::open(path, OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR)?;
            put(&device, Path::new(path))?;
            system::set_tree(&device, Mounts::Device)?;
        }
        for (link, target) in LINKS {
            symlink(target, link)?;
        }
        std::fs::create_dir(MEMORY)?;
        std::fs::set_permissions(MEMORY, Permissions::from_mode(MEMORY_MODE))?;
        std::fs::create_dir(TERMINALS)
    }
}

/// Mounts terminals that nobody else has.
pub(super) fn mount_terminals() -> io::Result<()> {
    let terminals = MountFlags::NOSUID | MountFlags::NOEXEC;
    Ok(mount("devpts", TERMINALS, "devpts", terminals, Some(c"newinstance,ptmxmode=0666,mode=0620"))?)
}

/// Memory that empty folders are made of: one file system for all of them, because each costs more than the
/// rest of a folder.
pub(super) struct Blank {
    /// Where it lies, until one of its folders is put there.
    at: &'static str,
    folders: Cell<u32>,
}

impl Blank {
    /// Mounts it at `at`.
    pub(super) fn mount(at: &'static str) -> io::Result<Self> {
        let quiet = MountFlags::NOSUID | MountFlags::NODEV;
        mount("blank", at, "tmpfs", quiet, Some(c"mode=0755,size=50%"))?;
        Ok(Self { at, folders: Cell::new(0) })
    }

    /// Another empty folder, not mounted anywhere.
    pub(super) fn folder(&self) -> io::Result<OwnedFd> {
        let number = self.folders.replace(self.folders.get() + 1);
        let path = Path::new(self.at).join(number.to_string());
        std::fs::create_dir(&path)?;
        take(&path, false)
    }

    /// Puts a folder that everybody may write over all others, which cannot be reached by paths any more.
    pub(super) fn become_memory(self) -> io::Result<()> {
        let folder = self.folder()?;
        put(&folder, Path::new(self.at))?;
        std::fs::set_permissions(self.at, Permissions::from_mode(MEMORY_MODE))
    }
}

/// A copy of the mount at `path`, not mounted anywhere; with `whole`, with those below it.
pub(super) fn take(path: &Path, whole: bool) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let flags = if whole { flags | OpenTreeFlags::AT_RECURSIVE } else { flags };
    Ok(open_tree(CWD, path, flags)?)
}

/// Mounts what was taken.
pub(super) fn put(taken: &OwnedFd, path: &Path) -> io::Result<()> {
    Ok(move_mount(taken, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}
