//! Folders of the machine that a program finds empty but for what it was given.
//!
//! Landlock keeps programs from opening what is there; it does not keep them from connecting to a socket, and
//! whoever answers on one (a container engine, an ssh agent, a session bus, a terminal multiplexer) does what it
//! is told with the rights of the operator. So that nobody has to know them all, every folder that usually holds
//! sockets is emptied.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Component, Path, PathBuf};

use rustix::mount::{UnmountFlags, mount_bind, unmount};

use super::devices::{Blank, DEVICES_FOLDER, put, take};
use super::order::{HostSpec, WallSpec};
use super::system::{self, Mounts};

/// Folders where programs of the machine keep sockets: emptied for everybody.
const PRIVATE_FOLDERS: &[&str] = &[
    "/run",
    "/var/run",
    "/tmp",
    "/var/tmp",
    "/home",
    "/root",
    "/var/snap",
    "/var/lib/lxd",
    "/var/lib/incus",
    "/var/lib/libvirt",
];
/// What names hosts; a link to a file below `/run` on many machines.
pub(super) const NAME_SERVERS: &str = "/etc/resolv.conf";
/// Links on the way to one folder; the kernel follows as many.
const LINKS_MAX: usize = 40;

/// As what stages' workspaces are mounted.
const WORKSPACE_SOURCE: &str = "sealock";

/// A folder or file that stays, and the links on the way to it.
pub(super) struct Kept {
    place: PathBuf,
    links: Vec<(PathBuf, PathBuf)>,
}

/// Those of `given` that are there, and what names hosts.
pub(super) fn kept<'a>(given: impl Iterator<Item = &'a Path>) -> Vec<Kept> {
    given.chain([Path::new(NAME_SERVERS)]).filter_map(trace).collect()
}

/// A folder of one program's own, to be put into a copy of the ground.
pub(super) struct Own {
    kept: Kept,
    tree: OwnedFd,
    mounts: Mounts,
}

impl Own {
    /// Takes those of `wall` that are there, outer ones first.
    pub(super) fn take(wall: &WallSpec) -> io::Result<Vec<Self>> {
        let readable = wall.readable.iter().map(|path| (path, Mounts::ReadOnly));
        let writable = wall.writable.iter().map(|path| (path, Mounts::Writable));
        let mut own = Vec::new();
        for (path, mounts) in readable.chain(writable) {
            if let Some(kept) = trace(path) {
                own.push(Self { tree: take(&kept.place, true)?, kept, mounts });
            }
        }
        own.sort_by(|one, other| one.kept.place.cmp(&other.kept.place));
        Ok(own)
    }

    /// Mounts it where it was.
    pub(super) fn put(&self) -> io::Result<()> {
        put(&self.tree, &self.kept.place)?;
        system::set_tree(&self.tree, self.mounts)
    }
}

/// The folders that are emptied on this machine.
fn private_folders(host: &HostSpec) -> impl Iterator<Item = PathBuf> {
    let named = host.hidden.iter().filter_map(|path| path.canonicalize().ok());
    PRIVATE_FOLDERS.iter().map(PathBuf::from).chain(named).filter(|folder| is_folder(folder))
}

fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

/// Empties the private folders and those of `host.hidden`, but for `kept`.
pub(super) fn empty_folders(host: &HostSpec, kept: &[Kept], blank: &Blank) -> io::Result<()> {
    private_folders(host).try_for_each(|folder| empty(&folder, kept, &[], blank))
}

/// Makes room for `own` in the emptied folders of a copy of the ground; and empties those that have come, or come
/// again, since it was laid.
pub(super) fn make_room(host: &HostSpec, own: &[Own], blank: &Blank) -> io::Result<()> {
    let emptied = Path::new(DEVICES_FOLDER).metadata()?.dev();
    let mut shared = None;
    for folder in private_folders(host) {
        let is_emptied = folder.symlink_metadata()?.dev() == emptied;
        if !is_emptied || own.iter().any(|own| own.kept.place.starts_with(&folder)) {
            let given = || kept(host.readable.iter().chain(&host.writable).map(PathBuf::as_path));
            empty(&folder, shared.get_or_insert_with(given), own, blank)?;
        }
    }
    Ok(())
}

/// Lets go of mounts that nobody behind the wall reaches: those in folders that will be empty, and workspaces of
/// stages, wherever they are.
pub(super) fn let_go(host: &HostSpec, kept: &[Kept]) -> io::Result<()> {
    let emptied: Vec<PathBuf> = private_folders(host).filter(|folder| !is_given(folder, kept)).collect();
    let is_kept = |path: &Path| kept.iter().any(|kept| path.starts_with(&kept.place) || kept.place.starts_with(path));
    let mounts = std::fs::read("/proc/self/mountinfo")?;
    for (path, source) in mounts.split(|&byte| byte == b'\n').filter_map(mounted) {
        let is_covered = emptied.iter().any(|folder| path != *folder && path.starts_with(folder));
        if (is_covered || source == WORKSPACE_SOURCE.as_bytes()) && !is_kept(&path) {
            // One that was let go with another is not there any more.
            let _ = unmount(&path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
        }
    }
    Ok(())
}

/// Where a line of `mountinfo` says that something is mounted, and what.
fn mounted(line: &[u8]) -> Option<(PathBuf, &[u8])> {
    let mut fields = line.split(|&byte| byte == b' ');
    let path = fields.nth(4)?;
    let source = fields.skip_while(|field| *field != b"-").nth(2)?;
    Some((PathBuf::from(OsString::from_vec(unescaped(path))), source))
}

/// `\040` and its like are bytes.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &after[3..] } else { after };
    }
    bytes
}

/// Puts the device that swallows everything over those sockets of `host.hidden` that are left.
pub(super) fn cover_sockets(host: &HostSpec) -> io::Result<()> {
    for socket in host.hidden.iter().filter(|path| path.metadata().is_ok_and(|metadata| !metadata.is_dir())) {
        mount_bind("/dev/null", socket)?;
    }
    Ok(())
}

/// Where `path` really is; `None` when it is nowhere.
fn trace(path: &Path) -> Option<Kept> {
    let mut kept = Kept { place: PathBuf::from("/"), links: Vec::new() };
    let mut rest: Vec<OsString> = reversed(path);
    while let Some(part) = rest.pop() {
        match Path::new(&part).components().next()? {
            Component::RootDir | Component::Prefix(_) => kept.place = PathBuf::from("/"),
            Component::CurDir => {}
            Component::ParentDir => {
                kept.place.pop();
            }
            Component::Normal(name) => {
                let next = kept.place.join(name);
                match std::fs::read_link(&next) {
                    Ok(target) if kept.links.len() < LINKS_MAX => {
                        rest.extend(reversed(&target));
                        kept.links.push((next, target));
                    }
                    Ok(_) => return None,
                    Err(_) => kept.place = next,
                }
            }
        }
    }
    kept.place.exists().then_some(kept)
}

fn reversed(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
}

/// Whether `folder` was given as a whole.
fn is_given(folder: &Path, kept: &[Kept]) -> bool {
    kept.iter().any(|kept| folder.starts_with(&kept.place))
}

/// Mounts an empty folder over `folder`, with what is kept below it, and room for what is `own`.
fn empty(folder: &Path, kept: &[Kept], own: &[Own], blank: &Blank) -> io::Result<()> {
    if !is_folder(folder) || is_given(folder, kept) {
        return Ok(());
    }
    let all: Vec<&Kept> = kept.iter().chain(own.iter().map(|own| &own.kept)).collect();
    let mut trees = Vec::new();
    for place in outermost(folder, &all) {
        match own.iter().find(|own| own.kept.place == place) {
            Some(own) => trees.push((place, is_tree_folder(&own.tree)?, None)),
            None => trees.push((place, place.is_dir(), Some(take(place, true)?))),
        }
    }
    put(&blank.folder()?, folder)?;
    for (place, is_folder, tree) in trees {
        make(place, is_folder)?;
        tree.map_or(Ok(()), |tree| put(&tree, place))?;
    }
    for (link, target) in all.iter().flat_map(|kept| &kept.links).filter(|(link, _)| link.starts_with(folder)) {
        make_parent(link)?;
        // Two ways may lead over the same link, and into a folder that is there as a whole.
        let _ = symlink(target, link);
    }
    Ok(())
}

fn is_tree_folder(tree: &OwnedFd) -> io::Result<bool> {
    Ok(rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(tree)?.st_mode).is_dir())
}

/// The places below `folder`, without those that lie in another.
fn outermost<'a>(folder: &Path, kept: &[&'a Kept]) -> Vec<&'a Path> {
    let mut places: Vec<&Path> =
        kept.iter().map(|kept| kept.place.as_path()).filter(|place| place.starts_with(folder)).collect();
    places.sort();
    places.dedup_by(|inner, outer| inner.starts_with(outer));
    places
}

fn make(place: &Path, is_folder: bool) -> io::Result<()> {
    if is_folder {
        return std::fs::create_dir_all(place);
    }
    make_parent(place)?;
    std::fs::File::create(place).map(drop)
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_through_links_which_are_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("there");
        std::fs::create_dir_all(root.join("store/tools")).expect("made");
        symlink("store", root.join("current")).expect("made");
        symlink(root.join("current/tools"), root.join("tools")).expect("made");
        let kept = trace(&root.join("./tools/../tools")).expect("there");
        assert_eq!(kept.place, root.join("store/tools"));
        let links: Vec<_> = kept.links.iter().map(|(link, _)| link.clone()).collect();
        // `..` goes up from where a link leads, and not from where it stands: the second `tools` is the folder itself.
        assert_eq!(links, [root.join("tools"), root.join("current")]);
        assert!(trace(&root.join("absent")).is_none());
        symlink("loop", root.join("loop")).expect("made");
        assert!(trace(&root.join("loop")).is_none());
    }

    #[test]
    fn what_lies_in_a_kept_folder_is_kept_with_it() {
        let place = |path: &str| Kept { place: path.into(), links: Vec::new() };
        let kept = [place("/tmp/a/b"), place("/tmp/a"), place("/tmp/ab"), place("/usr")];
        let all: Vec<&Kept> = kept.iter().collect();
        assert_eq!(outermost(Path::new("/tmp"), &all), [Path::new("/tmp/a"), Path::new("/tmp/ab")]);
    }

    #[test]
    fn lines_of_mounts_are_read_with_their_escapes() {
        let line = br"36 35 98:0 / /mnt/a\040b\134 rw,noatime shared:1 - overlay sealock rw,lowerdir=/x";
        assert_eq!(mounted(line), Some((PathBuf::from(r"/mnt/a b\"), &b"sealock"[..])));
        assert_eq!(mounted(b"36 35 98:0 / /mnt rw - tmpfs none rw"), Some((PathBuf::from("/mnt"), &b"none"[..])));
        assert_eq!(mounted(b""), None);
    }
}
