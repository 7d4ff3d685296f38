//! Git facts, one checkout of the commit a run, and a copy-on-write view of it for each stage.
//!
//! The way through: [`Repository`] says what is there, [`RunFolder`] is the run's own folder in the state
//! directory, [`Checkout`] puts the commit (and the uncommitted changes) there once, [`View`] gives each stage
//! a workspace of its own. A view is an overlay in the host's mount namespace where the process may mount, else
//! a copy, by reflink where the file system can.
//!
//! ```text
//! <state>/checkouts/<commit>/{tree,index,notes}     shared by all runs of that commit, never written again
//! <state>/runs/<run>/{lock,layer}                   the run: `.git` and the uncommitted changes
//! <state>/runs/<run>/stages/<stage>/{upper,work,workspace}
//! ```
//!
//! # Invariants
//!
//! - Nothing of the user's repository is ever written: not its index, not its refs, not its files.
//! - A view holds no credentials of remotes: `.git` is made anew, and its configuration is ours.
//! - Nothing here runs a program, also not a git filter or hook.
//! - What a checkout holds is complete: it gets its name only when it is, and after a reboot it is made again.
//! - No function here follows a link out of a workspace.

mod checkout;
mod file_lock;
mod files;
mod glob;
mod hash_files;
mod links;
mod removal;
mod repository;
mod run_folder;
mod selection;
mod view;

pub use checkout::{Checkout, CheckoutError, Warning, prune};
pub use file_lock::FileLock;
pub use hash_files::{HashFilesError, hash_files};
pub use links::{Escape, EscapeKind, FOLDER_DEPTH_MAX, LinkRules, escaping};
pub use repository::{Commit, Facts, Remote, Repository, RepositoryError, Uncommitted};
pub use run_folder::{RunFolder, RunFolderError};
pub use selection::{Selection, SelectionError};
pub use view::{Swept, View, ViewError, ViewKind};
