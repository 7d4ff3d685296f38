//! A target, and the one connection that is kept to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use russh::Channel;
use russh::client::Msg;
use tokio::sync::Mutex;

use super::address::SshAddress;
use super::auth::{SshAuth, read_key};
use super::command_line::CommandLine;
use super::connection::Connection;
use super::error::SshError;
use super::exec::SshExec;
use super::host_key::HostKey;
use super::limits::SshLimits;

/// A machine that commands are run on.
#[derive(Clone, Debug)]
pub struct SshTarget {
    /// Its name in the pipeline.
    pub name: String,
    /// Where it is.
    pub address: SshAddress,
    /// The keys that it may show.
    pub host_keys: Vec<HostKey>,
    /// What the login is proven with.
    pub auth: SshAuth,
}

/// Runs commands on one target. Cheap to clone; clones share the connection.
#[derive(Clone)]
pub struct SshClient {
    shared: Arc<Shared>,
}

struct Shared {
    target: SshTarget,
    limits: SshLimits,
    live: Mutex<Option<Arc<Live>>>,
    round_trips: AtomicU64,
    connections: AtomicU64,
}

/// A connection and one channel that was opened ahead, so that a command costs one round trip.
struct Live {
    connection: Connection,
    spare: Mutex<Option<Channel<Msg>>>,
}

impl SshClient {
    /// A client that has not connected yet.
    pub fn new(target: SshTarget, limits: SshLimits) -> Self {
        let shared = Shared {
            target,
            limits,
            live: Mutex::new(None),
            round_trips: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The machine.
    pub fn target(&self) -> &SshTarget {
        &self.shared.target
    }

    /// How often a command has had to wait for the target so far: one for each command, and one more where
    /// no channel had been opened ahead. Connecting is not counted here; see [`Self::connections`].
    pub fn round_trips(&self) -> u64 {
        self.shared.round_trips.load(Ordering::Relaxed)
    }

    /// How often a connection has been made.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Connects and logs in, when that has not happened yet.
    ///
    /// # Errors
    ///
    /// What the connection failed at; no key was used when it was the server's.
    pub async fn connect(&self) -> Result<(), SshError> {
        self.live().await.map(drop)
    }

    /// Starts `command` and writes `stdin` to it. The output must be read ([`SshExec::next`]): a command
    /// whose output nobody takes in the end holds up the others on the connection.
    ///
    /// # Errors
    ///
    /// What the connection failed at. Nothing was started then, unless the error is [`SshError::Lost`].
    pub async fn exec(&self, command: &CommandLine, stdin: impl Into<Bytes>) -> Result<SshExec, SshError> {
        let live = self.live().await?;
        let channel = match self.channel(&live).await {
            Err(SshError::Lost { .. }) => self.channel(&self.live().await?).await?,
            other => other?,
        };
        self.shared.round_trips.fetch_add(1, Ordering::Relaxed);
        SshExec::start(channel, command, stdin.into(), &self.shared.target.name, self.shared.limits).await
    }

    /// Ends the connection; the next command makes a new one.
    pub async fn close(&self) {
        let live = self.shared.live.lock().await.take();
        if let Some(live) = live {
            live.connection.close().await;
        }
    }

    async fn live(&self) -> Result<Arc<Live>, SshError> {
        let mut kept = self.shared.live.lock().await;
        if let Some(live) = kept.as_ref().filter(|live| !live.connection.is_lost()) {
            return Ok(live.clone());
        }
        self.check_key()?;
        self.shared.connections.fetch_add(1, Ordering::Relaxed);
        let connection = Connection::open(&self.shared.target, self.shared.limits).await?;
        let live = Arc::new(Live { connection, spare: Mutex::new(None) });
        *kept = Some(live.clone());
        Ok(live)
    }

    /// A key that cannot be used is told before anything is sent anywhere.
    fn check_key(&self) -> Result<(), SshError> {
        let target = &self.shared.target;
        let SshAuth::Key { secret, bytes } = &target.auth else { return Ok(()) };
        read_key(bytes).map(drop).map_err(|why| SshError::Key {
            target: target.name.clone(),
            secret: secret.clone(),
            why,
        })
    }

    async fn channel(&self, live: &Arc<Live>) -> Result<Channel<Msg>, SshError> {
        let ahead = live.spare.lock().await.take();
        let channel = if let Some(channel) = ahead {
            channel
        } else {
            self.shared.round_trips.fetch_add(1, Ordering::Relaxed);
            live.connection.channel().await?
        };
        tokio::spawn(open_ahead(live.clone()));
        Ok(channel)
    }
}

/// A server that allows no further channel now is asked again when one is needed.
async fn open_ahead(live: Arc<Live>) {
    let mut spare = live.spare.lock().await;
    if spare.is_none() {
        *spare = live.connection.channel().await.ok();
    }
}
