//! The lockfile of a repository: what its pipelines need, what is pinned, and the way to registries.

mod needs;
mod registries;
mod signatures;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sealock_contract::Manifest;
use sealock_plan::CatalogueError;
use sealock_registry::{Asks, LOCKFILE, Locked, Lockfile, Store};

use crate::failure::Failure;
use crate::shell::Shell;

pub(crate) use needs::{Needs, all, references};
pub(crate) use registries::{Pinned, Registries};
pub(crate) use signatures::{hold, signing_key, trust};

/// What is pinned at the repository's `root`; nothing where there is no file.
///
/// # Errors
///
/// When it is there and is no lockfile.
pub(crate) fn read(root: &Path) -> Result<Lockfile, Failure> {
    let path = root.join(LOCKFILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Lockfile::default()),
        Err(error) => return Err(Failure::new("E-FILE-READ", format!("{LOCKFILE}: {error}"))),
    };
    Lockfile::read(&text).map_err(|error| Failure::new(error.code(), format!("{LOCKFILE}, {error}")).help(error.help()))
}

/// Writes it, whole or not at all.
///
/// # Errors
///
/// When the disk refuses.
pub(crate) fn write(root: &Path, lockfile: &Lockfile) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new("E-FILE-WRITE", format!("{LOCKFILE}: {error}"));
    let permissions = std::fs::Permissions::from_mode(0o644);
    let file = tempfile::Builder::new().prefix(".sealock.lock.").permissions(permissions).tempfile_in(root);
    let mut file = file.map_err(|error| failed(&error))?;
    file.write_all(lockfile.text().as_bytes()).map_err(|error| failed(&error))?;
    file.persist(root.join(LOCKFILE)).map_err(|error| failed(&error.error))?;
    Ok(())
}

/// Where fetched components are kept.
///
/// # Errors
///
/// When there is no folder for them.
pub(crate) fn store(shell: &Shell) -> Result<Store, Failure> {
    Ok(Store::new(store_folder(shell)?))
}

fn store_folder(shell: &Shell) -> Result<PathBuf, Failure> {
    Ok(shell.cache()?.join("plugins"))
}

/// A pipeline uses what is not pinned.
pub(crate) fn missing(reference: &str) -> Failure {
    let message = format!("the plugin `{reference}` is not in {LOCKFILE}");
    Failure::new("E-LOCK-MISSING", message).help("pin it: `sealock lock`")
}

/// Holds a component to what the lockfile says it asks for.
///
/// # Errors
///
/// When it asks for something else: somebody changed the lockfile by hand.
pub(crate) fn check_requests(
    reference: &str,
    locked: &Locked,
    manifest: Option<&Manifest>,
) -> Result<(), CatalogueError> {
    if Asks::of(manifest).digest() == locked.requests {
        return Ok(());
    }
    let message = format!("{LOCKFILE} says that `{reference}` asks for something else than it does");
    let help = "take the file back from git, or remove the entry and run `sealock lock`";
    Err(CatalogueError { code: "E-LOCK-FORMAT", message, help: Some(help.to_owned()), is_unseen: false })
}
