//! SQLite's own file system, with everything that goes through it written down, or refused.
//!
//! It becomes the default of the process, so that the journal uses it without knowing. Of a folder that nobody
//! [`watch`]es nothing is kept.

#![expect(unsafe_code, reason = "SQLite's file systems are tables of C functions")]

use std::collections::HashMap;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::mem::size_of;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Once, PoisonError};

use rusqlite::ffi::{
    SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE, SQLITE_OK, sqlite3_file, sqlite3_filename, sqlite3_io_methods, sqlite3_vfs,
    sqlite3_vfs_find, sqlite3_vfs_register,
};

/// What reached the disk's cache, in order. Files are called by their last name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Write {
        file: String,
        at: u64,
        bytes: Vec<u8>,
    },
    Truncate {
        file: String,
        length: u64,
    },
    Sync {
        file: String,
    },
    Delete {
        file: String,
    },
    /// Said by the test: up to here this was acknowledged.
    Acknowledged {
        run: usize,
        seq: u64,
    },
}

/// What is refused from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Every sync, as a disk does that lost what it was given.
    Sync,
    /// Every write, as after the kernel made the file system read-only.
    Write,
}

/// What is known of one folder's files.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) operations: Vec<Operation>,
    pub(crate) fault: Option<Fault>,
    /// Calls since the fault that would have changed something.
    pub(crate) refused: usize,
}

type Shared = Arc<Mutex<Disk>>;

static WATCHED: LazyLock<Mutex<HashMap<PathBuf, Shared>>> = LazyLock::new(Mutex::default);
static REGISTERED: Once = Once::new();

/// From here on what happens to the journal in `state` is kept.
pub(crate) fn watch(state: &Path) -> Shared {
    REGISTERED.call_once(register);
    let disk = Shared::default();
    lock(&WATCHED).insert(state.canonicalize().expect("it is there"), disk.clone());
    disk
}

pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the real file system keeps what it knows of an open file: behind this.
#[repr(C)]
struct OpenFile {
    base: sqlite3_file,
    /// Who watches it, and its name; null when nobody does.
    kept: *mut Kept,
}

struct Kept {
    disk: Shared,
    file: String,
}

fn register() {
    // SAFETY: the default file system lives as long as the process, and so does the copy, which is leaked.
    unsafe {
        let real = sqlite3_vfs_find(ptr::null());
        let mut own = Box::new(*real);
        own.zName = c"watched".as_ptr();
        own.szOsFile += c_int::try_from(size_of::<OpenFile>()).expect("it is small");
        own.pNext = ptr::null_mut();
        own.xOpen = Some(open);
        own.xDelete = Some(delete);
        assert_eq!(sqlite3_vfs_register(Box::leak(own), 1), SQLITE_OK);
    }
}

/// The file system that does the work: the only other one that has this function is ours.
unsafe fn real_vfs() -> *mut sqlite3_vfs {
    // SAFETY: both names are of file systems that live as long as the process.
    unsafe { sqlite3_vfs_find(c"unix".as_ptr()) }
}

fn split(path: *const c_char) -> Option<(Shared, String)> {
    if path.is_null() {
        return None;
    }
    // SAFETY: SQLite hands over names that end.
    let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
    let disk = lock(&WATCHED).get(path.parent()?)?.clone();
    Some((disk, path.file_name()?.to_str()?.to_owned()))
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: `file` has as much room as was asked for, our part first.
    unsafe {
        let kept = split(name).map_or(ptr::null_mut(), |(disk, file)| Box::into_raw(Box::new(Kept { disk, file })));
        file.cast::<OpenFile>().write(OpenFile { base: sqlite3_file { pMethods: ptr::null() }, kept });
        let vfs = real_vfs();
        let open = (*vfs).xOpen.expect("every file system has it");
        let result = open(vfs, name, real(file), flags, out);
        if result == SQLITE_OK {
            (*file).pMethods = &raw const METHODS;
        }
        result
    }
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    if let Some((disk, file)) = split(name) {
        lock(&disk).operations.push(Operation::Delete { file });
    }
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        let vfs = real_vfs();
        (*vfs).xDelete.expect("every file system has it")(vfs, name, sync)
    }
}

unsafe fn real(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: behind our part there is room for the real one.
    unsafe { file.cast::<u8>().add(size_of::<OpenFile>()).cast() }
}

/// Writes `operation` down, or refuses it.
unsafe fn note(file: *mut sqlite3_file, operation: impl FnOnce(String) -> Operation) -> Result<(), c_int> {
    // SAFETY: every file that comes here was opened above.
    let Some(kept) = (unsafe { (*file.cast::<OpenFile>()).kept.as_ref() }) else { return Ok(()) };
    let mut disk = lock(&kept.disk);
    let operation = operation(kept.file.clone());
    let refusal = match (disk.fault, &operation) {
        (Some(Fault::Sync), Operation::Sync { .. }) => Err(SQLITE_IOERR_FSYNC),
        (Some(Fault::Write), Operation::Write { .. } | Operation::Truncate { .. }) => Err(SQLITE_IOERR_WRITE),
        _ => Ok(()),
    };
    disk.refused += usize::from(refusal.is_err());
    disk.operations.push(operation);
    refusal
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: it is closed once, and nobody uses it afterwards.
    unsafe {
        let kept = (*file.cast::<OpenFile>()).kept;
        if !kept.is_null() {
            drop(Box::from_raw(kept));
        }
        let real = real(file);
        (*(*real).pMethods).xClose.expect("every file has it")(real)
    }
}

unsafe extern "C" fn write(file: *mut sqlite3_file, from: *const c_void, length: c_int, at: i64) -> c_int {
    // SAFETY: SQLite hands over as many bytes as it says.
    unsafe {
        let bytes = std::slice::from_raw_parts(from.cast::<u8>(), usize::try_from(length).expect("not negative"));
        let at_byte = u64::try_from(at).expect("not negative");
        let write = |file| Operation::Write { file, at: at_byte, bytes: bytes.to_vec() };
        if let Err(refusal) = note(file, write) {
            return refusal;
        }
        let real = real(file);
        (*(*real).pMethods).xWrite.expect("every file has it")(real, from, length, at)
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: i64) -> c_int {
    // SAFETY: as above.
    unsafe {
        let bytes = u64::try_from(length).expect("not negative");
        if let Err(refusal) = note(file, |file| Operation::Truncate { file, length: bytes }) {
            return refusal;
        }
        let real = real(file);
        (*(*real).pMethods).xTruncate.expect("every file has it")(real, length)
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: as above.
    unsafe {
        if let Err(refusal) = note(file, |file| Operation::Sync { file }) {
            return refusal;
        }
        let real = real(file);
        (*(*real).pMethods).xSync.expect("every file has it")(real, flags)
    }
}

/// Functions that only hand over.
macro_rules! pass {
    ($($name:ident as $method:ident($($argument:ident: $kind:ty),*) $(-> $result:ty)?;)*) => {$(
        unsafe extern "C" fn $name(file: *mut sqlite3_file $(, $argument: $kind)*) $(-> $result)? {
            // SAFETY: the arguments are SQLite's own, for the file system that it believes to speak to.
            unsafe {
                let real = real(file);
                (*(*real).pMethods).$method.expect("a file in a WAL's company has it")(real $(, $argument)*)
            }
        }
    )*};
}

pass! {
    read as xRead(to: *mut c_void, length: c_int, at: i64) -> c_int;
    file_size as xFileSize(size: *mut i64) -> c_int;
    lock_file as xLock(level: c_int) -> c_int;
    unlock_file as xUnlock(level: c_int) -> c_int;
    check_lock as xCheckReservedLock(out: *mut c_int) -> c_int;
    control as xFileControl(what: c_int, argument: *mut c_void) -> c_int;
    sector_size as xSectorSize() -> c_int;
    device as xDeviceCharacteristics() -> c_int;
    shared_map as xShmMap(page: c_int, size: c_int, extend: c_int, to: *mut *mut c_void) -> c_int;
    shared_lock as xShmLock(offset: c_int, count: c_int, flags: c_int) -> c_int;
    shared_barrier as xShmBarrier();
    shared_unmap as xShmUnmap(delete: c_int) -> c_int;
}

/// Version 2: without mapped files, so that every write passes here.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock_file),
    xUnlock: Some(unlock_file),
    xCheckReservedLock: Some(check_lock),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device),
    xShmMap: Some(shared_map),
    xShmLock: Some(shared_lock),
    xShmBarrier: Some(shared_barrier),
    xShmUnmap: Some(shared_unmap),
    xFetch: None,
    xUnfetch: None,
};
