//! How long each phase of a connection may take.

use std::fmt;
use std::time::Duration;

/// A server that accepts and says nothing must not hold a deployment.
const CONNECT_SECONDS: u64 = 8;
/// Identification and key exchange together: a server may stop in the middle of either.
const HANDSHAKE_SECONDS: u64 = 15;
/// Some servers ask a directory first; none needs longer.
const AUTH_SECONDS: u64 = 20;
/// Opening a channel, and the server's word that a command has been started.
const CHANNEL_SECONDS: u64 = 15;
/// Between two signs of life asked for on a connection that says nothing.
const KEEPALIVE_SECONDS: u64 = 3;
/// Unanswered signs of life; the next one that is due ends the connection. A pulled cable is noticed after 12 s: a lease
/// of 60 s has to leave time for coming back, and for taking the other targets back.
pub(super) const KEEPALIVE_MISSES: u32 = 3;

/// The phases of a connection that can hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Opening the TCP connection.
    Connect,
    /// Waiting for the server's identification line.
    Banner,
    /// Agreeing on keys.
    KeyExchange,
    /// Showing who we are.
    Auth,
    /// Opening a channel.
    Channel,
    /// Waiting for the server's word that a command has been started.
    Exec,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Banner => "waiting for the server's identification",
            Self::KeyExchange => "exchanging keys",
            Self::Auth => "authenticating",
            Self::Channel => "opening a channel",
            Self::Exec => "starting a command",
        })
    }
}

/// Time limits of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SshLimits {
    /// For the TCP connection.
    pub connect: Duration,
    /// For identification and key exchange together.
    pub handshake: Duration,
    /// For all attempts to authenticate.
    pub auth: Duration,
    /// For opening a channel, and again for starting a command in it.
    pub channel: Duration,
    /// Between signs of life on an idle connection.
    pub keepalive: Duration,
}

impl SshLimits {
    /// How long a peer may be dead before that is noticed, whether we wait for it or write to it.
    pub fn silence(&self) -> Duration {
        self.keepalive * (KEEPALIVE_MISSES + 1)
    }
}

impl Default for SshLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(CONNECT_SECONDS),
            handshake: Duration::from_secs(HANDSHAKE_SECONDS),
            auth: Duration::from_secs(AUTH_SECONDS),
            channel: Duration::from_secs(CHANNEL_SECONDS),
            keepalive: Duration::from_secs(KEEPALIVE_SECONDS),
        }
    }
}
