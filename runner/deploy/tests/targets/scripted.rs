//! SSH servers that misbehave as they are told, and remember what they were asked.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, VerifiedPublicKey, run_stream};
use russh::{Channel, ChannelId, Preferred, Sig, cipher, kex};
use sealock_broker::ssh::{HostKey, SshAddress, SshAuth, SshClient, SshLimits, SshTarget};
use sealock_secrets::SecretBytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How a server misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It accepts and says nothing.
    Mute,
    /// It says who it is and nothing more.
    HangInKeyExchange,
    /// It greets without end.
    EndlessGreeting,
    /// Its first packet says that it is 4 GiB long.
    HugePacket,
    /// It never answers a login.
    HangInAuth,
    /// It refuses every login.
    RefuseAuth,
    /// It never answers the wish for a channel.
    HangInChannel,
    /// It never says whether a command was started.
    HangInExec,
    /// It refuses commands.
    RefuseExec,
    /// It closes the connection while a command runs.
    CloseInExec,
    /// It closes the channel without an exit status.
    NoStatus,
    /// It says that a signal ended the command.
    Signal,
    /// It prints what success may look like, and returns 0.
    FakeSuccess,
    /// It asks for every kind of channel that a server can ask for.
    OpenChannels,
    /// It knows no strict key exchange, and only a cipher that needs it.
    NoStrictKex,
    /// It signs with RSA and SHA-1 only.
    Sha1,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) logins: AtomicUsize,
    pub(crate) commands: Mutex<Vec<String>>,
    pub(crate) channels_granted: AtomicUsize,
    pub(crate) channels_refused: AtomicUsize,
}

pub(crate) struct Scripted {
    pub(crate) seen: Arc<Seen>,
    pub(crate) host_key: String,
    port: u16,
    accepting: JoinHandle<()>,
}

/// Short enough for tests.
pub(crate) const LIMIT: Duration = Duration::from_secs(1);

pub(crate) fn new_key(kind: &str) -> (PrivateKey, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    let bits = if kind == "rsa" { "2048" } else { "256" };
    let status = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-b", bits, "-N", "", "-f"])
        .arg(&file)
        .status()
        .expect("`ssh-keygen` is needed for this test");
    assert!(status.success());
    (russh::keys::load_secret_key(&file, None).expect("a key"), std::fs::read(&file).expect("a key"))
}

/// As it is written in a pipeline: without a comment.
pub(crate) fn shown(key: &PrivateKey) -> String {
    let text = key.public_key().to_openssh().expect("a key");
    text.parse::<HostKey>().expect("a host key").to_string()
}

impl Scripted {
    pub(crate) async fn start(manner: Manner) -> Self {
        let (key, _) = new_key(if manner == Manner::Sha1 { "rsa" } else { "ed25519" });
        let host_key = shown(&key);
        let config = Arc::new(config(manner, key));
        let seen = Arc::<Seen>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let shared = seen.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(manner, config.clone(), stream, shared.clone()));
            }
        });
        Self { seen, host_key, port, accepting }
    }

    /// A client with short limits that trusts `host_keys`.
    pub(crate) fn client(&self, host_keys: &[&str]) -> SshClient {
        let (_, bytes) = new_key("ed25519");
        let target = SshTarget {
            name: "web1".to_owned(),
            address: SshAddress::new("deploy", "127.0.0.1", self.port).expect("an address"),
            host_keys: host_keys.iter().map(|key| key.parse().expect("a host key")).collect(),
            auth: SshAuth::Key { secret: "DEPLOY_KEY".to_owned(), bytes: SecretBytes::new(bytes) },
        };
        let limits =
            SshLimits { connect: LIMIT, handshake: LIMIT, auth: LIMIT, channel: LIMIT, ..SshLimits::default() };
        SshClient::new(target, limits)
    }

    pub(crate) fn logins(&self) -> usize {
        self.seen.logins.load(Ordering::Relaxed)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn config(manner: Manner, key: PrivateKey) -> Config {
    let mut preferred = Preferred::DEFAULT;
    match manner {
        Manner::NoStrictKex => {
            preferred.kex = Cow::Borrowed(&[kex::CURVE25519]);
            preferred.cipher = Cow::Borrowed(&[cipher::CHACHA20_POLY1305]);
        }
        Manner::Sha1 => preferred.key = Cow::Owned(vec![russh::keys::Algorithm::Rsa { hash: None }]),
        _ => {}
    }
    let auth_rejection_time = Duration::ZERO;
    Config { keys: vec![key], preferred, auth_rejection_time, ..Config::default() }
}

async fn serve(manner: Manner, config: Arc<Config>, mut stream: tokio::net::TcpStream, seen: Arc<Seen>) {
    match manner {
        Manner::Mute => std::future::pending().await,
        Manner::HangInKeyExchange => {
            stream.write_all(b"SSH-2.0-hostile\r\n").await.expect("written");
            std::future::pending::<()>().await;
        }
        Manner::EndlessGreeting => while stream.write_all(&[b'a'; 4096]).await.is_ok() {},
        Manner::HugePacket => {
            stream.write_all(b"SSH-2.0-hostile\r\n\xff\xff\xff\xff").await.expect("written");
            while stream.write_all(&[0; 4096]).await.is_ok() {}
        }
        _ => {
            let server = Server { manner, seen, kept: Vec::new() };
            if let Ok(session) = run_stream(config, stream, server).await {
                let _ = session.await;
            }
        }
    }
}

struct Server {
    manner: Manner,
    seen: Arc<Seen>,
    kept: Vec<ChannelOpenHandle>,
}

impl Handler for Server {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, _user: &str, _key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        self.seen.logins.fetch_add(1, Ordering::Relaxed);
        match self.manner {
            Manner::HangInAuth => std::future::pending().await,
            Manner::RefuseAuth => Ok(Auth::reject()),
            _ => Ok(Auth::Accept),
        }
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), russh::Error> {
        if self.manner == Manner::OpenChannels {
            tokio::spawn(open_channels(session.handle(), self.seen.clone()));
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        if self.manner == Manner::HangInChannel {
            self.kept.push(reply);
        } else {
            reply.accept().await;
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.seen.commands.lock().unwrap().push(String::from_utf8_lossy(command).into_owned());
        match self.manner {
            Manner::HangInExec => return Ok(()),
            Manner::RefuseExec => return session.channel_failure(channel),
            _ => session.channel_success(channel)?,
        }
        session.data(channel, "deploy ok\n")?;
        match self.manner {
            Manner::CloseInExec => return Err(russh::Error::Disconnect),
            Manner::Signal => session.exit_signal_request(channel, Sig::KILL, false, "", "")?,
            Manner::FakeSuccess | Manner::OpenChannels => session.exit_status_request(channel, 0)?,
            _ => {}
        }
        session.eof(channel)?;
        session.close(channel)
    }
}

async fn open_channels(handle: russh::server::Handle, seen: Arc<Seen>) {
    let asked = [
        handle.channel_open_session().await.is_ok(),
        handle.channel_open_agent().await.is_ok(),
        handle.channel_open_x11("127.0.0.1", 1).await.is_ok(),
        handle.channel_open_forwarded_tcpip("127.0.0.1", 1, "127.0.0.1", 1).await.is_ok(),
        handle.channel_open_direct_tcpip("127.0.0.1", 1, "127.0.0.1", 1).await.is_ok(),
        handle.channel_open_forwarded_streamlocal("/x").await.is_ok(),
        handle.channel_open_direct_streamlocal("/x").await.is_ok(),
    ];
    for granted in asked {
        let count = if granted { &seen.channels_granted } else { &seen.channels_refused };
        count.fetch_add(1, Ordering::Relaxed);
    }
}
