//! Mounting an overlay of the run's layer and the commit's checkout.
//!
//! Options, and why:
//!
//! - `metacopy=off`: a file in `upper` is the whole file, also when only its mode changed;
//! - `redirect_dir=nofollow`: renaming a folder of the commit answers `EXDEV`, and `mv` copies it (as in Docker's
//!   own overlays). With redirects, moving a folder would move the links in it without their showing in `upper`,
//!   and the search for links that leave reads `upper` alone;
//! - `index=off`: the checkout is shared by views that know nothing of each other;
//! - `volatile`: nothing is synced when the view is unmounted. A workspace outlives a kill, not a power cut;
//!   kernels before 5.10 do not know it and get it left out.
//!
//! Layers are named by open descriptors: no path needs escaping, and none can be swapped.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, open};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, move_mount, unmount as unmount_at,
};

use super::layers;
use crate::Checkout;

/// Mounts at `at`; what is written goes to `<home>/upper`, and what is there already shows.
pub(super) fn mount(checkout: &Checkout, home: &Path, at: &Path) -> io::Result<()> {
    if !checkout.hides_deleted {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "deleted files could not be hidden"));
    }
    let (upper, work) = (home.join("upper"), home.join("work"));
    if !upper.is_dir() {
        fs::create_dir(&upper)?;
    }
    // The kernel refuses a `work` of a volatile overlay that was mounted before: what it wrote may not be on the disk.
    // Within one boot of the machine it is all there.
    crate::files::remove(&work)?;
    fs::create_dir(&work)?;
    let frozen = layers::frozen(home);
    let lowers = frozen.iter().rev().chain([&checkout.layer, &checkout.tree]).map(|path| folder(path));
    let lowers = lowers.collect::<io::Result<Vec<_>>>()?;
    let (upper, work) = (folder(&upper)?, folder(&work)?);
    let mounted = assemble(&lowers, &upper, &work, true).or_else(|_| assemble(&lowers, &upper, &work, false))?;
    move_mount(&mounted, "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    Ok(())
}

/// Takes the mount away, also when something still has it open; content when there is none.
pub(super) fn unmount(at: &Path) {
    while unmount_at(at, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW).is_ok() {}
}

fn assemble(lowers: &[OwnedFd], upper: &OwnedFd, work: &OwnedFd, volatile: bool) -> rustix::io::Result<OwnedFd> {
    let options = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let lowers: Vec<String> = lowers.iter().map(by_number).collect();
    for (key, value) in [
        ("source", "sealock"),
        ("lowerdir", &lowers.join(":")),
        ("upperdir", &by_number(upper)),
        ("workdir", &by_number(work)),
        ("metacopy", "off"),
        ("redirect_dir", "nofollow"),
        ("index", "off"),
    ] {
        fsconfig_set_string(&options, key, value)?;
    }
    if volatile {
        fsconfig_set_flag(&options, "volatile")?;
    }
    fsconfig_create(&options)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    fsmount(&options, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

fn folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(open(path, flags, Mode::empty())?)
}

fn by_number(folder: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", folder.as_raw_fd())
}
