//! The devices that programs get: a handful that everybody needs, and terminals of their own.
//!
//! The machine's `/dev` holds its disks, its loop devices, and, in `/dev/pts`, the terminal of the operator.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags, mount, move_mount, open_tree};

/// Devices without state of the machine's.
pub(super) const DEVICES: &[&str] =
    &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];
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
        DEVICES.iter().filter(|path| Path::new(path).exists()).map(|path| take(path)).collect::<io::Result<_>>().map(Self)
    }

    /// Mounts a `/dev` with these and nothing else of the machine's.
    pub(super) fn furnish(self) -> io::Result<()> {
        let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        mount("dev", "/dev", "tmpfs", quiet, Some(c"mode=0755,size=64k"))?;
        for (path, device) in self.0 {
            rustix::fs::open(path, OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR)?;
            put(&device, Path::new(path))?;
        }
        for (link, target) in LINKS {
            symlink(target, link)?;
        }
        std::fs::create_dir(TERMINALS)?;
        let terminals = MountFlags::NOSUID | MountFlags::NOEXEC;
        mount("devpts", TERMINALS, "devpts", terminals, Some(c"newinstance,ptmxmode=0666,mode=0620"))?;
        std::fs::create_dir("/dev/shm")?;
        let shared = MountFlags::NOSUID | MountFlags::NODEV;
        Ok(mount("shm", "/dev/shm", "tmpfs", shared, Some(c"mode=1777,size=50%"))?)
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
