//! Namespaces, and the mounts that belong to them.

use std::io;
use std::path::Path;

use rustix::mount::{MountFlags, mount, mount_bind_recursive};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::devices::{Blank, Devices};
use super::order::WallSpec;
use super::wall::Namespaces;
use super::{system, veil};

/// The `clone` flags for `namespaces`.
pub(super) fn flags(namespaces: Namespaces) -> libc::c_int {
    match namespaces {
        Namespaces::Privileged => libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC,
        Namespaces::User => libc::CLONE_NEWUSER | libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC,
        Namespaces::None => 0,
    }
}

/// Which namespaces this machine lets a process make, `most` at most: each kind is tried in a child.
pub(super) fn available(most: Namespaces) -> Namespaces {
    let works = |&kind: &Namespaces| {
        let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        match system::fork(flags(kind)) {
            Ok(system::Fork::Child) => {
                let made = settle(kind, user, group).and_then(|()| furnish(kind, &WallSpec::default()));
                system::exit(i32::from(made.is_err()))
            }
            Ok(system::Fork::Parent(child)) => {
                let ended = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty());
                ended.ok().flatten().is_some_and(|(_, status)| status.exit_status() == Some(0))
            }
            Err(_) => false,
        }
    };
    let kinds: &[Namespaces] = match most {
        Namespaces::Privileged => &[Namespaces::Privileged, Namespaces::User],
        Namespaces::User => &[Namespaces::User],
        Namespaces::None => &[],
    };
    kinds.iter().copied().find(works).unwrap_or(Namespaces::None)
}

/// Makes new namespaces habitable, from inside: own `/proc`, `/dev`, and terminals, folders of sockets emptied,
/// and nothing writable but the folders of `writable`. Landlock alone would leave modes, owners, and times
/// of every file open to change.
pub(super) fn furnish(kind: Namespaces, wall: &WallSpec) -> io::Result<()> {
    if kind == Namespaces::None {
        return Ok(());
    }
    let devices = Devices::take()?;
    system::set_mounts(Path::new("/"), false)?;
    let blank = Blank::mount()?;
    veil::empty_folders(wall, &blank)?;
    devices.furnish(&blank)?;
    veil::cover_sockets(wall)?;
    for folder in wall.writable.iter().filter(|path| path.exists()) {
        mount_bind_recursive(folder, folder)?;
        system::set_mounts(folder, true)?;
    }
    Ok(mount("proc", "/proc", "proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None)?)
}

/// Makes a new user namespace that of `user` and `group`, as outside; other kinds have none. To be called before
/// there are secrets in this process: it can be looked at meanwhile, because the kernel gives the files of one
/// that cannot to root.
pub(super) fn settle(kind: Namespaces, user: u32, group: u32) -> io::Result<()> {
    if kind != Namespaces::User {
        return Ok(());
    }
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    let mapped = map_user(user, group);
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    mapped
}

fn map_user(user: u32, group: u32) -> io::Result<()> {
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}
