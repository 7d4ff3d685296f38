//! Concurrency groups within one machine: one stage, or one run, of a group at a time.
//!
//! A group is a file in the state directory. Who holds it has an exclusive lock on it and its name in it;
//! `cancel-older` leaves a note beside it, which the holder looks for. A killed holder's lock is gone with it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sealock_contract::Digest;
use sealock_events::Cause;
use sealock_plan::Conflict;
use sealock_workspace::FileLock;

/// Between two looks at a group that somebody else holds, and for a note.
const LOOK: Duration = Duration::from_millis(200);

/// A group that is ours until this is dropped.
pub(crate) struct Held {
    _lock: FileLock,
    note: PathBuf,
}

/// What taking a group came to.
pub(crate) enum Taken {
    /// It is ours.
    Ours(Held),
    /// Somebody holds it, and `on-conflict: fail` says not to wait.
    Refused(Cause),
}

/// Takes `group`, waiting for it or not as `on_conflict` says; `waiting` is called once when it has to wait.
///
/// # Errors
///
/// When the state directory cannot be used.
pub(crate) async fn take(
    state: &Path,
    group: &str,
    on_conflict: Conflict,
    me: &str,
    waiting: impl FnOnce(),
) -> std::io::Result<Taken> {
    let folder = state.join("groups");
    fs::create_dir_all(&folder)?;
    let name = Digest::of(group.as_bytes()).hex();
    let (path, note) = (folder.join(&name), folder.join(format!("{name}.cancel")));
    let mut waiting = Some(waiting);
    loop {
        let file = OpenOptions::new().create(true).truncate(false).write(true).read(true).open(&path)?;
        if let Ok(lock) = FileLock::try_exclusive(file) {
            return own(lock, note, me).map(Taken::Ours);
        }
        if on_conflict == Conflict::Fail {
            return Ok(Taken::Refused(taken(group, &path)));
        }
        if let Some(tell) = waiting.take() {
            tell();
            if on_conflict == Conflict::CancelOlder {
                fs::write(&note, me)?;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn own(mut lock: FileLock, note: PathBuf, me: &str) -> std::io::Result<Held> {
    lock.file().set_len(0)?;
    lock.file().write_all(me.as_bytes())?;
    let _ = fs::remove_file(&note);
    Ok(Held { _lock: lock, note })
}

fn taken(group: &str, path: &Path) -> Cause {
    let holder = fs::read_to_string(path).unwrap_or_default();
    Cause {
        code: "E-CONCURRENCY-TAKEN".into(),
        message: format!("the concurrency group `{group}` is held by {holder}"),
        help: Some("wait for it, or write `on-conflict: queue`".into()),
        exit: 3,
    }
}

impl Held {
    /// Comes back when somebody newer asks for the group.
    pub(crate) async fn asked_to_cancel(note: PathBuf) {
        while !note.exists() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Where that would stand.
    pub(crate) fn note(&self) -> PathBuf {
        self.note.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_group_is_one_holders_and_is_free_when_that_is_gone() {
        let state = tempfile::tempdir().expect("a folder");
        let Ok(Taken::Ours(first)) = take(state.path(), "g", Conflict::Queue, "run 1", || {}).await else {
            panic!("free")
        };
        let Ok(Taken::Refused(cause)) = take(state.path(), "g", Conflict::Fail, "run 2", || {}).await else {
            panic!("held")
        };
        assert_eq!(cause.message, "the concurrency group `g` is held by run 1");
        drop(first);
        assert!(matches!(take(state.path(), "g", Conflict::Fail, "run 2", || {}).await, Ok(Taken::Ours(_))));
    }

    #[tokio::test]
    async fn the_newer_one_asks_the_older_to_stop() {
        let state = tempfile::tempdir().expect("a folder");
        let Ok(Taken::Ours(older)) = take(state.path(), "g", Conflict::Queue, "old", || {}).await else {
            panic!("free")
        };
        let note = older.note();
        let newer = take(state.path(), "g", Conflict::CancelOlder, "new", || {});
        let older = async {
            Held::asked_to_cancel(note.clone()).await;
            drop(older);
        };
        let (newer, ()) = tokio::join!(newer, older);
        assert!(matches!(newer, Ok(Taken::Ours(_))));
        assert!(!note.exists());
    }
}
