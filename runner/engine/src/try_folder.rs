//! The folder of one try.
//!
//! It is removed with everything in it at the try's end, beside what comes next; what is left when the run ends goes with
//! the run's folder.
//!
//! Making and removing folders is half of what a hermetic step costs, and much of what a short script costs: one that is
//! as it was made is kept for the next step of its stage.
//!
//! # Invariants
//!
//! - A folder is kept only when nothing is in it that was not made with it, and nothing of that was touched.
//! - Nor is it kept unless everything that could write there has ended for certain: what was cut off, failed, or lost
//!   sight of a process leaves nothing to the next step.
//! - A folder that a container has seen is not kept: what runs in there goes on between steps.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::attempt::Attempt;
use crate::room::Room;
use crate::scripts::Handover;
use crate::shared::Shared;

/// More than a folder that is made for a try has in it.
const ENTRIES_MAX: usize = 16;

/// The folder of one try.
pub(crate) struct TryFolder<'room> {
    made: Made,
    /// Where it may go when it is as it was made.
    spare: Option<&'room SpareFolders>,
    /// Whether nobody can write there any more.
    is_left: bool,
}

/// A folder, and what was made in it.
#[derive(Default)]
struct Made {
    path: PathBuf,
    /// Where the step runs commands.
    handover: Option<Handover>,
    /// What it was like when it had been made; a hermetic step can write to its `/tmp` alone, and needs none.
    looks: Option<Looks>,
}

impl<'room> TryFolder<'room> {
    /// With `hands_on`, its commands hand on through files.
    pub(crate) fn make(shared: &Shared, room: &'room Room, attempt: &Attempt, hands_on: bool) -> io::Result<Self> {
        let is_plain = attempt.is_plain();
        let is_sealed = attempt.is_hermetic() && !attempt.runs_commands();
        let is_alone = room.is_on_host() && attempt.grant.containers.run.is_empty();
        let may_be_kept = !is_plain && if hands_on { is_alone } else { is_sealed };
        let has_next = room.has_step_after(&attempt.name.step);
        let spare = (may_be_kept && has_next).then_some(&room.spare_folders);
        if let Some(made) = may_be_kept.then(|| room.spare_folders.take(hands_on)).flatten() {
            return Ok(Self { made, spare, is_left: false });
        }
        let path = shared.temporary(&attempt.name, attempt.epoch);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        // A step in a container could have made what it guesses: nothing that is there already is used.
        fs::create_dir(&path)?;
        fs::create_dir(path.join("tmp"))?;
        if is_plain {
            fs::create_dir(path.join("out"))?;
        }
        let handover = hands_on.then(|| Handover::make(&path)).transpose()?;
        let looks = spare.filter(|_| hands_on).map(|_| Looks::of(&path)).transpose()?;
        Ok(Self { made: Made { path, handover, looks }, spare, is_left: false })
    }

    /// To be said when the try is over: whether everything that could write there has ended for certain.
    pub(crate) fn is_left(&mut self, is_left: bool) {
        self.is_left = is_left;
    }

    pub(crate) fn path(&self) -> &Path {
        &self.made.path
    }

    /// What the step's commands hand on through, where it runs any.
    pub(crate) fn handover(&self) -> Option<&Handover> {
        self.made.handover.as_ref()
    }
}

impl Made {
    fn is_untouched(&self) -> bool {
        match (&self.handover, &self.looks) {
            (None, _) => fs::read_dir(self.path.join("tmp")).is_ok_and(|mut entries| entries.next().is_none()),
            (Some(_), Some(looks)) => Looks::of(&self.path).is_ok_and(|now| now == *looks),
            (Some(_), None) => false,
        }
    }
}

impl Drop for TryFolder<'_> {
    fn drop(&mut self) {
        let made = std::mem::take(&mut self.made);
        match self.spare.filter(|_| self.is_left && made.is_untouched()) {
            Some(spare) => spare.give(made),
            None => drop(tokio::task::spawn_blocking(move || fs::remove_dir_all(made.path))),
        }
    }
}

/// Folders of tries that are over, as they were made, for the next ones; removed with the stage.
#[derive(Default)]
pub(crate) struct SpareFolders(Mutex<Vec<Made>>);

impl SpareFolders {
    fn take(&self, with_handover: bool) -> Option<Made> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|made| made.handover.is_some() == with_handover)?;
        Some(kept.swap_remove(at))
    }

    fn give(&self, made: Made) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(made);
    }
}

impl Drop for SpareFolders {
    fn drop(&mut self) {
        for made in std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            let _ = fs::remove_dir_all(made.path);
        }
    }
}

/// What a folder and everything in it are like, but for when they were read.
#[derive(PartialEq, Eq, Debug)]
struct Looks(Vec<(PathBuf, Look)>);

#[derive(PartialEq, Eq, Debug)]
struct Look {
    place: (u64, u64),
    mode: u32,
    owner: (u32, u32),
    links: u64,
    bytes: (u64, u64),
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Looks {
    /// # Errors
    ///
    /// When something cannot be looked at, or there is more than was ever made.
    fn of(folder: &Path) -> io::Result<Self> {
        let mut looks = Vec::with_capacity(ENTRIES_MAX);
        let mut left = vec![folder.to_owned()];
        while let Some(path) = left.pop() {
            let metadata = path.symlink_metadata()?;
            if metadata.is_dir() {
                for entry in fs::read_dir(&path)? {
                    left.push(entry?.path());
                    if looks.len() + left.len() > ENTRIES_MAX {
                        return Err(io::Error::other("there is more than was made"));
                    }
                }
            }
            looks.push((path, Look::of(&metadata)));
        }
        looks.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Self(looks))
    }
}

impl Look {
    fn of(metadata: &Metadata) -> Self {
        Self {
            place: (metadata.dev(), metadata.ino()),
            mode: metadata.mode(),
            owner: (metadata.uid(), metadata.gid()),
            links: metadata.nlink(),
            bytes: (metadata.size(), metadata.blocks()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::Duration;

    use super::*;

    fn made() -> (tempfile::TempDir, Made) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("try");
        fs::create_dir_all(path.join("tmp")).expect("made");
        let handover = Some(Handover::make(&path).expect("made"));
        let looks = Some(Looks::of(&path).expect("there"));
        // The kernel's clock of files ticks each 4 ms or so.
        std::thread::sleep(Duration::from_millis(20));
        (folder, Made { path, handover, looks })
    }

    fn is_kept(touch: impl Fn(&Path)) -> bool {
        let (_folder, made) = made();
        touch(&made.path);
        made.is_untouched()
    }

    #[test]
    fn a_folder_is_kept_only_when_nothing_in_it_was_touched() {
        assert!(is_kept(|path| {
            fs::read(path.join("handover/summary")).expect("read");
            fs::read_dir(path.join("tmp")).expect("read");
        }));
        let files = ["", "tmp", "handover", "handover/outputs"];
        for folder in files {
            let name = |path: &Path| path.join(folder).join("left");
            assert!(!is_kept(|path| fs::write(name(path), "").expect("written")), "{folder}");
            assert!(!is_kept(|path| symlink("/etc", name(path)).expect("made")), "{folder}");
            assert!(!is_kept(|path| fs::create_dir(name(path)).expect("made")), "{folder}");
            // Made and removed: nothing is left but the time of it.
            assert!(
                !is_kept(|path| fs::write(name(path), "").and_then(|()| fs::remove_file(name(path))).expect("done")),
                "{folder}"
            );
            let set = |path: &Path| fs::set_permissions(path.join(folder), Permissions::from_mode(0o700));
            assert!(!is_kept(|path| set(path).expect("set")), "{folder}");
        }
        for file in ["summary", "github-output", "github-env", "github-path"] {
            let at = |path: &Path| path.join("handover").join(file);
            assert!(!is_kept(|path| fs::write(at(path), "x").expect("written")), "{file}");
            assert!(!is_kept(|path| fs::remove_file(at(path)).expect("removed")), "{file}");
            assert!(!is_kept(|path| fs::remove_file(at(path)).and_then(|()| fs::write(at(path), "")).expect("done")));
            assert!(!is_kept(|path| {
                let _ = fs::hard_link(at(path), path.join("other"));
                fs::remove_file(path.join("other")).expect("removed");
            }));
            let set = |path: &Path| fs::set_permissions(at(path), Permissions::from_mode(0o600));
            assert!(!is_kept(|path| set(path).expect("set")), "{file}");
        }
        assert!(!is_kept(|path| fs::rename(path, path.with_extension("moved")).expect("moved")));
    }

    #[test]
    fn what_appears_in_the_moment_of_making_is_seen_too() {
        let (_folder, mut made) = made();
        for file in ["tmp/a", "handover/outputs/a", "b"] {
            let before = Looks::of(&made.path).expect("there");
            fs::write(made.path.join(file), "").expect("written");
            let after = Looks::of(&made.path).expect("there");
            assert_ne!(before.0.len(), after.0.len());
            made.looks = Some(before);
            assert!(!made.is_untouched());
        }
    }

    #[test]
    fn very_many_entries_are_not_looked_through() {
        let (_folder, made) = made();
        (0..2 * ENTRIES_MAX).for_each(|number| fs::create_dir(made.path.join(number.to_string())).expect("made"));
        assert!(Looks::of(&made.path).is_err());
    }

    #[test]
    fn a_folder_goes_to_steps_of_its_kind() {
        let spare = SpareFolders::default();
        let (_folder, own) = made();
        let path = own.path.clone();
        spare.give(own);
        assert!(spare.take(false).is_none());
        assert_eq!(spare.take(true).map(|made| made.path), Some(path.clone()));
        assert!(spare.take(true).is_none());
        spare.give(Made { path: path.clone(), ..Made::default() });
        drop(spare);
        assert!(!path.exists());
    }
}
