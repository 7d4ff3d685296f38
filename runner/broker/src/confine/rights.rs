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

use super::devices::{DEVICES, MEMORY, TERMINALS};
use super::order::WallSpec;
use super::veil::NAME_SERVERS;
use super::wall::Namespaces;

/// Folders of the system that programs may read and execute; `/proc` is their own.
pub const SYSTEM_FOLDERS: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/nix",
    "/gnu",
    "/sys",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/var/lib/dpkg",
    "/var/lib/apt",
    "/var/cache/fontconfig",
];

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

/// Limits that are the same for every program, set once for the process that all come from.
pub(super) fn limit_for_good() -> io::Result<()> {
    at_most(Resource::Core, 0)?;
    at_most(Resource::Nofile, OPEN_FILES_MAX)?;
    at_most(Resource::Nproc, PROCESSES_MAX)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    Ok(())
}

/// Takes capabilities from what is executed by this process and by those that come from it.
pub(super) fn drop_capabilities() {
    for capability in CapabilitySet::all().difference(KEPT).iter() {
        // Without CAP_SETPCAP there is nothing to drop, and this says so.
        let _ = rustix::thread::remove_capability_from_bounding_set(capability);
    }
}

fn at_most(resource: Resource, most: u64) -> io::Result<()> {
    let most = rustix::process::getrlimit(resource).maximum.map_or(most, |hard| hard.min(most));
    Ok(rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// Limits of this program, no capabilities that matter, and no way to get them.
pub(super) fn limit(spec: &WallSpec, namespaces: Namespaces) -> io::Result<()> {
    at_most(Resource::Fsize, spec.file_bytes_max)?;
    // The zygote has dropped them, but every new user namespace has them all again.
    if namespaces == Namespaces::User {
        drop_capabilities();
    }
    Ok(rustix::thread::set_no_new_privs(true)?)
}

/// The last limit before the program: what is taken from here on counts. `RLIMIT_DATA` counts what a process can write
/// and shares with nobody; address space that is only reserved, as Node and Go do, is not counted.
pub(super) fn limit_memory(spec: &WallSpec) -> io::Result<()> {
    spec.memory_bytes_max.map_or(Ok(()), |most| at_most(Resource::Data, most))
}

/// What every program may touch, opened once.
pub(super) struct System(Vec<(OwnedFd, BitFlags<AccessFs>)>);

impl System {
    pub(super) fn open() -> io::Result<Self> {
        let read = SYSTEM_FOLDERS.iter().map(|folder| (*folder, AccessFs::from_read(ABI::V1)));
        let devices = DEVICES.iter().map(|device| (*device, device_rights()));
        let mut opened = Vec::new();
        let mut places: Vec<PathBuf> = Vec::new();
        for (path, rights) in read.chain(devices) {
            // On most machines `/bin` and its like lead into `/usr`.
            let Ok(place) = Path::new(path).canonicalize() else { continue };
            if !places.iter().any(|known| place.starts_with(known)) {
                opened.extend(open(&place, rights)?);
                places.push(place);
            }
        }
        Ok(Self(opened))
    }
}

fn device_rights() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev | AccessFs::Truncate | AccessFs::ReadDir
}

/// Confines this process, and what it starts, to the files of `system` and `spec`. Without `namespaces` the
/// terminals are the machine's, and nobody may touch them.
pub(super) fn confine(system: &System, spec: &WallSpec, namespaces: Namespaces) -> io::Result<()> {
    let all = AccessFs::from_all(NEWEST);
    let read = AccessFs::from_read(ABI::V1);
    let mut rules = Ruleset::default()
        .handle_access(all)
        .and_then(|rules| rules.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .map_err(io::Error::other)?;
    for (opened, rights) in &system.0 {
        rules = rules.add_rule(PathBeneath::new(opened, *rights)).map_err(io::Error::other)?;
    }
    // These are mounted anew for each program.
    rules = allow_all(rules, ["/proc", NAME_SERVERS], read)?;
    rules = allow_all(rules, ["/dev"], AccessFs::ReadDir.into())?;
    if namespaces != Namespaces::None {
        rules = allow_all(rules, [TERMINALS], device_rights())?;
    }
    rules = allow_all(rules, [MEMORY], all)?;
    rules = allow_all(rules, spec.all_readable(), read)?;
    rules = allow_all(rules, spec.all_writable(), all)?;
    rules.restrict_self().map(drop).map_err(io::Error::other)
}

fn allow_all(
    mut rules: RulesetCreated,
    paths: impl IntoIterator<Item = impl AsRef<Path>>,
    rights: BitFlags<AccessFs>,
) -> io::Result<RulesetCreated> {
    for path in paths {
        if let Some((opened, rights)) = open(path.as_ref(), rights)? {
            rules = rules.add_rule(PathBeneath::new(opened, rights)).map_err(io::Error::other)?;
        }
    }
    Ok(rules)
}

/// `path` with those of `rights` that it can have. What is not there needs no rule.
fn open(path: &Path, rights: BitFlags<AccessFs>) -> io::Result<Option<(OwnedFd, BitFlags<AccessFs>)>> {
    let Ok(opened) = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) else {
        return Ok(None);
    };
    let mode = rustix::fs::fstat(&opened)?.st_mode;
    let is_folder = rustix::fs::FileType::from_raw_mode(mode).is_dir();
    let rights = if is_folder { rights } else { rights & AccessFs::from_file(NEWEST) };
    Ok(Some((opened, rights)))
}
