//! The wall around native programs.
//!
//! A [`Zygote`] is forked at the very top of `main`, before there are threads or secrets, and stays a small
//! process with one thread. For each program it clones an *init*; the init builds the wall, starts the
//! program inside, and when the program ends, or it is told to, or the runner is gone, kills everything
//! that the program started, however it tried to get away, and reports.
//!
//! ```text
//! runner ──order, descriptors──▶ zygote ──clone──▶ init ──fork──▶ program
//!    ◀───────────────── one socket per program ──────┘
//! ```
//!
//! With the runner's privileges the zygote keeps the mounts that every program of a run gets, laid for the second (`ground.rs`);
//! the init moves into a copy of them and adds what is the program's own.
//!
//! # Invariants
//!
//! - No secret is ever in the zygote: an order with its environment is read by the init.
//! - The program holds its three streams and no other descriptor, and no variable that its order does not
//!   name.
//! - When an end has been reported, nothing that the program started is alive. Without an own PID
//!   namespace this is done by reaping as a subreaper until nothing is left.
//! - Unsafe code is in `system.rs` only, one call a function.
//!
//! # What it does not stop
//!
//! The network; reading files of `/etc` that the runner's user may read. Without own mounts: changing modes,
//! owners, and times of files that the runner's user owns, writing the machine's `/dev/shm`, and, on kernels
//! before Linux 7.1 (Landlock 9), connecting to any socket in the file system that the runner's user may connect
//! to. [`Wall`] says which parts stand.

mod descriptors;
mod devices;
mod ground;
mod init;
mod order;
mod prison;
mod rights;
mod system;
mod veil;
mod wall;
mod zygote;

pub use order::{End, LaunchFailure, SetupStage};
pub use rights::SYSTEM_FOLDERS;
pub use wall::{Namespaces, Wall};
pub use zygote::{Channel, Streams, Zygote, ZygoteError};

pub use order::{HostSpec, Order, WallSpec};
