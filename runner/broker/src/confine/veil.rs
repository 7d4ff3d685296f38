//! Folders of the machine that a program finds empty but for what it was given.
//!
//! Landlock keeps programs from opening what is there; it does not keep them from connecting to a socket, and
//! whoever answers on one (a container engine, an ssh agent, a session bus, a terminal multiplexer) does what it
//! is told with the rights of the operator. So that nobody has to know them all, every folder that usually holds
//! sockets is emptied.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use rustix::mount::mount_bind;

use super::devices::{Blank, put, take};
use super::order::WallSpec;

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

/// A folder or file that stays, and the links on the way to it.
struct Kept {
    place: PathBuf,
    links: Vec<(PathBuf, PathBuf)>,
}

/// Empties the private folders and those of `wall.hidden`.
pub(super) fn empty_folders(wall: &WallSpec, blank: &Blank) -> io::Result<()> {
    let given = wall.readable.iter().chain(&wall.writable).map(PathBuf::as_path);
    let kept: Vec<Kept> = given.chain([Path::new(NAME_SERVERS)]).filter_map(trace).collect();
    let named = wall.hidden.iter().filter_map(|path| path.canonicalize().ok());
    for folder in PRIVATE_FOLDERS.iter().map(PathBuf::from).chain(named) {
        empty(&folder, &kept, blank)?;
    }
    Ok(())
}

/// Puts the device that swallows everything over those sockets of `wall.hidden` that are left.
pub(super) fn cover_sockets(wall: &WallSpec) -> io::Result<()> {
    for socket in wall.hidden.iter().filter(|path| path.metadata().is_ok_and(|metadata| !metadata.is_dir())) {
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

/// Mounts an empty folder over `folder`, with what is kept below it.
fn empty(folder: &Path, kept: &[Kept], blank: &Blank) -> io::Result<()> {
    let is_folder = folder.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    let is_given = kept.iter().any(|kept| folder.starts_with(&kept.place));
    if !is_folder || is_given {
        return Ok(());
    }
    let mut trees = Vec::new();
    for place in outermost(folder, kept) {
        trees.push((place, place.is_dir(), take(place, true)?));
    }
    put(&blank.folder()?, folder)?;
    for (place, is_folder, tree) in trees {
        make(place, is_folder)?;
        put(&tree, place)?;
    }
    for (link, target) in kept.iter().flat_map(|kept| &kept.links).filter(|(link, _)| link.starts_with(folder)) {
        make_parent(link)?;
        // Two ways may lead over the same link, and into a folder that is there as a whole.
        let _ = symlink(target, link);
    }
    Ok(())
}

/// The places below `folder`, without those that lie in another.
fn outermost<'a>(folder: &Path, kept: &'a [Kept]) -> Vec<&'a Path> {
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
        assert_eq!(outermost(Path::new("/tmp"), &kept), [Path::new("/tmp/a"), Path::new("/tmp/ab")]);
    }
}
