//! Namespaces, and the mounts that belong to them.

use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount, mount_bind_recursive};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::devices::{self, Blank, DEVICES_FOLDER, Devices, MEMORY};
use super::ground::Ground;
use super::order::{HostSpec, WallSpec};
use super::system;
use super::system::Mounts;
use super::veil::{self, Own};
use super::wall::Namespaces;

/// The `clone` flags for `namespaces`. On a `ground`, the mounts come later.
pub(super) fn flags(namespaces: Namespaces, ground: Option<&Ground>) -> libc::c_int {
    match namespaces {
        Namespaces::Privileged if ground.is_some() => libc::CLONE_NEWPID | libc::CLONE_NEWIPC,
        Namespaces::Privileged => libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC,
        Namespaces::User => libc::CLONE_NEWUSER | libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC,
        Namespaces::None => 0,
    }
}

/// Which namespaces this machine lets a process make, `most` at most: each kind is tried in a child.
pub(super) fn available(most: Namespaces) -> Namespaces {
    let works = |&kind: &Namespaces| {
        let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        match system::fork(flags(kind, None)) {
            Ok(system::Fork::Child) => {
                let made = settle(kind, user, group).and_then(|()| furnish(kind, None, &WallSpec::default()));
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
pub(super) fn furnish(kind: Namespaces, ground: Option<&Ground>, wall: &WallSpec) -> io::Result<()> {
    match (kind, ground) {
        (Namespaces::None, _) => return Ok(()),
        (_, None) => furnish_bare(wall)?,
        (_, Some(ground)) => furnish_on(ground, wall)?,
    }
    devices::mount_terminals()?;
    Ok(mount("proc", "/proc", "proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None)?)
}

/// Everything, where there are the machine's mounts.
fn furnish_bare(wall: &WallSpec) -> io::Result<()> {
    let devices = Devices::take()?;
    system::set_mounts(Path::new("/"), Mounts::ReadOnly)?;
    let blank = Blank::mount(DEVICES_FOLDER)?;
    veil::empty_folders(&wall.host, &veil::kept(wall.all_readable().chain(wall.all_writable())), &blank)?;
    devices.furnish(&blank)?;
    veil::cover_sockets(&wall.host)?;
    make_writable(wall.all_writable())
}

/// What the programs of a run share, where there are the machine's mounts.
pub(super) fn lay(host: &HostSpec) -> io::Result<()> {
    let devices = Devices::take()?;
    system::set_mounts(Path::new("/"), Mounts::Ground)?;
    let kept = veil::kept(host.readable.iter().chain(&host.writable).map(PathBuf::as_path));
    veil::let_go(host, &kept)?;
    let blank = Blank::mount(DEVICES_FOLDER)?;
    veil::empty_folders(host, &kept, &blank)?;
    devices.furnish(&blank)
}

/// The rest, in a copy of `ground`. What is to be put there is taken from the machine's mounts as they are now.
fn furnish_on(ground: &Ground, wall: &WallSpec) -> io::Result<()> {
    let own = Own::take(wall)?;
    ground.enter()?;
    // Also what has been mounted on the machine since, and is in the ground by itself. From here on nothing comes.
    system::set_mounts(Path::new("/"), Mounts::ReadOnly)?;
    system::set_mounts(Path::new(DEVICES_FOLDER), Mounts::WithDevices)?;
    let blank = Blank::mount(MEMORY)?;
    veil::make_room(&wall.host, &own, &blank)?;
    blank.become_memory()?;
    own.iter().try_for_each(Own::put)?;
    veil::cover_sockets(&wall.host)?;
    make_writable(wall.host.writable.iter().map(PathBuf::as_path))
}

fn make_writable<'a>(folders: impl Iterator<Item = &'a Path>) -> io::Result<()> {
    for folder in folders.filter(|path| path.exists()) {
        mount_bind_recursive(folder, folder)?;
        system::set_mounts(folder, Mounts::Writable)?;
    }
    Ok(())
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
