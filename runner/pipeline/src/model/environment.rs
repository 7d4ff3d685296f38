//! `environments`: where deployments go.

use super::{Entries, Env, Late, Spanned, Text};

/// The name under which targets, approvals, secrets, and the lock of a deployment are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// Globs of branches that may deploy here; empty: all.
    pub branches: Vec<Spanned<String>>,
    /// Where people find what was deployed.
    pub url: Option<Spanned<Text>>,
    /// How many people must agree first; 0 when the file does not say.
    pub approvals: u32,
    /// Where releases, lock, and ledger live on each target.
    pub directory: Option<Spanned<Text>>,
    /// What the release's services are given; may hold secrets.
    pub env: Env,
    /// When verifiers run.
    pub verify: Verify,
    /// The machines.
    pub targets: Entries<Target>,
}

/// When the verifiers of a deployment run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Once, where the stage says so.
    #[default]
    End,
    /// Between the batches of a strategy as well.
    EachBatch,
}

/// A machine that is deployed to.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Who and where.
    pub ssh: Spanned<Late<SshAddress>>,
    /// The keys the host may show, as in `known_hosts` without the name; at least one.
    pub host_keys: Vec<Spanned<Text>>,
    /// What the login is proved with.
    pub login: Login,
    /// In place of the environment's directory.
    pub directory: Option<Spanned<Text>>,
    /// Users that scripts may become.
    pub sudo: Vec<Spanned<String>>,
}

/// `user@host` or `user@host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAddress {
    /// The login.
    pub user: String,
    /// A name or an address; IPv6 without its brackets.
    pub host: String,
    /// 22 when none is written.
    pub port: u16,
}

/// What a login is proved with.
#[derive(Clone, Debug, PartialEq)]
pub enum Login {
    /// The declared secret that holds the private key.
    Key(Spanned<String>),
    /// The operator's ssh agent.
    Agent,
}
