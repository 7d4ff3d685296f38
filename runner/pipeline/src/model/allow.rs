//! `allow`: what the pipeline's author lets a step have.

use std::str::FromStr;

use sealock_contract::grant::{NetworkGrant, NetworkPatternError};

use super::{Late, Size, Spanned, Text};

/// What a step may have. What is not written is not allowed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Allow {
    /// Hosts.
    pub network: Vec<Spanned<Late<NetworkEntry>>>,
    /// Programs, by name or path.
    pub exec: Vec<Spanned<Text>>,
    /// Files of the workspace; `None`: the default.
    pub files: Option<Spanned<Files>>,
    /// Declared secrets.
    pub secrets: Vec<Spanned<String>>,
    /// What may be asked of the Docker engine.
    pub containers: Option<Spanned<Containers>>,
    /// Names of targets.
    pub targets: Vec<Spanned<Text>>,
    /// In place of the default.
    pub memory: Option<Spanned<Late<Size>>>,
}

/// Globs of files below the workspace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Files {
    /// May be read.
    pub read: Vec<Spanned<Text>>,
    /// May be written.
    pub write: Vec<Spanned<Text>>,
}

/// What may be asked of the Docker engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Containers {
    /// Whether images may be built.
    pub build: Late<bool>,
    /// Globs of images that may be run.
    pub run: Vec<Spanned<Text>>,
    /// Globs of references that may be pushed to.
    pub push: Vec<Spanned<Text>>,
}

/// One entry of `network`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NetworkEntry {
    /// `example.com:443`, `*.example.com:443`, `10.0.0.0/8:443`, `localhost:8080`, or
    /// `{ host: "db.internal:5432", private: true }`.
    Grant(NetworkGrant),
    /// `@packages`: a name of `networks`, or one that the machine's policy defines; without the `@`.
    Named(String),
}

impl FromStr for NetworkEntry {
    type Err = NetworkPatternError;

    /// Reads what stands in `network` as text: `@name`, or what [`NetworkGrant`] reads.
    fn from_str(text: &str) -> Result<Self, NetworkPatternError> {
        match text.strip_prefix('@') {
            _ if text == "*" => Err(NetworkPatternError::Everything),
            Some(name) if name.parse::<sealock_contract::Id>().is_ok() => Ok(Self::Named(name.to_owned())),
            Some(_) => Err(NetworkPatternError::BadHost(text.to_owned())),
            None => text.parse().map(Self::Grant),
        }
    }
}
