//! The plugins that there are: builtins, components of the repository, and what the lockfile pins.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sealock_contract::limits::COMPONENT_BYTES;
use sealock_contract::{Digest, Manifest};
use sealock_plan::{Catalogue, CatalogueError, PlannedPlugin, PluginOrigin, Trust as Event, Wanted};
use sealock_registry::signature::Trust;
use sealock_registry::{Locked, Lockfile, Reference, Store};
use serde_json::{Map, Value as Json};

use crate::failure::Failure;
use crate::planning::Repository;
use crate::shell::Shell;
use crate::{content, lock, policy};

/// What a registry may mend: what is not here, and signatures that are not.
const FETCHED_CODES: [&str; 2] = ["E-PLUGIN-ABSENT", "E-SIG-MISSING"];

/// Builtins, components below the repository's root, and what its lockfile pins.
pub(crate) struct Plugins {
    root: PathBuf,
    store: Option<Store>,
    /// Why it cannot be read is told only where it is needed.
    lockfile: Result<Lockfile, Failure>,
    /// Whether that is the lockfile of the branch that a stranger's pull request goes to.
    is_base: bool,
    /// So is why this one cannot.
    trust: Result<Trust, Failure>,
    /// References whose signatures were found good: an authority's takes milliseconds to check, and a plugin is asked for
    /// several times.
    signed: RefCell<BTreeSet<String>>,
}

impl Plugins {
    /// Of the repository at `root`.
    pub(crate) fn of(shell: &Shell, root: &Path) -> Self {
        let trust = policy::load(shell).and_then(|policy| policy.trust());
        Self {
            root: root.to_owned(),
            store: lock::store(shell).ok(),
            lockfile: lock::read(root),
            is_base: false,
            trust,
            signed: RefCell::default(),
        }
    }

    /// The same for what happened: a stranger's pull request brings files, and no lockfile.
    pub(crate) fn of_event(shell: &Shell, repository: &Repository, trust: Event, github: &Map<String, Json>) -> Self {
        let own = Self::of(shell, repository.root());
        let is_pull = github.get("event").is_some_and(|event| event.get("pull_request").is_some());
        if trust == Event::Outside && is_pull {
            Self { lockfile: lock::read_base(repository.own_git(), github), is_base: true, ..own }
        } else {
            own
        }
    }

    /// Fetches what is needed, locked, and not here. What is not locked is told where it stands in the file.
    ///
    /// # Errors
    ///
    /// When it cannot be had.
    pub(crate) fn fetch(&self, shell: &Shell, needs: &lock::Needs, event: sealock_plan::Trust) -> Result<(), Failure> {
        let Ok(lockfile) = &self.lockfile else {
            return Ok(());
        };
        let locked = needs.keys().filter_map(|need| lockfile.plugins.get_key_value(need));
        let mut absent = Vec::new();
        for (need, locked) in locked {
            match self.pinned(need) {
                Ok(_) => {}
                // The registry may have what is not here.
                Err(error) if FETCHED_CODES.contains(&error.code) => absent.push((need, locked)),
                Err(error) => return Err(Failure::catalogue(error)),
            }
        }
        if absent.is_empty() {
            return Ok(());
        }
        let registries = lock::Registries::open_for(shell, event)?;
        absent.into_iter().try_for_each(|(reference, locked)| registries.fetch(reference, locked).map(drop))
    }

    /// The bytes of a plugin's component.
    ///
    /// # Errors
    ///
    /// When it is not there or cannot be read.
    pub(crate) fn bytes(&self, name: &str, origin: &PluginOrigin) -> Result<Vec<u8>, CatalogueError> {
        match origin {
            PluginOrigin::Builtin => builtin(name).map(|own| own.bytes.to_vec()),
            PluginOrigin::Path(path) => self.read(path),
            PluginOrigin::Registry(reference) => self.pinned(reference).map(|(_, bytes)| bytes),
        }
    }

    /// A file, or, for a folder, the component of the folder's own name in it.
    fn read(&self, path: &str) -> Result<Vec<u8>, CatalogueError> {
        let file = self.component_file(path);
        let refused = |what: String| CatalogueError {
            code: "E-PLUGIN-UNKNOWN",
            message: format!("the plugin `{path}` cannot be read: {what}"),
            help: Some("give a component's file, relative to the repository's root".to_owned()),
            is_unseen: false,
        };
        let bytes = content::within(&self.root, &file, COMPONENT_BYTES).map_err(|error| match error.kind() {
            ErrorKind::FileTooLarge => {
                let message = format!("the plugin `{path}` is too large: {error}");
                CatalogueError { code: "E-PLUGIN-FORMAT", message, help: None, is_unseen: false }
            }
            _ => refused(error.to_string()),
        })?;
        if !sealock_sandbox::is_core_module(&bytes) {
            return Ok(bytes);
        }
        // The same module becomes the same component: the plan's digest is that of what runs.
        sealock_sandbox::componentize(&bytes).map_err(|error| unusable(path, &error))
    }

    /// What the lockfile pins for a reference, and its component: signed as the policy wants.
    fn pinned(&self, reference: &str) -> Result<(&Locked, Vec<u8>), CatalogueError> {
        let refused = |failure: &Failure| failure.in_catalogue();
        let lockfile = self.lockfile.as_ref().map_err(refused)?;
        let missing = if self.is_base { lock::missing_in_base } else { lock::missing };
        let locked = lockfile.plugins.get(reference).ok_or_else(|| missing(reference).in_catalogue())?;
        let absent = || CatalogueError {
            code: "E-PLUGIN-ABSENT",
            message: format!("the plugin `{reference}` is locked and was not fetched to this machine"),
            help: Some("fetch what is locked: `sealock fetch`".to_owned()),
            is_unseen: true,
        };
        let store = self.store.as_ref().ok_or_else(absent)?;
        let parsed = lock::parse(reference).map_err(|failure| refused(&failure))?;
        let bytes = lock::component(store, &parsed, locked).map_err(|failure| refused(&failure))?;
        let bytes = bytes.ok_or_else(absent)?;
        self.check_signed(store, &parsed, locked).map_err(|failure| refused(&failure))?;
        Ok((locked, bytes))
    }

    /// Refuses a plugin that is here and is not signed as the policy wants.
    fn check_signed(&self, store: &Store, reference: &Reference, locked: &Locked) -> Result<(), Failure> {
        let name = reference.to_string();
        if self.signed.borrow().contains(&name) {
            return Ok(());
        }
        let trust = self.trust.as_ref().map_err(Failure::clone)?;
        lock::hold(trust, store, reference, locked)?.or_missing(trust, reference)?;
        self.signed.borrow_mut().insert(name);
        Ok(())
    }

    /// Holds what was planned, maybe long ago, to what the policy and the lockfile say now. A run that goes on has its plan,
    /// and its plugins are compiled: nothing else asks who signed them.
    ///
    /// # Errors
    ///
    /// When a plugin of a registry is not signed as the policy wants, or is no longer the one that is locked.
    pub(crate) fn hold(&self, name: &str, plugin: &PlannedPlugin) -> Result<(), CatalogueError> {
        let PluginOrigin::Registry(reference) = &plugin.origin else {
            return Ok(());
        };
        let refused = |failure: Failure| failure.in_catalogue();
        let trust = self.trust.as_ref().map_err(|failure| refused(failure.clone()))?;
        if !trust.asks_for(&lock::parse(reference).map_err(refused)?) {
            return Ok(());
        }
        let (locked, _) = self.pinned(reference)?;
        if locked.component == plugin.digest { Ok(()) } else { Err(changed(name, plugin.digest)) }
    }

    fn component_file(&self, path: &str) -> PathBuf {
        match Path::new(path).file_name() {
            Some(name) if self.root.join(path).is_dir() => Path::new(path).join(name).with_extension("wasm"),
            _ => path.into(),
        }
    }
}

impl Catalogue for Plugins {
    fn find(&self, wanted: Wanted<'_>) -> Result<PlannedPlugin, CatalogueError> {
        match wanted {
            Wanted::Builtin(name) => {
                let own = builtin(name)?;
                Ok(PlannedPlugin {
                    origin: PluginOrigin::Builtin,
                    digest: Digest::of(own.bytes),
                    manifest: Some(own.manifest()),
                })
            }
            Wanted::Path(path) => {
                let bytes = self.read(path)?;
                let manifest = manifest(path, &bytes)?;
                Ok(PlannedPlugin { origin: PluginOrigin::Path(path.to_owned()), digest: Digest::of(&bytes), manifest })
            }
            Wanted::Reference(reference) => {
                let (locked, bytes) = self.pinned(reference)?;
                let manifest = manifest(reference, &bytes)?;
                lock::check_requests(reference, locked, manifest.as_ref())?;
                Ok(PlannedPlugin {
                    origin: PluginOrigin::Registry(reference.to_owned()),
                    digest: locked.component,
                    manifest,
                })
            }
        }
    }

    fn builtins(&self) -> Vec<String> {
        sealock_builtins::all().iter().map(|own| own.name.to_owned()).collect()
    }
}

/// Builtins that the language has and this version has not.
const LATER: [&str; 3] = ["cache", "artifact-save", "artifact-load"];

fn builtin(name: &str) -> Result<&'static sealock_builtins::Builtin, CatalogueError> {
    sealock_builtins::all().iter().find(|own| own.name == name).ok_or_else(|| CatalogueError {
        code: if LATER.contains(&name) { "E-NOT-YET" } else { "E-PLUGIN-UNKNOWN" },
        message: match name {
            "cache" => "the plugin `cache` cannot be used yet".to_owned(),
            name if LATER.contains(&name) => format!("artifacts cannot be used yet (`{name}`)"),
            name => format!("there is no plugin `{name}`"),
        },
        help: match name {
            "cache" => Some("the step is never needed for a result: leave it out".to_owned()),
            name if LATER.contains(&name) => Some("hand text on through `outputs`".to_owned()),
            _ => None,
        },
        is_unseen: false,
    })
}

/// What a component says of itself.
fn manifest(name: &str, bytes: &[u8]) -> Result<Option<Manifest>, CatalogueError> {
    let found = sealock_sandbox::inspect(bytes).map_err(|error| unusable(name, &error))?;
    Ok(found.manifest)
}

/// What was planned is not what is there now.
pub(crate) fn changed(name: &str, planned: Digest) -> CatalogueError {
    CatalogueError {
        code: "E-PLUGIN-CHANGED",
        message: format!("the component of `{name}` is no longer the one that was planned ({planned})"),
        help: Some("plan and run again".to_owned()),
        is_unseen: false,
    }
}

fn unusable(name: &str, error: &sealock_sandbox::FormatError) -> CatalogueError {
    let message = format!("the plugin `{name}` cannot be used: {error}");
    CatalogueError { code: error.code(), message, help: None, is_unseen: false }
}
