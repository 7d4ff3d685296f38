//! The folder of compiled components.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sealock_contract::Digest;

use crate::key::{Key, TAG_BYTES};

/// Larger than any compiled component: a sparse file must not be read into memory.
const ENTRY_BYTES: u64 = 1 << 30;
/// The folder of empty files that are locked by who compiles what they are called after.
const TURNS: &str = "turns";
/// What a file ends with.
const SUFFIX: &str = ".cwasm";

/// Why the folder cannot be used at all.
#[derive(Debug, thiserror::Error)]
#[error("the cache folder `{folder}` cannot be used")]
pub struct CacheError {
    /// Which folder.
    pub folder: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Why there was no entry to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissReason {
    /// This component was never compiled here.
    Absent,
    /// It was compiled for another engine or other settings.
    EngineChanged,
    /// The file is shorter than a tag.
    Truncated,
    /// The tag is not this folder's: another wrote the file, or changed or renamed it.
    BadTag,
    /// The file is longer than any compiled component.
    TooLong,
    /// The file cannot be read.
    Unreadable(String),
}

impl fmt::Display for MissReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("it was not compiled before"),
            Self::EngineChanged => f.write_str("it was compiled for another engine"),
            Self::Truncated => f.write_str("the compiled file is cut short"),
            Self::BadTag => f.write_str("the compiled file is not authentic"),
            Self::TooLong => f.write_str("the compiled file is too long"),
            Self::Unreadable(error) => write!(f, "the compiled file cannot be read: {error}"),
        }
    }
}

/// What is looked for: a component, and the engine that is to run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    component: Digest,
    engine: String,
}

impl Entry {
    /// `engine` is what the sandbox's `compatibility` says.
    pub fn new(component: Digest, engine: impl Into<String>) -> Self {
        Self { component, engine: engine.into() }
    }

    fn file_name(&self) -> String {
        format!("{}-{}{SUFFIX}", self.component.hex(), self.engine)
    }
}

/// The turn to compile one component, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Turn {
    /// Locked; nothing where the disk refuses locks, which costs time and nothing else.
    _file: Option<File>,
}

/// Compiled components in a folder of this user alone.
pub struct CompiledCache {
    folder: PathBuf,
    key: Key,
}

impl fmt::Debug for CompiledCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompiledCache").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl CompiledCache {
    /// Opens the folder, and makes it and its key when they are not there.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or may be entered by others.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let wrong = |source| CacheError { folder: folder.to_owned(), source };
        let key = Key::open(folder).map_err(wrong)?;
        Ok(Self { folder: folder.to_owned(), key })
    }

    /// The compiled code of `entry`, verified.
    ///
    /// # Errors
    ///
    /// Why it has to be compiled.
    pub fn load(&self, entry: &Entry) -> Result<Vec<u8>, MissReason> {
        let mut bytes = self.read(entry)?;
        if bytes.len() <= TAG_BYTES {
            return Err(MissReason::Truncated);
        }
        let code = bytes.split_off(TAG_BYTES);
        if self.tag(entry, &code).matches(&bytes) { Ok(code) } else { Err(MissReason::BadTag) }
    }

    /// Waits until no other process compiles `entry`. Who had to wait finds it here, when the other succeeded.
    pub fn turn(&self, entry: &Entry) -> Turn {
        Turn { _file: self.locked(entry).ok() }
    }

    fn locked(&self, entry: &Entry) -> io::Result<File> {
        let folder = self.folder.join(TURNS);
        fs::create_dir_all(&folder)?;
        let file = File::options().create(true).truncate(false).write(true).open(folder.join(entry.file_name()))?;
        file.lock()?;
        Ok(file)
    }

    /// Keeps compiled code.
    ///
    /// # Errors
    ///
    /// When the disk refuses. The code is good all the same.
    pub fn save(&self, entry: &Entry, code: &[u8]) -> Result<(), CacheError> {
        self.write(entry, code).map_err(|source| CacheError { folder: self.folder.clone(), source })
    }

    fn tag(&self, entry: &Entry, code: &[u8]) -> crate::key::Tag {
        self.key.authenticate(&[entry.component.as_bytes(), entry.engine.as_bytes(), code])
    }

    fn read(&self, entry: &Entry) -> Result<Vec<u8>, MissReason> {
        let unreadable = |error: io::Error| MissReason::Unreadable(error.to_string());
        let file = match File::open(self.folder.join(entry.file_name())) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.why_absent(entry)),
            Err(error) => return Err(unreadable(error)),
        };
        let length = file.metadata().map_err(unreadable)?.len();
        if length > ENTRY_BYTES {
            return Err(MissReason::TooLong);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        file.take(ENTRY_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(bytes)
    }

    /// Whether the same component is there for another engine.
    fn why_absent(&self, entry: &Entry) -> MissReason {
        let component = entry.component.hex();
        let Ok(files) = fs::read_dir(&self.folder) else {
            return MissReason::Absent;
        };
        let mut names = files.filter_map(Result::ok).map(|file| file.file_name());
        let is_other = |name: &std::ffi::OsString| name.to_str().is_some_and(|name| name.starts_with(&component));
        if names.any(|name| is_other(&name)) { MissReason::EngineChanged } else { MissReason::Absent }
    }

    fn write(&self, entry: &Entry, code: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix("new-").tempfile_in(&self.folder)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(&self.tag(entry, code).bytes())?;
        file.write_all(code)?;
        file.as_file().sync_all()?;
        file.persist(self.folder.join(entry.file_name())).map_err(|error| error.error)?;
        File::open(&self.folder)?.sync_all()
    }
}
