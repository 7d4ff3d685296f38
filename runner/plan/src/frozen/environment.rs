//! What a plan deploys to.

use serde::{Deserialize, Serialize};

use super::{EnvEntry, TextOrSecret};

/// The name under which targets and the lock of a deployment are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedEnvironment {
    /// Its name.
    pub name: String,
    /// Globs of branches that may deploy here; empty: all.
    pub branches: Vec<String>,
    /// Where people find what was deployed.
    pub url: Option<TextOrSecret>,
    /// How many people must agree first.
    pub approvals: u32,
    /// What the release's services are given.
    pub env: Vec<EnvEntry>,
    /// When verifiers run.
    pub verify: VerifyWhen,
    /// The machines, in the pipeline's order.
    pub targets: Vec<PlannedTarget>,
}

/// When the verifiers of a deployment run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerifyWhen {
    /// Once, where the stage says so.
    #[default]
    End,
    /// Between the batches of a strategy as well.
    EachBatch,
}

/// A machine that is deployed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTarget {
    /// Its name.
    pub name: String,
    /// The login.
    pub user: String,
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The keys that the host may show, as in `known_hosts` without the name.
    pub host_keys: Vec<String>,
    /// What the login is proved with.
    pub login: SshLogin,
    /// Where releases, lock, and ledger live; relative ones in the login's home.
    pub directory: String,
    /// Users that scripts may become.
    pub sudo: Vec<String>,
}

/// What a login is proved with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SshLogin {
    /// The secret that holds the private key.
    Key(String),
    /// The operator's ssh agent.
    Agent,
}
