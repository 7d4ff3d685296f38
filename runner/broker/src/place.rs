//! Where native programs run: on this machine, or inside the stage's container.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sealock_contract::seam::Refusal;
use sealock_secrets::SecretBytes;

use crate::output::OutputPump;
use crate::running::Running;
use crate::step::Step;

/// The value of an environment entry as the program gets it.
#[derive(Clone, Debug)]
pub enum EnvValue {
    /// Known to everybody.
    Plain(String),
    /// Bytes of a secret, on their way into the program and nowhere else.
    Secret(SecretBytes),
}

impl EnvValue {
    /// The bytes for the program.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(text) => text.as_bytes(),
            Self::Secret(secret) => secret.expose(),
        }
    }
}

/// What a program reads.
#[derive(Debug)]
pub enum Stdin {
    /// Nothing.
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// A secret.
    Secret(SecretBytes),
    /// A file of the workspace, already open.
    File(File),
}

/// Which program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// Looked up in the `PATH` of its environment; or an absolute path.
    Named(String),
    /// A path below the workspace, in its plain form.
    InWorkspace(String),
}

/// A checked command, ready to be started. Names of `env` are unique; a later entry has replaced an
/// earlier one.
pub struct Launch {
    /// Which program.
    pub program: Program,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: Vec<(String, EnvValue)>,
    /// Below the workspace, in its plain form; `.` is its top.
    pub cwd: String,
    /// What it reads.
    pub stdin: Stdin,
    /// Takes its standard output.
    pub stdout: OutputPump,
    /// Takes its standard error.
    pub stderr: OutputPump,
    /// Killed after so long.
    pub timeout: Option<Duration>,
}

/// Where the native programs of a stage run.
pub trait Place: Send + Sync {
    /// Starts `launch` for `step`. The caller has checked the grant, and that `cwd` is a folder of the
    /// workspace.
    ///
    /// # Errors
    ///
    /// `E-PROCESS-NOT-FOUND`, `E-PROCESS-START`, or what the place itself refuses.
    fn start<'a>(&'a self, step: &'a Arc<Step>, launch: Launch) -> BoxFuture<'a, Result<Arc<dyn Running>, Refusal>>;

    /// The path by which programs there know the workspace of `step`.
    fn workspace(&self, step: &Step) -> PathBuf;
}
