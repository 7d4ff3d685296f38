//! Copies of the files that a hermetic step may see, and of nothing else.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2};
use rustix::io::Errno;
use sealock_contract::grant::Pattern;
use tempfile::TempDir;
use walkdir::WalkDir;

use crate::files;
use crate::hash_files::open_inside;

/// Files that one hermetic step may be shown: a pattern of `**` in a large tree is a mistake.
const MAX_SELECTED_FILES: u64 = 100_000;
/// Their bytes, so that a step cannot fill the disk by asking.
const MAX_SELECTED_BYTES: u64 = 1 << 30;

/// A folder with copies of the selected files at their own paths; removed when dropped.
///
/// A pattern without `*` and `?` names one file, or one folder with all in it; naming something that is not
/// there selects nothing. A link that is named, or matches, becomes a plain file with what it leads to, if that
/// is inside the workspace. Writing to the folder changes nothing in the workspace.
#[derive(Debug)]
pub struct Selection {
    folder: TempDir,
    fd: OwnedFd,
    files: u64,
    bytes: u64,
    left_out: Vec<PathBuf>,
}

/// Why files could not be selected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// What is named leads out of the workspace.
    #[error("`{path}` leads out of the workspace")]
    Leaves {
        /// As it was named.
        path: PathBuf,
    },
    /// A limit was hit.
    #[error("the selected files are more than the limit of {limit}")]
    TooMuch {
        /// The limit.
        limit: String,
    },
    /// Something could not be read or written.
    #[error("failed to copy `{path}`")]
    Copy {
        /// Relative to the workspace.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl SelectionError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Leaves { .. } => "E-GRANT-FILES",
            Self::TooMuch { .. } => "E-WORKSPACE-LARGE",
            Self::Copy { source, .. } => files::code(source),
        }
    }
}

impl Selection {
    pub(crate) fn make(
        root: BorrowedFd<'_>,
        root_path: &Path,
        patterns: &[Pattern],
        beside: &Path,
    ) -> Result<Self, SelectionError> {
        let failed = |source| SelectionError::Copy { path: beside.to_owned(), source };
        let folder = tempfile::Builder::new().prefix("selection-").tempdir_in(beside).map_err(failed)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = open(folder.path(), flags, Mode::empty()).map_err(|error| failed(error.into()))?;
        let mut selection = Self { folder, fd, files: 0, bytes: 0, left_out: Vec::new() };
        for pattern in patterns {
            let text = pattern.0.trim_start_matches("./").trim_end_matches('/');
            if text.contains(['*', '?']) {
                selection.take_matching(root, root_path, pattern, &literal_start(text))?;
            } else {
                selection.take_named(root, root_path, Path::new(text))?;
            }
        }
        Ok(selection)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder, open (`O_PATH`).
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// How many files it holds.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// How many bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Links that matched and lead out of the workspace or nowhere: they are not in it.
    pub fn left_out(&self) -> &[PathBuf] {
        &self.left_out
    }

    fn take_named(&mut self, root: BorrowedFd<'_>, root_path: &Path, path: &Path) -> Result<(), SelectionError> {
        match kind_inside(root, path) {
            Ok(FileType::Directory) => self.take_matching(root, root_path, &Pattern("**".into()), path),
            Ok(FileType::RegularFile) => match open_inside(root, path) {
                Ok(file) => file.map_or(Ok(()), |file| self.take(path, &file)),
                Err(source) => Err(SelectionError::Copy { path: path.to_owned(), source }),
            },
            Err(Errno::XDEV) => Err(SelectionError::Leaves { path: path.to_owned() }),
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(()),
            Err(error) => Err(SelectionError::Copy { path: path.to_owned(), source: error.into() }),
        }
    }

    fn take_matching(
        &mut self,
        root: BorrowedFd<'_>,
        root_path: &Path,
        pattern: &Pattern,
        start: &Path,
    ) -> Result<(), SelectionError> {
        if !start.as_os_str().is_empty() && kind_inside(root, start) != Ok(FileType::Directory) {
            return Ok(());
        }
        for entry in WalkDir::new(root_path.join(start)).follow_links(false).sort_by_file_name() {
            let Ok(entry) = entry else { continue };
            let path = entry.path().strip_prefix(root_path).expect("a walk stays below its root");
            if entry.file_type().is_dir() || !pattern.matches(&path.to_string_lossy()) {
                continue;
            }
            match open_inside(root, path) {
                Ok(Some(file)) => self.take(path, &file)?,
                Ok(None) => self.left_out.push(path.to_owned()),
                Err(source) => return Err(SelectionError::Copy { path: path.to_owned(), source }),
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, file: &File) -> Result<(), SelectionError> {
        let failed = |source| SelectionError::Copy { path: path.to_owned(), source };
        let meta = file.metadata().map_err(failed)?;
        let too_much = |limit: String| Err(SelectionError::TooMuch { limit });
        if self.files == MAX_SELECTED_FILES {
            return too_much(format!("{MAX_SELECTED_FILES} files"));
        }
        if self.bytes + meta.len() > MAX_SELECTED_BYTES {
            return too_much(format!("{} MiB", MAX_SELECTED_BYTES >> 20));
        }
        let target = self.folder.path().join(path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mode = meta.mode() & 0o777 | 0o600;
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&target) {
            Ok(copy) => drop(files::copy_contents(file, &copy).map_err(failed)?),
            // Two patterns named it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
        self.files += 1;
        self.bytes += meta.len();
        Ok(())
    }
}

/// What `path` leads to, without leaving `root`.
fn kind_inside(root: BorrowedFd<'_>, path: &Path) -> rustix::io::Result<FileType> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let found = openat2(root, path, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS)?;
    Ok(FileType::from_raw_mode(fstat(found)?.st_mode))
}

/// The segments of a pattern before the first that has a wildcard: nothing else can match.
fn literal_start(pattern: &str) -> PathBuf {
    let segments: Vec<&str> = pattern.split('/').collect();
    let literal = segments.iter().take_while(|segment| !segment.contains(['*', '?']) && **segment != "..");
    literal.collect()
}
