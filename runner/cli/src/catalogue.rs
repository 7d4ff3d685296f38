//! The plugins that there are: builtins, and components of the repository.

use std::path::{Path, PathBuf};

use sealock_contract::Digest;
use sealock_contract::limits::COMPONENT_BYTES;
use sealock_plan::{Catalogue, CatalogueError, PlannedPlugin, PluginOrigin, Wanted};

/// Builtins, and components below the repository's root.
pub(crate) struct Plugins {
    root: PathBuf,
}

impl Plugins {
    /// Of the repository at `root`.
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
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
            PluginOrigin::Registry(reference) => Err(not_yet(reference)),
        }
    }

    /// A file, or, for a folder, the component of the folder's own name in it.
    fn read(&self, path: &str) -> Result<Vec<u8>, CatalogueError> {
        let file = self.component_file(path);
        let refused = |what: String| CatalogueError {
            code: "E-PLUGIN-UNKNOWN",
            message: format!("the plugin `{path}` cannot be read: {what}"),
            help: Some("give a component's file, relative to the repository's root".to_owned()),
        };
        let metadata = std::fs::metadata(&file).map_err(|error| refused(error.to_string()))?;
        if !metadata.is_file() {
            return Err(refused("expected a file".to_owned()));
        }
        if metadata.len() > COMPONENT_BYTES {
            let message = format!("the plugin `{path}` has {} bytes; {COMPONENT_BYTES} are the most", metadata.len());
            return Err(CatalogueError { code: "E-PLUGIN-FORMAT", message, help: None });
        }
        std::fs::read(&file).map_err(|error| refused(error.to_string()))
    }

    fn component_file(&self, path: &str) -> PathBuf {
        let whole = self.root.join(path);
        match whole.file_name() {
            Some(name) if whole.is_dir() => whole.join(name).with_extension("wasm"),
            _ => whole,
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
                let found = sealock_sandbox::inspect(&bytes).map_err(|error| CatalogueError {
                    code: error.code(),
                    message: format!("the plugin `{path}` cannot be used: {error}"),
                    help: None,
                })?;
                let origin = PluginOrigin::Path(path.to_owned());
                Ok(PlannedPlugin { origin, digest: Digest::of(&bytes), manifest: found.manifest })
            }
            Wanted::Reference(reference) => Err(not_yet(reference)),
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
    })
}

fn not_yet(reference: &str) -> CatalogueError {
    CatalogueError {
        code: "E-NOT-YET",
        message: format!("plugins from registries cannot be used yet (`{reference}`)"),
        help: Some("use a builtin, or a component of the repository: `uses: ./steps/x.wasm`".to_owned()),
    }
}
