//! How we show who we are: one private key, or an agent. Never a password, never a prompt.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use sealock_secrets::SecretBytes;

use super::connection::Watcher;
use super::error::SshError;

/// Keys of an agent that are tried: a server closes the connection after a few anyway.
const AGENT_KEYS_MAX: usize = 5;

/// What a target's login is proven with.
#[derive(Clone)]
pub enum SshAuth {
    /// An unencrypted private key in OpenSSH's or PEM form, from a secret.
    Key {
        /// The secret's name, for messages.
        secret: String,
        /// The key.
        bytes: SecretBytes,
    },
    /// The keys of the agent that listens on this socket.
    Agent(PathBuf),
}

impl fmt::Debug for SshAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { secret, .. } => write!(f, "Key({secret})"),
            Self::Agent(socket) => write!(f, "Agent({})", socket.display()),
        }
    }
}

/// Proves the login; false when the server took none of our keys.
pub(super) async fn authenticate(
    handle: &mut Handle<Watcher>,
    user: &str,
    auth: &SshAuth,
) -> Result<bool, AuthFailure> {
    match auth {
        SshAuth::Key { secret, bytes } => {
            let key = read_key(bytes).map_err(|why| AuthFailure::Key { secret: secret.clone(), why })?;
            with_key(handle, user, key).await
        }
        SshAuth::Agent(socket) => with_agent(handle, user, socket).await,
    }
}

/// Why no attempt was made, or the connection broke during one.
pub(super) enum AuthFailure {
    Key { secret: String, why: &'static str },
    Agent { why: String },
    Broken(russh::Error),
}

impl AuthFailure {
    pub(super) fn into_error(self, target: &str) -> SshError {
        let target = target.to_owned();
        match self {
            Self::Key { secret, why } => SshError::Key { target, secret, why },
            Self::Agent { why } => SshError::Agent { target, why },
            Self::Broken(source) => SshError::Protocol { target, found: source.to_string() },
        }
    }
}

/// The key in `bytes`, checked before anything is sent.
pub(super) fn read_key(bytes: &SecretBytes) -> Result<PrivateKey, &'static str> {
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| "it is not text")?;
    // Secrets handed through an environment often lose their last line end, which OpenSSH's form needs.
    let whole = SecretBytes::new(format!("{}\n", text.trim_end()));
    let text = std::str::from_utf8(whole.expose()).map_err(|_| "it is not text")?;
    russh::keys::decode_secret_key(text, None).map_err(|error| match error {
        russh::keys::Error::KeyIsEncrypted => "it is protected by a passphrase",
        _ => "it is not a private key in OpenSSH's or PEM form",
    })
}

async fn with_key(handle: &mut Handle<Watcher>, user: &str, key: PrivateKey) -> Result<bool, AuthFailure> {
    let hash = signature_hash(handle, key.public_key()).await?;
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
    let result = handle.authenticate_publickey(user, key).await.map_err(AuthFailure::Broken)?;
    Ok(matches!(result, AuthResult::Success))
}

async fn with_agent(handle: &mut Handle<Watcher>, user: &str, socket: &std::path::Path) -> Result<bool, AuthFailure> {
    let failed = |error: russh::keys::Error| AuthFailure::Agent { why: error.to_string() };
    let mut agent = AgentClient::connect_uds(socket).await.map_err(failed)?;
    let identities = agent.request_identities().await.map_err(failed)?;
    for identity in identities.into_iter().take(AGENT_KEYS_MAX) {
        let AgentIdentity::PublicKey { key, .. } = identity else { continue };
        let hash = signature_hash(handle, &key).await?;
        let result = handle
            .authenticate_publickey_with(user, key, hash, &mut agent)
            .await
            .map_err(|error| AuthFailure::Agent { why: error.to_string() })?;
        if matches!(result, AuthResult::Success) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// RSA keys sign with SHA-2 or not at all.
async fn signature_hash(handle: &Handle<Watcher>, key: &PublicKey) -> Result<Option<HashAlg>, AuthFailure> {
    if !key.algorithm().is_rsa() {
        return Ok(None);
    }
    let offered = handle.best_supported_rsa_hash().await.map_err(AuthFailure::Broken)?;
    Ok(Some(offered.flatten().unwrap_or(HashAlg::Sha512)))
}
