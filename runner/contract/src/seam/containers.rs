//! Images and containers.

use serde::{Deserialize, Serialize};

use super::{Handle, Stdio};

/// A login at one registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// `host` or `host:port`.
    pub registry: String,
    /// The account.
    pub username: String,
    /// The password.
    pub password: Handle,
}

/// An image to build. Answered by [`super::Response::Image`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// A folder of the workspace.
    pub context: String,
    /// The Dockerfile, relative to the context.
    pub file: Option<String>,
    /// The stage to stop at.
    pub target: Option<String>,
    /// Build arguments.
    pub args: Vec<(String, String)>,
    /// Secrets for `RUN --mount=type=secret`, by id.
    pub secrets: Vec<(String, Handle)>,
    /// Labels of the image.
    pub labels: Vec<(String, String)>,
    /// Such as `linux/amd64`.
    pub platform: Option<String>,
    /// Images whose layers may be reused.
    pub cache_from: Vec<String>,
    /// Where to keep layers for reuse.
    pub cache_to: Vec<String>,
    /// Whether `RUN` lines have a network.
    pub network: bool,
    /// Build every layer anew.
    pub no_cache: bool,
    /// Ask for newer base images.
    pub pull: bool,
    /// Logins for base images.
    pub credentials: Vec<Credentials>,
}

/// An image to push. Answered by [`super::Response::Digest`]: the manifest's digest in the registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// An image in the engine.
    pub image: String,
    /// References with tags; all in registries that one push can reach.
    pub to: Vec<String>,
    /// Logins.
    pub credentials: Vec<Credentials>,
}

/// A folder or file of the workspace in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// In the workspace.
    pub path: String,
    /// In the container.
    pub at: String,
    /// Whether the container may only read it.
    pub read_only: bool,
}

/// A container to run. Answered by [`super::Response::Running`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerCommand {
    /// A reference.
    pub image: String,
    /// Instead of the image's own.
    pub entrypoint: Option<String>,
    /// Its arguments.
    pub args: Vec<String>,
    /// Plain environment entries.
    pub env: Vec<(String, String)>,
    /// Environment entries that are secrets.
    pub secret_env: Vec<(String, Handle)>,
    /// What of the workspace it sees.
    pub mounts: Vec<Mount>,
    /// Where it starts.
    pub workdir: Option<String>,
    /// As whom.
    pub user: Option<String>,
    /// Whether it has a network.
    pub network: bool,
    /// Its standard output.
    pub stdout: Stdio,
    /// Its standard error.
    pub stderr: Stdio,
    /// Killed after so long.
    pub timeout_ms: Option<u64>,
}

/// Requests of the interface `containers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContainersRequest {
    /// Build an image.
    Build(Build),
    /// Push an image.
    Push(Push),
    /// Run a container.
    Run(ContainerCommand),
}
