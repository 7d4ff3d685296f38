//! Opening the file, and refusing what cannot be trusted.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};
use rustix::fs::{FlockOperation, flock};

use crate::commit::{Observer, Writing};
use crate::reserve::Reserve;
use crate::{ChainBreak, FullDisk, ReadError, file_system, ownership};

/// The version of the tables below, in `user_version`.
const SCHEMA_VERSION: i64 = 2;
/// Between two looks whether another process has committed. SQLite's own pauses grow to 100 ms, and a run that
/// commits without a pause would starve the others.
const BUSY_PAUSE: Duration = Duration::from_millis(1);
/// How often it is looked, some 30 s in all: longer than any sync takes on a disk that still works.
const BUSY_LOOKS: i32 = 25_000;
/// Statements that are kept ready.
const STATEMENTS: usize = 32;

const TABLES: &str = "
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        run TEXT NOT NULL UNIQUE,
        pipeline TEXT NOT NULL,
        file TEXT NOT NULL,
        commit_id TEXT,
        plan_digest TEXT NOT NULL,
        started_ms INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        last_hash BLOB NOT NULL,
        result TEXT,
        exit INTEGER,
        duration_ms INTEGER
    ) STRICT;
    CREATE TABLE plans (
        id INTEGER PRIMARY KEY,
        run TEXT NOT NULL UNIQUE,
        plan TEXT NOT NULL
    ) STRICT;
    CREATE TABLE events (
        run TEXT NOT NULL,
        seq INTEGER NOT NULL,
        kind TEXT NOT NULL,
        record BLOB NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (run, seq)
    ) STRICT, WITHOUT ROWID;
";

/// From version 1, where the plan stood in the run's row: each commit moves the run's end in that row, and read
/// the plan, megabytes of it for ten thousand steps, once more.
const FROM_VERSION_1: &str = "
    CREATE TABLE plans (
        id INTEGER PRIMARY KEY,
        run TEXT NOT NULL UNIQUE,
        plan TEXT NOT NULL
    ) STRICT;
    INSERT INTO plans (run, plan) SELECT run, plan FROM runs;
    ALTER TABLE runs DROP COLUMN plan;
";

/// The durable record of runs, open to read all of them and to write one.
#[derive(Debug)]
pub struct Journal {
    pub(crate) connection: Connection,
    pub(crate) state: PathBuf,
    pub(crate) reserve: Reserve,
    pub(crate) writing: Option<Writing>,
    pub(crate) failed: bool,
    pub(crate) observer: Observer,
}

/// Why a journal could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A newer Sealock wrote it.
    #[error("the journal has version {found}, and this Sealock knows version {known}")]
    Newer {
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The state directory is on a network file system.
    #[error("the state directory `{path}` is on {kind}, where a journal is not safe")]
    Network {
        /// The state directory.
        path: PathBuf,
        /// Such as `NFS`.
        kind: String,
    },
    /// Somebody else could have put a plan into it that this user then goes on with.
    #[error("the state directory `{path}` {why}: expected one that is your own and that only you may write in")]
    Shared {
        /// The state directory.
        path: PathBuf,
        /// Such as: belongs to the user 65534.
        why: String,
    },
    /// The last record of a run is not what was written.
    #[error(transparent)]
    Chain(#[from] ChainBreak),
    /// There is no room to open it: also reading takes some.
    #[error("the journal cannot be opened: {0}")]
    Full(FullDisk),
    /// It is no journal, or a damaged one.
    #[error("`{path}` is not a journal that can be read")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The state directory cannot be used.
    #[error("failed to open the state directory `{path}`")]
    Folder {
        /// The state directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl OpenError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "E-JOURNAL-NEWER",
            Self::Network { .. } => "E-JOURNAL-NETWORK",
            Self::Shared { .. } => "E-STATE-SHARED",
            Self::Chain(_) => "E-JOURNAL-CHAIN",
            Self::Full(_) => "E-DISK-FULL",
            Self::Damaged { .. } => "E-JOURNAL-DAMAGED",
            Self::Folder { source, .. } => crate::commit::disk_code(source),
        }
    }

    /// What to do, when that is known.
    pub fn help(&self) -> Option<&'static str> {
        let full = (self.code() == "E-DISK-FULL").then_some(FullDisk::HELP);
        full.or_else(|| crate::examine::help(self.code()))
    }
}

impl Journal {
    /// Opens the journal of a state directory, and makes both when they are not there. The last records are
    /// verified; a whole run is when it is read.
    ///
    /// # Errors
    ///
    /// When the journal was written by a newer version, lies on a network file system, or does not verify.
    pub fn open(state: &Path) -> Result<Self, OpenError> {
        let journal = Self::open_unverified(state)?;
        match journal.verify_tails() {
            Err(ReadError::Chain(broken)) => Err(broken.into()),
            Err(ReadError::Sqlite(source)) => Err(damaged(state, source)),
            Ok(()) | Err(_) => Ok(journal),
        }
    }

    /// Opens it without verifying records, for `doctor` and for saving what can be read.
    ///
    /// # Errors
    ///
    /// As for [`Journal::open`], but for the chain.
    pub fn open_unverified(state: &Path) -> Result<Self, OpenError> {
        let folder = |source| refused(state, source);
        make_state_folder(state).map_err(folder)?;
        let state = state.canonicalize().map_err(folder)?;
        if let Some(why) = ownership::stranger(&state).map_err(folder)? {
            return Err(OpenError::Shared { path: state, why });
        }
        if let Some(kind) = file_system::network(&state).map_err(folder)? {
            return Err(OpenError::Network { path: state, kind });
        }
        let path = state.join("journal.db");
        let (connection, found) = {
            let _turn = wait_for_turn(&state).map_err(folder)?;
            create_private(&path).map_err(folder)?;
            connect(&path).map_err(|source| damaged(&state, source))?
        };
        if found > SCHEMA_VERSION {
            return Err(OpenError::Newer { found, known: SCHEMA_VERSION });
        }
        let reserve = Reserve::keep(&state);
        Ok(Self { connection, state, reserve, writing: None, failed: false, observer: Observer::default() })
    }

    /// The state directory.
    pub fn state(&self) -> &Path {
        &self.state
    }
}

fn damaged(state: &Path, source: rusqlite::Error) -> OpenError {
    match FullDisk::behind(&source, state) {
        Some(full) => OpenError::Full(full),
        None => OpenError::Damaged { path: state.join("journal.db"), source },
    }
}

fn refused(state: &Path, source: io::Error) -> OpenError {
    if FullDisk::is_cause_of(&source) {
        OpenError::Full(FullDisk::at(state))
    } else {
        OpenError::Folder { path: state.to_owned(), source }
    }
}

/// Makes a state directory that is not there, and the folders above it, each with its name on the disk: a journal that
/// is synced in a folder that is forgotten would be lost.
///
/// # Errors
///
/// When one cannot be made.
pub fn make_state_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_state_folder(parent)?;
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // Not every file system lets folders be synced; those that do not keep names by themselves.
    let _ = File::open(parent)?.sync_all();
    Ok(())
}

/// Processes open one after the other: turning a new file into one with a WAL is the one thing that SQLite does
/// not wait for. The kernel ends the turn when the file is closed.
fn wait_for_turn(state: &Path) -> io::Result<File> {
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(state.join("journal.lock"))?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

/// Makes the file before SQLite does, which gives the files beside it the mode that this one has. One that is
/// there must not be opened and closed: that would take the locks of every other connection of this process.
fn create_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Opens the file; answers the version of its tables too.
///
/// The WAL is not folded into the file when the last process closes it: that would cost each run two more syncs.
/// It is folded in when it has grown to 4 MiB; until then `journal.db-wal` belongs to `journal.db`.
fn connect(path: &Path) -> rusqlite::Result<(Connection, i64)> {
    let mut connection = Connection::open(path)?;
    connection.busy_handler(Some(wait_for_others))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;")?;
    let found = make_tables(&mut connection)?;
    Ok((connection, found))
}

fn wait_for_others(looks: i32) -> bool {
    thread::sleep(BUSY_PAUSE);
    looks < BUSY_LOOKS
}

/// Makes the tables of a new file, and changes those of an older one; answers the version that the file has then.
fn make_tables(connection: &mut Connection) -> rusqlite::Result<i64> {
    let version = |connection: &Connection| connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    let found = version(connection)?;
    if found >= SCHEMA_VERSION {
        return Ok(found);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have made them while this one waited.
    let missing = match version(&transaction)? {
        0 => TABLES,
        1 => FROM_VERSION_1,
        _ => "",
    };
    if !missing.is_empty() {
        transaction.execute_batch(missing)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    }
    transaction.commit()?;
    version(connection)
}
