//! A run's own folder in the state directory, and the lock that says that the run lives.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::file_lock::FileLock;
use crate::files;

/// `<state>/runs/<run>`, locked for as long as this value lives.
#[derive(Debug)]
pub struct RunFolder {
    state: PathBuf,
    path: PathBuf,
    run: String,
    _lock: FileLock,
}

/// Why a run's folder could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunFolderError {
    /// Another process holds it.
    #[error("run `{run}` is held by another process")]
    Held {
        /// The run.
        run: String,
    },
    /// A run's name is letters, digits, `-`, and `_`.
    #[error("`{run}` is not the name of a run")]
    Name {
        /// As it was given.
        run: String,
    },
    /// The folder could not be made.
    #[error("failed to make `{path}`")]
    Make {
        /// What was being made.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl RunFolderError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Held { .. } => "E-RUN-HELD",
            Self::Name { .. } => "E-RUN-UNKNOWN",
            Self::Make { source, .. } => files::code(source),
        }
    }
}

impl RunFolder {
    /// Makes the folder when it is not there, and takes its lock.
    ///
    /// # Errors
    ///
    /// When another process holds the lock, or the folder cannot be made.
    pub fn create(state: &Path, run: &str) -> Result<Self, RunFolderError> {
        if !is_run_name(run) {
            return Err(RunFolderError::Name { run: run.to_owned() });
        }
        let path = state.join("runs").join(run);
        let failed = |source| RunFolderError::Make { path: path.clone(), source };
        make_private(&path).map_err(failed)?;
        let (state, path) = (state.canonicalize().map_err(failed)?, path.canonicalize().map_err(failed)?);
        let lock = open_lock(&path.join("lock")).map_err(failed)?;
        match FileLock::try_exclusive(lock) {
            Err(_) => Err(RunFolderError::Held { run: run.to_owned() }),
            Ok(lock) => Ok(Self { state, path, run: run.to_owned(), _lock: lock }),
        }
    }

    /// Whether a process holds `run`: whether it goes on. A run without an end that nobody holds was killed.
    pub fn is_held(state: &Path, run: &str) -> bool {
        is_run_name(run) && is_live(&state.join("runs").join(run))
    }

    /// The state directory.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// `<state>/runs/<run>`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Writes down of which repository the run is.
    ///
    /// # Errors
    ///
    /// When that cannot be written.
    pub fn note_repository(&self, root: &Path) -> io::Result<()> {
        fs::write(self.path.join("repository"), root.as_os_str().as_bytes())
    }

    /// The root of the repository that `run` is of, when that was written down.
    pub fn repository(state: &Path, run: &str) -> Option<PathBuf> {
        let noted = is_run_name(run).then(|| fs::read(state.join("runs").join(run).join("repository")).ok())?;
        noted.map(|bytes| PathBuf::from(OsString::from_vec(bytes)))
    }

    /// Writes down on which machine the run goes on.
    ///
    /// # Errors
    ///
    /// When that cannot be written.
    pub fn note_machine(&self, machine: &str) -> io::Result<()> {
        fs::write(self.path.join("machine"), machine)
    }

    /// The machine that `run` goes on on, when that was written down.
    pub fn machine(state: &Path, run: &str) -> Option<String> {
        is_run_name(run).then(|| fs::read_to_string(state.join("runs").join(run).join("machine")).ok())?
    }

    /// Whether `run` is one of this state directory whose process is gone, however it ended. A run that is not known here
    /// may be another state directory's.
    pub fn is_abandoned(state: &Path, run: &str) -> bool {
        let path = state.join("runs").join(run);
        is_run_name(run) && path.is_dir() && !is_live(&path)
    }

    /// Removes the folders of steps that a killed process of the run left.
    ///
    /// # Errors
    ///
    /// When something cannot be removed.
    pub fn clear_steps(&self) -> io::Result<()> {
        files::remove(&self.path.join("steps"))
    }

    /// Removes everything of the run: nothing of it is kept.
    ///
    /// # Errors
    ///
    /// When something cannot be removed.
    pub fn remove(self) -> io::Result<()> {
        files::remove(&self.path)
    }

    /// Removes the workspaces of a run that is over, its stages, the folders of its steps, their home, and its layer, and
    /// lets go of it. Its log stays.
    ///
    /// # Errors
    ///
    /// When something cannot be removed.
    pub fn discard(self) -> io::Result<()> {
        self.discard_stages()?;
        files::remove(&self.path.join("layer.notes"))?;
        files::remove(&self.path.join("layer"))
    }

    /// The same, but for its layer: what was not committed, which nobody else has as it was.
    ///
    /// # Errors
    ///
    /// When something cannot be removed.
    pub fn discard_stages(&self) -> io::Result<()> {
        files::remove(&self.path.join("stages"))?;
        files::remove(&self.path.join("steps"))?;
        files::remove(&self.path.join("home"))
    }
}

/// Whether a process holds the run in `folder`; no when it has no lock file.
///
/// Asked with a shared lock, so that two who ask do not take each other for the run.
pub(crate) fn is_live(folder: &Path) -> bool {
    let Ok(lock) = OpenOptions::new().read(true).open(folder.join("lock")) else { return false };
    FileLock::try_shared(lock).is_err()
}

pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn is_run_name(run: &str) -> bool {
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !run.is_empty() && run.len() <= 100 && run.chars().all(is_name_char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_abandoned_when_it_is_known_here_and_nobody_holds_it() {
        let state = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::create(state.path(), "01A").expect("it is free");
        assert!(!RunFolder::is_abandoned(state.path(), "01A"));
        drop(folder);
        assert!(RunFolder::is_abandoned(state.path(), "01A"));
        assert!(!RunFolder::is_abandoned(state.path(), "another-state-directory-s"));
        assert!(!RunFolder::is_abandoned(state.path(), "../runs/01A"));
    }
}
