//! Machines deployed to.

use serde::{Deserialize, Serialize};

use super::{Handle, Stdio};
use crate::Digest;

/// How far a release got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseState {
    /// Being switched to.
    Switching,
    /// Verified.
    Verified,
    /// Taken back.
    RolledBack,
    /// Failed, and not taken back.
    Failed,
}

/// One deployed version on a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Such as `r42`.
    pub id: String,
    /// The run that made it.
    pub run: String,
    /// Unix time in milliseconds.
    pub created_ms: u64,
    /// How far it got.
    pub state: ReleaseState,
    /// Image references with digests, by the Compose service that runs them.
    pub images: Vec<(String, Digest)>,
    /// More, by name: `commit`, `project`, `path`, …
    pub details: Vec<(String, String)>,
}

/// A POSIX shell script for a target; arguments and environment are values, never pasted into it.
/// Answered by [`super::Response::Running`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// From [`super::Response::Target`].
    pub target: Handle,
    /// The script.
    pub text: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Plain environment entries.
    pub env: Vec<(String, String)>,
    /// Environment entries that are secrets.
    pub secret_env: Vec<(String, Handle)>,
    /// The environment's directory when empty.
    pub cwd: String,
    /// By `sudo -n -u`, when the target's entry allows that user.
    pub user: Option<String>,
    /// Bytes for its standard input.
    pub stdin_bytes: Option<Vec<u8>>,
    /// A secret for its standard input.
    pub stdin_secret: Option<Handle>,
    /// Its standard output.
    pub stdout: Stdio,
    /// Its standard error.
    pub stderr: Stdio,
    /// Killed after so long.
    pub timeout_ms: Option<u64>,
}

/// Requests of the interface `targets`. `target` is always a handle from [`super::Response::Target`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetsRequest {
    /// The names of the environment's targets, in the pipeline's order.
    Names,
    /// Open one.
    Open {
        /// Its name.
        name: String,
    },
    /// Run the stage's verifying steps against these targets now.
    Verify {
        /// Their names.
        names: Vec<String>,
    },
    /// Copy a file of the workspace to the target.
    Upload {
        /// Where to.
        target: Handle,
        /// In the workspace.
        local: String,
        /// Below the environment's directory.
        remote: String,
        /// Permission bits.
        mode: u32,
    },
    /// Copy a file of the target into the workspace.
    Download {
        /// Where from.
        target: Handle,
        /// Below the environment's directory.
        remote: String,
        /// In the workspace.
        local: String,
    },
    /// Write a secret into a file of the target.
    WriteSecret {
        /// Where to.
        target: Handle,
        /// Below the environment's directory.
        remote: String,
        /// Permission bits.
        mode: u32,
        /// The secret.
        value: Handle,
    },
    /// Pull an image by digest into the target's engine; nothing of the login stays there.
    PullImage {
        /// Where to.
        target: Handle,
        /// With its digest.
        image: String,
        /// The account, when the registry asks.
        username: Option<String>,
        /// The password, when the registry asks.
        password: Option<Handle>,
    },
    /// The release that `current` names.
    Current {
        /// Which target.
        target: Handle,
    },
    /// The last release that was verified, other than the current one while that is being switched to.
    Previous {
        /// Which target.
        target: Handle,
    },
    /// Make an immutable release folder from a folder of the workspace, and record it.
    StageRelease {
        /// Where.
        target: Handle,
        /// In the workspace.
        local: String,
        /// Images by service.
        images: Vec<(String, Digest)>,
        /// More, by name.
        details: Vec<(String, String)>,
    },
    /// Move `current`, by rename, and record it.
    SwitchTo {
        /// Where.
        target: Handle,
        /// Which release.
        release: String,
    },
    /// Remove releases and images older than the newest `keep`; never those of `current` and *previous*.
    Prune {
        /// Where.
        target: Handle,
        /// How many to keep.
        keep: u32,
    },
    /// Run a script.
    Script(Script),
}
