//! Where plugins are found.

use crate::PlannedPlugin;

/// What a step's `uses` names, after short names of the file are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// A builtin.
    Builtin(&'a str),
    /// A file or folder of the repository.
    Path(&'a str),
    /// A registry's.
    Reference(&'a str),
}

/// Why a plugin is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueError {
    /// The stable code.
    pub code: &'static str,
    /// What was found.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Whether it is pinned and only not here yet: a file that is looked through may be right all the same.
    pub is_unseen: bool,
}

/// Finds plugins and reads their manifests, without running anything.
pub trait Catalogue {
    /// The plugin.
    ///
    /// # Errors
    ///
    /// When it does not exist, cannot be read, or is not a component.
    fn find(&self, wanted: Wanted<'_>) -> Result<PlannedPlugin, CatalogueError>;

    /// The names of all builtins, for near names.
    fn builtins(&self) -> Vec<String>;
}
