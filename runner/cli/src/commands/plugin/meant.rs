//! Which component a person means: a file, a builtin, or what a registry has.

use std::path::Path;

use jiff::Timestamp;
use sealock_contract::Digest;
use sealock_registry::{Locked, Reference, ReferenceError};

use super::component;
use crate::failure::Failure;
use crate::lock::{self, Registries};
use crate::planning::Repository;
use crate::shell::Shell;

/// A component, and where it is from.
pub(super) struct Meant {
    /// The component, or the core module that one is made of.
    pub bytes: Vec<u8>,
    /// What a reference stands for; nothing for a file or a builtin.
    pub version: Option<Version>,
}

/// What a reference stands for.
pub(super) struct Version {
    /// The reference.
    pub reference: String,
    /// The version, where there is a name for it.
    pub name: String,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Whether the repository's lockfile says so.
    pub is_locked: bool,
}

impl Meant {
    /// What `text` names: a file or a folder when there is one, or it is written as a path; else a builtin, what the lockfile
    /// pins, or what a registry has. Nothing is kept, pinned, or run.
    ///
    /// # Errors
    ///
    /// When there is no such thing, or it cannot be had.
    pub(super) fn of(shell: &Shell, text: &str) -> Result<Self, Failure> {
        let path = shell.path(Path::new(text));
        let is_path = text.starts_with(['.', '/']) || path.extension().is_some_and(|own| own == "wasm");
        if is_path || path.exists() {
            return Ok(Self { bytes: read(&path)?, version: None });
        }
        if let Some(builtin) = sealock_builtins::all().iter().find(|own| own.name == text) {
            return Ok(Self { bytes: builtin.bytes.to_vec(), version: None });
        }
        let wrong = |error: ReferenceError| {
            Failure::new("E-PLUGIN-NAME", format!("{error}, and there is no such file or builtin"))
                .help("name a component's file, a builtin, or a plugin of a registry")
        };
        let reference: Reference = text.parse().map_err(wrong)?;
        let lockfile = lock::read(Repository::at(shell).root())?;
        match lockfile.plugins.get(text) {
            Some(locked) => of_lockfile(shell, &reference, locked),
            None => of_registry(shell, &reference),
        }
    }
}

/// A file, or, for a folder, the component of the folder's own name in it, as `uses` has it.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    match path.file_name() {
        Some(name) if path.is_dir() => component::read(&path.join(name).with_extension("wasm")),
        _ => component::read(path),
    }
}

/// What is locked is what runs, whatever its tag names now. What was fetched needs no registry.
fn of_lockfile(shell: &Shell, reference: &Reference, locked: &Locked) -> Result<Meant, Failure> {
    let store = lock::store(shell)?;
    let kept = lock::component(&store, reference, locked)?;
    let bytes = match kept {
        Some(bytes) => bytes,
        None => Registries::open(shell)?
            .wait(async |registry| registry.locked(reference, locked, &store).await?.1.bytes())?,
    };
    let (name, manifest) = (locked.version.clone(), locked.manifest);
    Ok(Meant { bytes, version: Some(Version { reference: reference.to_string(), name, manifest, is_locked: true }) })
}

/// What `sealock lock` would choose now.
fn of_registry(shell: &Shell, reference: &Reference) -> Result<Meant, Failure> {
    let (registries, store) = (Registries::open(shell)?, lock::store(shell)?);
    let resolved = registries.wait(async |registry| registry.resolve(reference, Timestamp::now()).await)?;
    let (artifact, repository) = (&resolved.artifact, reference.repository());
    let kept = store.read(artifact.component, artifact.size).map_err(|error| Failure::registry(&error))?;
    let bytes = match kept {
        Some(bytes) => bytes,
        None => registries.wait(async |registry| registry.component(repository, artifact, &store).await?.bytes())?,
    };
    let name = resolved.version.unwrap_or_default();
    let version = Version { reference: reference.to_string(), name, manifest: artifact.manifest, is_locked: false };
    Ok(Meant { bytes, version: Some(version) })
}
