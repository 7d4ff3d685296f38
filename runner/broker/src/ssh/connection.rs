//! One connection: from the first byte to a proven login, and the channels in it.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use russh::client::{self, Handle, Msg, Session};
use russh::keys::{Algorithm, PublicKey, PublicKeyOrCertificate};
use russh::{Channel, Names, Preferred, cipher, kex, mac};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::auth::authenticate;
use super::client::SshTarget;
use super::error::SshError;
use super::host_key::HostKey;
use super::limits::{KEEPALIVE_MISSES, Phase, SshLimits};

/// A connection with a proven login.
pub(super) struct Connection {
    handle: Handle<Watcher>,
    target: String,
    limits: SshLimits,
}

impl Connection {
    /// Connects, checks the server's key, and logs in: in this order.
    pub(super) async fn open(target: &SshTarget, limits: SshLimits) -> Result<Self, SshError> {
        let stream = dial(target, limits).await?;
        let mut handle = shake_hands(target, limits, stream).await?;
        log_in(target, limits, &mut handle).await?;
        Ok(Self { handle, target: target.name.clone(), limits })
    }

    pub(super) fn is_lost(&self) -> bool {
        self.handle.is_closed()
    }

    pub(super) async fn channel(&self) -> Result<Channel<Msg>, SshError> {
        let target = || self.target.clone();
        match timeout(self.limits.channel, self.handle.channel_open_session()).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(russh::Error::ChannelOpenFailure(_))) => Err(SshError::Refused { target: target() }),
            Ok(Err(_)) => Err(SshError::Lost { target: target() }),
            Err(_) => Err(SshError::Timeout { target: target(), phase: Phase::Channel, limit: self.limits.channel }),
        }
    }

    pub(super) async fn close(&self) {
        // A connection that is lost already needs no goodbye.
        let _ = self.handle.disconnect(russh::Disconnect::ByApplication, "", "").await;
    }
}

async fn dial(target: &SshTarget, limits: SshLimits) -> Result<Watched, SshError> {
    let address = &target.address;
    let dialling = TcpStream::connect((address.host(), address.port()));
    let connected = timeout(limits.connect, dialling).await.map_err(|_| SshError::Timeout {
        target: target.name.clone(),
        phase: Phase::Connect,
        limit: limits.connect,
    })?;
    let refused =
        |source: io::Error| SshError::Connect { target: target.name.clone(), address: address.to_string(), source };
    let stream = connected.map_err(refused)?;
    stream.set_nodelay(true).map_err(refused)?;
    give_up_unread(&stream, limits).map_err(refused)?;
    Ok(Watched { stream, spoke: Arc::default() })
}

/// While something is being written, the kernel notices a dead peer: signs of life would wait behind what is not sent.
#[cfg(target_os = "linux")]
fn give_up_unread(stream: &TcpStream, limits: SshLimits) -> io::Result<()> {
    let ms = u32::try_from(limits.silence().as_millis()).unwrap_or(u32::MAX);
    Ok(rustix::net::sockopt::set_tcp_user_timeout(stream, ms)?)
}

/// Elsewhere the kernel's own limits stand.
#[cfg(not(target_os = "linux"))]
fn give_up_unread(_stream: &TcpStream, _limits: SshLimits) -> io::Result<()> {
    Ok(())
}

async fn shake_hands(target: &SshTarget, limits: SshLimits, stream: Watched) -> Result<Handle<Watcher>, SshError> {
    let spoke = stream.spoke.clone();
    let seen = Arc::<Mutex<Seen>>::default();
    let watcher = Watcher { pinned: target.host_keys.clone(), seen: seen.clone() };
    let shaking = client::connect_stream(Arc::new(config(&target.host_keys, limits)), stream, watcher);
    match timeout(limits.handshake, shaking).await {
        Ok(Ok(handle)) => Ok(handle),
        Ok(Err(error)) => Err(refusal(target, &seen, &error)),
        Err(_) => {
            let phase = if spoke.load(Ordering::Relaxed) { Phase::KeyExchange } else { Phase::Banner };
            Err(SshError::Timeout { target: target.name.clone(), phase, limit: limits.handshake })
        }
    }
}

async fn log_in(target: &SshTarget, limits: SshLimits, handle: &mut Handle<Watcher>) -> Result<(), SshError> {
    let user = target.address.user();
    let authenticating = authenticate(handle, user, &target.auth);
    let result = timeout(limits.auth, authenticating).await.map_err(|_| SshError::Timeout {
        target: target.name.clone(),
        phase: Phase::Auth,
        limit: limits.auth,
    })?;
    match result {
        Ok(true) => Ok(()),
        Ok(false) => Err(SshError::Auth { target: target.name.clone(), user: user.to_owned() }),
        Err(failure) => Err(failure.into_error(&target.name)),
    }
}

/// The handshake's error, with what the watcher saw of the server.
fn refusal(target: &SshTarget, seen: &Mutex<Seen>, error: &russh::Error) -> SshError {
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    let name = target.name.clone();
    match (seen, error) {
        (Seen { refused_key: Some(key), .. }, _) => {
            let key = HostKey::of(&key);
            let (fingerprint, line) = (key.fingerprint(), key.to_string());
            if target.host_keys.is_empty() {
                return SshError::HostKeyUnknown { target: name, fingerprint, line };
            }
            let expected: Vec<_> = target.host_keys.iter().map(HostKey::fingerprint).collect();
            SshError::HostKeyChanged { target: name, fingerprint, expected: expected.join(" or "), line }
        }
        (Seen { weak: Some(found), .. }, _) => SshError::Protocol { target: name, found },
        (_, russh::Error::IO(_) | russh::Error::Disconnect | russh::Error::HUP) => {
            SshError::Protocol { target: name, found: "it closed the connection before keys were exchanged".to_owned() }
        }
        (_, other) => SshError::Protocol { target: name, found: other.to_string() },
    }
}

fn config(pinned: &[HostKey], limits: SshLimits) -> client::Config {
    client::Config {
        preferred: preferred(pinned),
        keepalive_interval: Some(limits.keepalive),
        keepalive_max: KEEPALIVE_MISSES as usize,
        nodelay: true,
        ..client::Config::default()
    }
}

/// The types of the pinned keys first, so that a server with several keys shows one of them. Neither SHA-1 nor
/// groups below 2048 bits are offered, and no compression.
fn preferred(pinned: &[HostKey]) -> Preferred {
    let strong = |key: &&Algorithm| !matches!(key, Algorithm::Rsa { hash: None } | Algorithm::Dsa);
    let is_pinned = |key: &Algorithm| pinned.iter().any(|pin| same_family(&pin.algorithm(), key));
    let mut keys: Vec<_> = Preferred::DEFAULT.key.iter().filter(strong).cloned().collect();
    keys.sort_by_key(|key| !is_pinned(key));
    Preferred {
        key: Cow::Owned(keys),
        kex: Cow::Borrowed(KEX),
        mac: Cow::Borrowed(&[mac::HMAC_SHA512_ETM, mac::HMAC_SHA256_ETM, mac::HMAC_SHA512, mac::HMAC_SHA256]),
        compression: Cow::Borrowed(&[russh::compression::NONE]),
        ..Preferred::DEFAULT
    }
}

const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::DH_G18_SHA512,
    kex::DH_G16_SHA512,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

fn same_family(one: &Algorithm, other: &Algorithm) -> bool {
    matches!((one, other), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. })) || one == other
}

/// What the watcher saw of a server that it refused.
#[derive(Default)]
struct Seen {
    refused_key: Option<PublicKey>,
    weak: Option<String>,
}

/// Checks the server's key and refuses everything that a server may ask for: channels that it opens are
/// rejected when their reply is dropped.
pub(super) struct Watcher {
    pinned: Vec<HostKey>,
    seen: Arc<Mutex<Seen>>,
}

impl Watcher {
    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl client::Handler for Watcher {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let key = shown.public_key();
        let trusted = shown.certificate().is_none() && self.pinned.iter().any(|pin| pin.is(&key));
        if !trusted {
            self.note(|seen| seen.refused_key = Some(key));
        }
        Ok(trusted)
    }

    /// Without strict key exchange, messages can be cut out of everything but AES-GCM (CVE-2023-48795).
    async fn kex_done(
        &mut self,
        _secret: Option<&[u8]>,
        names: &Names,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        if names.strict_kex() || names.cipher == cipher::AES_256_GCM {
            return Ok(());
        }
        let found = format!("no strict key exchange with the cipher {}", names.cipher.as_ref());
        self.note(|seen| seen.weak = Some(found));
        Err(russh::Error::Kex)
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _connected_address: &str,
        _connected_port: u32,
        _originator_address: &str,
        _originator_port: u32,
        _reply: client::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _socket_path: &str,
        _reply: client::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _channel: Channel<Msg>,
        _reply: client::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        _reply: client::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _host_to_connect: &str,
        _port_to_connect: u32,
        _originator_address: &str,
        _originator_port: u32,
        _reply: client::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _socket_path: &str,
        _reply: client::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _channel: Channel<Msg>,
        _originator_address: &str,
        _originator_port: u32,
        _reply: client::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }
}

/// A stream that remembers whether the other side has said anything.
struct Watched {
    stream: TcpStream,
    spoke: Arc<AtomicBool>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.spoke.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
