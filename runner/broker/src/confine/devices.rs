//! The devices that programs get: a handful that everybody needs, and terminals of their own.
//!
//! The machine's `/dev` holds its disks, its loop devices, and, in `/dev/pts`, the terminal of the operator.

use std::cell::Cell;
use std::fs::Permissions;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags, mount, move_mount, open_tree};

/// Devices without state of the machine's.
pub(super) const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];
/// Where the terminals that a program makes for itself are. Only with an own mount namespace: the machine's
/// hold the operator's screen and keyboard.
pub(super) const TERMINALS: &str = "/dev/pts";
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
        put(&blank.folder()?, Path::new("/dev"))?;
        for (path, device) in self.0 {
            rustix::fs::open(path, OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR)?;
            put(&device, Path::new(path))?;
        }
        for (link, target) in LINKS {
            symlink(target, link)?;
        }
        std::fs::create_dir("/dev/shm")?;
        std::fs::set_permissions("/dev/shm", Permissions::from_mode(0o1777))?;
        std::fs::create_dir(TERMINALS)?;
        let terminals = MountFlags::NOSUID | MountFlags::NOEXEC;
        Ok(mount("devpts", TERMINALS, "devpts", terminals, Some(c"newinstance,ptmxmode=0666,mode=0620"))?)
    }
}

/// Memory that empty folders are made of: one file system for all of them, because each costs more than the
/// rest of a folder. It lies at `/dev` until the devices are put there.
pub(super) struct Blank(Cell<u32>);

impl Blank {
    pub(super) fn mount() -> io::Result<Self> {
        let quiet = MountFlags::NOSUID | MountFlags::NODEV;
        mount("blank", "/dev", "tmpfs", quiet, Some(c"mode=0755,size=50%"))?;
        Ok(Self(Cell::new(0)))
    }

    /// Another empty folder, not mounted anywhere.
    pub(super) fn folder(&self) -> io::Result<OwnedFd> {
        let number = self.0.replace(self.0.get() + 1);
        let path = PathBuf::from(format!("/dev/{number}"));
        std::fs::create_dir(&path)?;
        take(&path, false)
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
