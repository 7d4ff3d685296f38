//! What a program may touch: Landlock, capabilities, limits.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, PathBeneath, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, Scope,
};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit};
use rustix::thread::CapabilitySet;

use super::order::WallSpec;

/// Folders of the system that programs may read and execute.
pub const SYSTEM_FOLDERS: &[&str] = &[
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix", "/gnu", "/proc", "/sys",
    "/dev", "/run/systemd/resolve", "/run/resolvconf", "/var/lib/dpkg", "/var/lib/apt", "/var/cache/fontconfig",
];

/// Devices that programs may also write.
const DEVICES: &[&str] =
    &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts", "/dev/shm"];

/// Open files of one process: the default of 1,024 is too few for build tools, a million are an attack on
/// the kernel's memory.
const OPEN_FILES_MAX: u64 = 65_536;
/// Processes and threads of the user: a fork bomb ends before the machine does. Does not hold for root,
/// whom the kernel exempts.
const PROCESSES_MAX: u64 = 16_384;

/// The newest rights that this program knows; the kernel's own version decides which of them hold.
const NEWEST: ABI = ABI::V9;

/// What root inside the wall keeps: files of other users and changing users, as in containers.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::KILL);

/// Takes capabilities, the way to get new ones, and more than a fair share of the machine.
pub(super) fn limit(spec: &WallSpec) -> io::Result<()> {
    let at_most = |resource, most: u64| {
        let hard = rustix::process::getrlimit(resource).maximum.map_or(most, |hard| hard.min(most));
        rustix::process::setrlimit(resource, Rlimit { current: Some(hard), maximum: Some(hard) })
    };
    at_most(Resource::Core, 0)?;
    at_most(Resource::Nofile, OPEN_FILES_MAX)?;
    at_most(Resource::Nproc, PROCESSES_MAX)?;
    at_most(Resource::Fsize, spec.file_bytes_max)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    // Without CAP_SETPCAP there is nothing to drop, and this says so.
    for capability in CapabilitySet::all().difference(KEPT).iter() {
        let _ = rustix::thread::remove_capability_from_bounding_set(capability);
    }
    Ok(rustix::thread::set_no_new_privs(true)?)
}

/// Confines this process, and what it starts, to the files of `spec`.
pub(super) fn confine(spec: &WallSpec) -> io::Result<()> {
    let all = AccessFs::from_all(NEWEST);
    let mut rules = Ruleset::default()
        .handle_access(all)
        .and_then(|rules| rules.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .map_err(io::Error::other)?;
    let read = AccessFs::from_read(ABI::V1);
    let devices = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev | AccessFs::Truncate | AccessFs::ReadDir;
    for folder in SYSTEM_FOLDERS {
        rules = allow(rules, Path::new(folder), read)?;
    }
    rules = allow_all(rules, &spec.readable, read)?;
    rules = allow_all(rules, &spec.writable, all)?;
    for device in DEVICES {
        let rights = if *device == "/dev/shm" { all } else { devices };
        rules = allow(rules, Path::new(device), rights)?;
    }
    rules.restrict_self().map(drop).map_err(io::Error::other)
}

fn allow_all(mut rules: RulesetCreated, folders: &[PathBuf], rights: BitFlags<AccessFs>) -> io::Result<RulesetCreated> {
    for folder in folders {
        rules = allow(rules, folder, rights)?;
    }
    Ok(rules)
}

/// What is not there needs no rule.
fn allow(rules: RulesetCreated, path: &Path, rights: BitFlags<AccessFs>) -> io::Result<RulesetCreated> {
    let opened = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let Ok(opened) = opened else {
        return Ok(rules);
    };
    let rights = if is_folder(&opened)? { rights } else { rights & AccessFs::from_file(NEWEST) };
    rules.add_rule(PathBeneath::new(opened, rights)).map_err(io::Error::other)
}

fn is_folder(opened: &OwnedFd) -> io::Result<bool> {
    let mode = rustix::fs::fstat(opened)?.st_mode;
    Ok(rustix::fs::FileType::from_raw_mode(mode).is_dir())
}
