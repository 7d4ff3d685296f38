//! `environments`: where deployments go.

use std::net::Ipv6Addr;
use std::str::FromStr;

use super::stage::port as read_port;
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

/// Why a text is not `user@host`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SshAddressError {
    /// There is no `user@`.
    #[error("`{0}` names no user")]
    NoUser(String),
    /// The part after `@` is no host with an optional port.
    #[error("`{0}` is not a host, or a host and a port")]
    BadHost(String),
}

/// The port of SSH.
const SSH_PORT: u16 = 22;

impl FromStr for SshAddress {
    type Err = SshAddressError;

    fn from_str(text: &str) -> Result<Self, SshAddressError> {
        let (user, address) = text.rsplit_once('@').ok_or_else(|| SshAddressError::NoUser(text.to_owned()))?;
        let is_user_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$' | '@');
        if user.is_empty() || user.starts_with('-') || !user.chars().all(is_user_char) {
            return Err(SshAddressError::NoUser(text.to_owned()));
        }
        let bad = || SshAddressError::BadHost(address.to_owned());
        let (host, port) = split_address(address).ok_or_else(bad)?;
        let port = port.map_or(Some(SSH_PORT), read_port).ok_or_else(bad)?;
        Ok(Self { user: user.to_owned(), host: host.to_owned(), port })
    }
}

/// The host, and the port when there is one.
fn split_address(address: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        let port = if after.is_empty() { None } else { Some(after.strip_prefix(':')?) };
        return Some((host, port));
    }
    let (host, port) = address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port)));
    let is_host_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_host = !host.is_empty() && !host.starts_with(['-', '.']) && host.chars().all(is_host_char);
    is_host.then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_user_a_host_and_maybe_a_port() {
        let read = |text: &str| text.parse::<SshAddress>().map(|found| (found.user, found.host, found.port));
        assert_eq!(read("deploy@web1.example.com"), Ok(("deploy".into(), "web1.example.com".into(), 22)));
        assert_eq!(read("root@10.0.0.1:2222"), Ok(("root".into(), "10.0.0.1".into(), 2222)));
        assert_eq!(read("root@[::1]:2222"), Ok(("root".into(), "::1".into(), 2222)));
        for text in [
            "web1",
            "@web1",
            "a b@web1",
            "-oProxyCommand=x@h",
            "a@-oProxyCommand=x",
            "a@h:0",
            "a@h:x",
            "a@[::1",
            "a@::1",
            "a@",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
