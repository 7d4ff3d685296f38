//! What a run laid over the commit, written beside its layer, so that a process that resumes the run finds it.
//!
//! Records end in NUL, because paths hold anything else. The first is the boot: what a layer holds was never synced.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::notes::this_boot;

/// A run's layer, without its files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) deleted: BTreeSet<PathBuf>,
    pub(super) hides_deleted: bool,
    /// Links among the uncommitted changes.
    pub(super) links: BTreeSet<PathBuf>,
    pub(super) object_folders: Vec<PathBuf>,
}

impl Kept {
    pub(super) fn write(&self, run: &Path) -> io::Result<()> {
        let mut text = Vec::new();
        let mut add = |kind: &str, value: &[u8]| {
            text.extend_from_slice(kind.as_bytes());
            text.extend_from_slice(value);
            text.push(0);
        };
        add("boot ", this_boot()?.as_bytes());
        add("hides ", if self.hides_deleted { b"1" } else { b"0" });
        self.deleted.iter().for_each(|path| add("deleted ", path.as_os_str().as_bytes()));
        self.links.iter().for_each(|path| add("link ", path.as_os_str().as_bytes()));
        self.object_folders.iter().for_each(|path| add("objects ", path.as_os_str().as_bytes()));
        fs::write(file(run), text)
    }

    /// That of this boot, if there is one.
    pub(super) fn read(run: &Path) -> Option<Self> {
        let text = fs::read(file(run)).ok()?;
        let mut kept = Self::default();
        let mut boot = String::new();
        for record in text.split(|&byte| byte == 0).filter(|record| !record.is_empty()) {
            let space = record.iter().position(|&byte| byte == b' ')?;
            let (kind, value) = (&record[..space], OsStr::from_bytes(&record[space + 1..]));
            match kind {
                b"boot" => value.to_str()?.clone_into(&mut boot),
                b"hides" => kept.hides_deleted = value == "1",
                b"deleted" => drop(kept.deleted.insert(value.into())),
                b"link" => drop(kept.links.insert(value.into())),
                b"objects" => kept.object_folders.push(value.into()),
                _ => return None,
            }
        }
        Some(kept).filter(|_| this_boot().is_ok_and(|now| now == boot))
    }

    pub(super) fn forget(run: &Path) -> io::Result<()> {
        crate::files::remove(&file(run))
    }
}

fn file(run: &Path) -> PathBuf {
    run.join("layer.notes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_reads_back_and_only_in_the_same_boot() {
        let run = tempfile::tempdir().expect("a folder");
        let kept = Kept {
            deleted: BTreeSet::from(["gone file".into()]),
            hides_deleted: true,
            links: BTreeSet::from(["a\nb".into()]),
            object_folders: vec!["/repo/.git/objects".into()],
        };
        assert_eq!(Kept::read(run.path()), None);
        kept.write(run.path()).expect("written");
        assert_eq!(Kept::read(run.path()), Some(kept));
        let text = fs::read(file(run.path())).expect("there");
        let other = [b"boot another".as_slice(), &text[text.iter().position(|&byte| byte == 0).expect("one")..]];
        fs::write(file(run.path()), other.concat()).expect("written");
        assert_eq!(Kept::read(run.path()), None);
    }
}
