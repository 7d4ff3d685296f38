//! A read-only mount of a folder that has no name in the file system.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::mount::{OpenTreeFlags, open_tree};

/// Clones the mount that `folder` is in, at `folder`, and makes the clone read-only.
pub(super) fn clone_of(folder: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let clone = open_tree(folder, "", flags)?;
    set_read_only(clone.as_fd())?;
    Ok(clone)
}

#[expect(unsafe_code, reason = "rustix has no mount_setattr")]
fn set_read_only(mount: BorrowedFd<'_>) -> io::Result<()> {
    let wanted = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the path is a string of C that lives for the whole program, and `wanted` has the size that is
    // given and outlives the call, which only reads it.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const wanted,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
