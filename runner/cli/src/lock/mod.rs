//! The lockfile of a repository: what its pipelines need, what is pinned, and the way to registries.

mod needs;
mod registries;
mod signatures;

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sealock_contract::Manifest;
use sealock_plan::CatalogueError;
use sealock_registry::{Asks, LOCKFILE, Locked, Lockfile, Reference, ReferenceError, RegistryError, Store};
use sealock_workspace::{Repository as Git, RepositoryError};
use serde_json::{Map, Value as Json};

use crate::content;
use crate::failure::{Failure, chain};
use crate::shell::Shell;

pub(crate) use needs::{Needs, all, references};
pub(crate) use registries::{Pinned, Registries};
pub(crate) use signatures::{Held, hold, signing_key, trust};

/// No lockfile of a thousand plugins is longer.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What is pinned at the repository's `root`; nothing where there is no file.
///
/// # Errors
///
/// When it is there and is no lockfile.
pub(crate) fn read(root: &Path) -> Result<Lockfile, Failure> {
    let text = match content::text_within(root, Path::new(LOCKFILE), FILE_BYTES_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Lockfile::default()),
        Err(error) => {
            let code = if error.kind() == ErrorKind::FileTooLarge { "E-LOCK-FORMAT" } else { "E-FILE-READ" };
            return Err(Failure::new(code, format!("{LOCKFILE}: {error}")));
        }
    };
    understand(&text)
}

fn understand(text: &str) -> Result<Lockfile, Failure> {
    Lockfile::read(text).map_err(|error| Failure::new(error.code(), format!("{LOCKFILE}, {error}")).help(error.help()))
}

/// What is pinned where a stranger's pull request goes to: its own lockfile is the stranger's.
///
/// # Errors
///
/// When the event does not name that commit, the commit is not in this clone, or its lockfile is none.
pub(crate) fn read_base(git: Option<&Git>, github: &Map<String, Json>) -> Result<Lockfile, Failure> {
    let failed = |what: String| {
        Failure::new(
            "E-TRUST-LOCKFILE",
            format!("a stranger's pull request is held to the {LOCKFILE} of the branch that it goes to, and {what}"),
        )
        .help("check out with the whole history: `fetch-depth: 0` of actions/checkout")
    };
    let base = github.get("event").and_then(|event| event.pointer("/pull_request/base/sha")).and_then(Json::as_str);
    let base = base.ok_or_else(|| failed("the event does not name that branch's commit".to_owned()))?;
    let git = git.ok_or_else(|| failed("there is no git repository here".to_owned()))?;
    match git.file_at(base, Path::new(LOCKFILE)) {
        Err(RepositoryError::NoSuchReference { .. }) => Err(failed(format!("its commit {base} is not in this clone"))),
        Err(error) => Err(Failure::new(error.code(), chain(&error))),
        Ok(None) => Ok(Lockfile::default()),
        Ok(Some(bytes)) => understand(&String::from_utf8_lossy(&bytes)),
    }
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

/// What a pipeline or the lockfile writes for a plugin of a registry.
///
/// # Errors
///
/// `E-PLUGIN-NAME`.
pub(crate) fn parse(reference: &str) -> Result<Reference, Failure> {
    reference.parse().map_err(|error: ReferenceError| Failure::new("E-PLUGIN-NAME", error.to_string()))
}

fn store_folder(shell: &Shell) -> Result<PathBuf, Failure> {
    Ok(shell.cache()?.join("plugins"))
}

/// The component that is locked, held to the manifest that is locked; nothing where one of both is not here.
///
/// # Errors
///
/// When the lockfile says something else than the manifest.
pub(crate) fn component(store: &Store, reference: &Reference, locked: &Locked) -> Result<Option<Vec<u8>>, Failure> {
    let failed = |error: RegistryError| Failure::registry(&error);
    let Some(artifact) = store.artifact(locked.manifest).map_err(failed)? else {
        return Ok(None);
    };
    locked.hold(reference, &artifact).map_err(failed)?;
    store.read(locked.component, locked.size).map_err(failed)
}

/// A pipeline uses what is not pinned.
pub(crate) fn missing(reference: &str) -> Failure {
    let message = format!("the plugin `{reference}` is not in {LOCKFILE}");
    Failure::new("E-LOCK-MISSING", message).help("pin it: `sealock lock`")
}

/// A stranger's pull request uses what is not pinned where it goes to.
pub(crate) fn missing_in_base(reference: &str) -> Failure {
    let message = format!("the plugin `{reference}` is not in {LOCKFILE} of the branch that this pull request goes to");
    Failure::new("E-LOCK-MISSING", message)
        .help("a stranger's own lockfile does not count: somebody who may write to the repository pins it there first")
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
