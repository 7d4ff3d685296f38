//! The way to a Docker engine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError};
use tokio::sync::OnceCell;

/// Where an engine listens when nobody says otherwise.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
/// Until the engine answers a question; what takes longer is a stream.
const ANSWER_SECONDS: u64 = 120;
/// Until an engine that went away is back: a restart of Docker takes a few seconds, one with many containers half a minute.
const BACK_SECONDS: u64 = 60;
/// The first API with BuildKit sessions.
const BUILDKIT_API: (usize, usize) = (1, 39);

/// A Docker engine. Nothing is asked of it before something is needed; clones share what was learnt.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    host: Host,
    allows_buildkit: bool,
    /// How long it may be away in the middle of what can be done again.
    patience: Duration,
    known: OnceCell<Known>,
}

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Unix(PathBuf),
    Tcp(String),
}

/// What is known after the first contact.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) docker: Docker,
    /// Such as `1.41`.
    pub(super) api: String,
    pub(super) has_buildkit: bool,
    /// Such as `linux/amd64`.
    pub(super) platform: String,
}

impl Engine {
    /// The engine at `host` (`unix:///path`, `tcp://host:port`, or a path), or at its usual socket.
    ///
    /// # Errors
    ///
    /// `E-DOCKER-HOST` when `host` is of another kind. Whether anybody listens there shows later.
    pub fn connect(host: Option<&str>) -> Result<Self, Refusal> {
        let host = parse(host.unwrap_or(DEFAULT_SOCKET))?;
        Ok(Self::fresh(host, true, Duration::from_secs(BACK_SECONDS)))
    }

    /// The socket that it listens at, when that is a file: no step may reach it.
    pub fn socket(&self) -> Option<&Path> {
        match &self.0.host {
            Host::Unix(path) => Some(path),
            Host::Tcp(_) => None,
        }
    }

    /// The same engine, building with its first builder even where it has BuildKit.
    #[must_use]
    pub fn without_buildkit(&self) -> Self {
        Self::fresh(self.0.host.clone(), false, self.0.patience)
    }

    /// The same engine, which may be away for so long in the middle of a build, a pull, or a push.
    #[must_use]
    pub fn with_patience(&self, patience: Duration) -> Self {
        Self::fresh(self.0.host.clone(), self.0.allows_buildkit, patience)
    }

    fn fresh(host: Host, allows_buildkit: bool, patience: Duration) -> Self {
        Self(Arc::new(Inner { host, allows_buildkit, patience, known: OnceCell::new() }))
    }

    /// Asks whether the engine is there, and what it is.
    ///
    /// # Errors
    ///
    /// `E-DOCKER-CONNECT`.
    pub async fn ready(&self) -> Result<(), Refusal> {
        self.known().await.map(|_| ())
    }

    pub(super) fn host(&self) -> &Host {
        &self.0.host
    }

    /// The same engine, to be asked from another runtime.
    pub(super) fn apart(&self) -> Self {
        let Inner { host, allows_buildkit, patience, .. } = &*self.0;
        Self::fresh(host.clone(), *allows_buildkit, *patience)
    }

    pub(super) fn patience(&self) -> Duration {
        self.0.patience
    }

    pub(super) async fn known(&self) -> Result<&Known, Refusal> {
        self.0.known.get_or_try_init(|| self.learn()).await
    }

    pub(super) async fn docker(&self) -> Result<&Docker, Refusal> {
        self.known().await.map(|known| &known.docker)
    }

    async fn learn(&self) -> Result<Known, Refusal> {
        let docker = self.client().map_err(|error| self.unreachable(&error))?;
        let docker = docker.negotiate_version().await.map_err(|error| self.unreachable(&error))?;
        let version = docker.version().await.map_err(|error| self.unreachable(&error))?;
        let api = docker.client_version();
        let is_docker = !version.components.unwrap_or_default().iter().any(|part| part.name.contains("Podman"));
        let platform =
            format!("{}/{}", version.os.as_deref().unwrap_or("linux"), version.arch.as_deref().unwrap_or_default());
        let is_linux = version.os.as_deref() == Some("linux");
        let is_new_enough = (api.major_version, api.minor_version) >= BUILDKIT_API;
        Ok(Known {
            api: format!("{}.{}", api.major_version, api.minor_version),
            platform,
            has_buildkit: self.0.allows_buildkit && is_docker && is_linux && is_new_enough,
            docker,
        })
    }

    fn client(&self) -> Result<Docker, Error> {
        match &self.0.host {
            Host::Unix(path) => {
                Docker::connect_with_unix(&path.to_string_lossy(), ANSWER_SECONDS, bollard::API_DEFAULT_VERSION)
            }
            Host::Tcp(address) => {
                let url = format!("tcp://{address}");
                Docker::connect_with_http(&url, ANSWER_SECONDS, bollard::API_DEFAULT_VERSION)
            }
        }
    }

    pub(super) fn unreachable(&self, error: &dyn fmt::Display) -> Refusal {
        let message = format!("no Docker engine answers at {}: {error}", self.0.host);
        StepError::new(ErrorKind::Remote, "E-DOCKER-CONNECT", message)
            .help("start the engine, let this user use its socket, or set DOCKER_HOST to where it listens")
            .retryable()
    }

    pub(super) fn lost(&self, doing: &str, error: &dyn fmt::Display) -> Refusal {
        let message = format!("the Docker engine at {} went away while it was to {doing}: {error}", self.0.host);
        StepError::new(ErrorKind::Remote, "E-DOCKER-LOST", message)
            .help("look at the engine's own log; what had been started is removed when it is back")
            .retryable()
    }

    /// It is there, and takes its time.
    fn silent(&self, doing: &str) -> Refusal {
        let message =
            format!("the Docker engine at {} has not said in {ANSWER_SECONDS} s whether it did {doing}", self.0.host);
        StepError::new(ErrorKind::Timeout, "E-DOCKER-TIMEOUT", message)
            .help("look at what else it has to do, and at its log; what had been started is removed with the run")
            .retryable()
    }

    /// What `error` means to a step, when the engine was asked to do `doing`.
    pub(super) fn refusal(&self, doing: &str, error: &Error) -> Refusal {
        match error {
            Error::DockerResponseServerError { message, .. } => refused(doing, message),
            Error::DockerStreamError { error } => refused(doing, error),
            Error::SocketNotFoundError(_) => self.unreachable(error),
            Error::HyperLegacyError { err } if err.is_connect() => self.unreachable(&root(err)),
            Error::HyperLegacyError { err } => self.lost(doing, &root(err)),
            Error::RequestTimeoutError => self.silent(doing),
            Error::IOError { .. } | Error::HyperResponseError { .. } | Error::HttpClientError { .. } => {
                self.lost(doing, error)
            }
            other => refused(doing, &other.to_string()),
        }
    }
}

/// The engine answered, and said no.
pub(super) fn refused(doing: &str, message: &str) -> Refusal {
    let message = format!("the Docker engine did not {doing}: {}", message.trim());
    StepError::new(ErrorKind::Remote, "E-DOCKER-REFUSED", message)
}

/// Whether the engine answered that there is no such thing.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

/// The innermost cause: the outer ones only say that there is one.
pub(super) fn root<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

fn parse(text: &str) -> Result<Host, Refusal> {
    if let Some(path) = text.strip_prefix("unix://") {
        return Ok(Host::Unix(path.into()));
    }
    if let Some(address) = text.strip_prefix("tcp://").or_else(|| text.strip_prefix("http://")) {
        return Ok(Host::Tcp(address.trim_end_matches('/').to_owned()));
    }
    if text.starts_with('/') {
        return Ok(Host::Unix(text.into()));
    }
    let message = format!("`{}` is not a place of a Docker engine that can be reached from here", text.escape_debug());
    Err(StepError::new(ErrorKind::Invalid, "E-DOCKER-HOST", message).help("write unix:///PATH or tcp://HOST:PORT"))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_sockets_and_addresses() {
        assert_eq!(parse("unix:///run/x.sock"), Ok(Host::Unix("/run/x.sock".into())));
        assert_eq!(parse(DEFAULT_SOCKET), Ok(Host::Unix(DEFAULT_SOCKET.into())));
        assert_eq!(parse("tcp://127.0.0.1:2375/"), Ok(Host::Tcp("127.0.0.1:2375".into())));
        assert_eq!(parse("ssh://me@there").expect_err("not yet").code, "E-DOCKER-HOST");
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_says_where_it_was_looked_for() {
        let engine = Engine::connect(Some("unix:///nonexistent/docker.sock")).expect("a place");
        let refusal = engine.ready().await.expect_err("nobody there");
        assert_eq!(refusal.code, "E-DOCKER-CONNECT");
        assert!(refusal.message.contains("unix:///nonexistent/docker.sock"), "{}", refusal.message);
        assert!(refusal.help.is_some());
    }
}
