//! The whole of a file: as far as it could be read, and without errors.

use std::collections::HashSet;
use std::ops::Deref;

use super::{
    Concurrency, Duration, Entries, Env, Environment, Input, Late, NetworkEntry, PluginName, Retry, Spanned, Stage,
    Text, Triggers,
};

/// A pipeline file without errors. Its parts are read as those of the [`Draft`] that it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline(Draft);

impl Pipeline {
    /// Only for a file of which no error was told.
    pub(crate) fn sound(draft: Draft) -> Self {
        Self(draft)
    }
}

impl Deref for Pipeline {
    type Target = Draft;

    fn deref(&self) -> &Draft {
        &self.0
    }
}

/// What a file says, as far as it could be read. It can be looked through for more mistakes, never run.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What it is called.
    pub name: Spanned<String>,
    /// What starts it by itself.
    pub on: Triggers,
    /// What is passed to it.
    pub inputs: Entries<Input>,
    /// For every step.
    pub env: Env,
    /// Every secret that it may name.
    pub secrets: Vec<Spanned<String>>,
    /// Where it deploys to.
    pub environments: Entries<Environment>,
    /// Groups of hosts.
    pub networks: Entries<Vec<Spanned<NetworkEntry>>>,
    /// Plugins by short name; never [`PluginName::Named`].
    pub plugins: Entries<Spanned<PluginName>>,
    /// For every step that does not say otherwise.
    pub defaults: Defaults,
    /// What must not run at the same time.
    pub concurrency: Option<Spanned<Concurrency>>,
    /// In the order of the file; at least one in a [`Pipeline`].
    pub stages: Entries<Stage>,
    pub(crate) lost: Lost,
}

impl Draft {
    /// Whether lines were taken out, so that the absence of anything means nothing.
    pub fn is_torn(&self) -> bool {
        !self.lost.lines.is_empty()
    }

    /// Whether `name` may well be in the file, behind what could not be read.
    pub fn may_hold(&self, name: &str) -> bool {
        self.lost.unread.contains(name) || self.lost.lines.iter().any(|lines| lines.contains(name))
    }
}

/// What could not be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Lost {
    /// Names whose value could not be read.
    pub(crate) unread: HashSet<String>,
    /// Lines that are no YAML.
    pub(crate) lines: Vec<String>,
}

/// For every step that does not say otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Defaults {
    /// For one attempt.
    pub timeout: Option<Spanned<Late<Duration>>>,
    /// How often to try again.
    pub retry: Option<Spanned<Retry>>,
    /// Below the workspace.
    pub working_directory: Option<Spanned<Text>>,
}
