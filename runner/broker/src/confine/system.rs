//! The system calls that have no safe form. One call a function, with why it is sound.
#![expect(unsafe_code, reason = "fork, exec, and the environment's memory are unsafe by nature")]

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;

use rustix::process::Pid;

/// Which side of a fork this is.
pub(super) enum Fork {
    Parent(Pid),
    Child,
}

/// Forks into the namespaces of `flags` (`CLONE_NEW…`).
///
/// The C library is not told, so its at-fork handlers do not run: the caller has one thread, whose locks
/// are all free.
pub(super) fn fork(flags: libc::c_int) -> io::Result<Fork> {
    let flags = libc::c_long::from(flags | libc::SIGCHLD);
    // SAFETY: without CLONE_VM and with no stack this is `fork`: the child has a copy of everything, and
    // there is only one thread whose state could be torn.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    match i32::try_from(pid).ok().and_then(Pid::from_raw) {
        Some(pid) => Ok(Fork::Parent(pid)),
        None => Ok(Fork::Child),
    }
}

/// Ends this process without running anything of it any more.
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: ends the process; buffers and destructors of the copy it is are not meant to run.
    unsafe { libc::_exit(code) }
}

/// Replaces this process; returns only when that failed.
pub(super) fn execute(path: &CString, args: &[CString], env: &[CString]) -> io::Error {
    let list = |strings: &[CString]| -> Vec<*const libc::c_char> {
        strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (args, env) = (list(args), list(env));
    // SAFETY: both lists end with a null, and their strings outlive the call.
    unsafe { libc::execve(path.as_ptr(), args.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

/// Makes `fd` this process's stream number `stream`, open across `execute`.
pub(super) fn set_stream(fd: RawFd, stream: RawFd) -> io::Result<()> {
    // SAFETY: replaces a stream of this process, which nothing else in it uses.
    match unsafe { libc::dup2(fd, stream) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Has every descriptor from `first` on closed by `execute`.
pub(super) fn close_on_execute(first: RawFd) {
    // SAFETY: sets flags on descriptors; closes none. Where the kernel does not know it, every descriptor
    // has been opened with that flag already.
    unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
}

/// What may be done through mounts.
#[derive(Clone, Copy)]
pub(super) enum Mounts {
    /// Nothing is written; setuid bits and devices are not heeded. What is mounted on the machine from now on is not there.
    ReadOnly,
    /// As `ReadOnly`, but what is mounted or unmounted on the machine from now on is so there too.
    Ground,
    /// Setuid bits and devices are not heeded.
    Writable,
    /// Devices are heeded; the rest stays as it is.
    WithDevices,
    /// Mode, owner, and times stay as they are; a device is heeded, and written.
    Device,
}

/// Sets `mounts` for every mount below `path`; nothing of them reaches the namespaces that they were copied from.
pub(super) fn set_mounts(path: &Path, mounts: Mounts) -> io::Result<()> {
    set_mounts_at(libc::AT_FDCWD, &CString::new(path.as_os_str().as_encoded_bytes())?, 0, mounts)
}

/// As [`set_mounts`], for what `tree` is the top of.
pub(super) fn set_tree(tree: &OwnedFd, mounts: Mounts) -> io::Result<()> {
    set_mounts_at(tree.as_raw_fd(), c"", libc::AT_EMPTY_PATH, mounts)
}

fn set_mounts_at(folder: RawFd, path: &CStr, flags: libc::c_int, mounts: Mounts) -> io::Result<()> {
    let deaf = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    let (attr_set, attr_clr) = match mounts {
        Mounts::ReadOnly | Mounts::Ground => (libc::MOUNT_ATTR_RDONLY | deaf, 0),
        Mounts::Writable => (deaf, libc::MOUNT_ATTR_RDONLY),
        Mounts::WithDevices => (0, libc::MOUNT_ATTR_NODEV),
        Mounts::Device => (libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID, 0),
    };
    let propagation = if matches!(mounts, Mounts::Ground) { libc::MS_SLAVE } else { libc::MS_PRIVATE };
    let attributes = libc::mount_attr { attr_set, attr_clr, propagation, userns_fd: 0 };
    let (size, flags) = (size_of_val(&attributes), libc::AT_RECURSIVE | flags);
    // SAFETY: the path and the attributes are read and outlive the call; the size is theirs.
    let set =
        unsafe { libc::syscall(libc::SYS_mount_setattr, folder, path.as_ptr(), flags, &raw const attributes, size) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives this process a copy of the mounts that it has.
pub(super) fn copy_mounts() -> io::Result<()> {
    // SAFETY: touches neither memory nor descriptors; this process has one thread.
    match unsafe { libc::unshare(libc::CLONE_NEWNS) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Sends `signal` to every process that this one may signal, except itself; only meant in an own PID
/// namespace. Says whether there was one.
pub(super) fn signal_all(signal: libc::c_int) -> bool {
    // SAFETY: a signal touches no memory of this process.
    unsafe { libc::kill(-1, signal) == 0 }
}

/// Signals as a program expects to find them: the runner's runtime ignores SIGPIPE.
pub(super) fn reset_signals() {
    // SAFETY: the default action is no function, and the set is initialised by `sigemptyset`.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// The kernel's Landlock version, 0 without Landlock.
pub(super) fn landlock_version() -> u32 {
    const VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the kernel reads no memory.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<libc::c_void>(), 0_usize, VERSION) };
    u32::try_from(version).unwrap_or(0)
}

/// Overwrites the environment that this process was started with: a copy of the runner must not keep the
/// variables that secrets come in.
pub(super) fn forget_environment() {
    unsafe extern "C" {
        static mut environ: *mut *mut libc::c_char;
    }
    // SAFETY: `environ` is a list of C strings that ends with a null; this process has one thread and reads
    // no variable afterwards.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            let text = *entry;
            libc::memset(text.cast(), 0, libc::strlen(text));
            *entry = std::ptr::null_mut();
            entry = entry.add(1);
        }
    }
}
