//! One question to one host, and its answer: one connection a question, no proxy, no cookies, no compression.
//!
//! # Invariants
//!
//! - `Authorization` goes to the host that the question was made for, and to no host that it redirects to.
//! - A redirect never leads from TLS to none, and an upload follows none.
//! - Every wait ends.

mod answer;
mod url;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sealock_tls::{TlsError, Trust};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout, timeout_at};

use crate::RegistryError;
use crate::patience::{HEAD_BYTES, HEADERS, Patience, REDIRECTS};

pub(crate) use answer::Answer;
pub(crate) use url::{Url, encoded, is_loopback};

/// What we say of ourselves: some registries refuse those who say nothing.
const AGENT: &str = concat!("sealock/", env!("CARGO_PKG_VERSION"));

/// The way to every registry.
pub(crate) struct Transport {
    extra_roots: Vec<u8>,
    patience: Patience,
    trust: OnceCell<Trust>,
}

/// A question.
#[derive(Clone)]
pub(crate) struct Question {
    /// What is done.
    pub method: Method,
    /// To what.
    pub url: Url,
    /// Types that are understood.
    pub accept: Option<&'static str>,
    /// For the host of `url` alone.
    pub authorization: Option<HeaderValue>,
    /// The type of `body`.
    pub content_type: Option<&'static str>,
    /// What is sent.
    pub body: Bytes,
}

impl Question {
    /// Asks for what is at `url`.
    pub(crate) fn get(url: Url) -> Self {
        Self::of(Method::GET, url)
    }

    /// Does `method` to `url`, and sends nothing.
    pub(crate) fn of(method: Method, url: Url) -> Self {
        Self { method, url, accept: None, authorization: None, content_type: None, body: Bytes::new() }
    }
}

impl Transport {
    pub(crate) fn new(extra_roots: Vec<u8>, patience: Patience) -> Self {
        Self { extra_roots, patience, trust: OnceCell::new() }
    }

    pub(crate) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Asks, and follows redirects of questions that change nothing. The whole answer must be here by `end`.
    pub(crate) async fn ask(&self, question: &Question, end: Instant) -> Result<Answer, RegistryError> {
        let mut url = question.url.clone();
        for _ in 0..=REDIRECTS {
            let is_own_host = url.has_origin_of(&question.url);
            let answer = self.exchange(question, &url, is_own_host, end).await?;
            let Some(location) = answer.location() else {
                return Ok(answer);
            };
            let refused = |why: String| RegistryError::Answer { host: url.authority(), why };
            if !matches!(question.method, Method::GET | Method::HEAD) {
                return Err(refused("it redirects an upload".to_owned()));
            }
            let followed = url.follow(&location);
            url = followed.ok_or_else(|| refused("it redirects to where nothing is followed".to_owned()))?;
        }
        let host = question.url.authority();
        Err(RegistryError::Answer { host, why: format!("it redirects more than {REDIRECTS} times") })
    }

    async fn exchange(
        &self,
        question: &Question,
        url: &Url,
        is_own_host: bool,
        end: Instant,
    ) -> Result<Answer, RegistryError> {
        let host = url.authority();
        let request = request(question, url, is_own_host)?;
        let dialled = timeout_at(end.min(Instant::now() + self.patience.connect), self.dial(url, request)).await;
        let (sending, driver) = dialled.map_err(|_| late(&host, "nobody answered the call"))??;
        let answered = timeout_at(end.min(Instant::now() + self.patience.idle), sending).await;
        let response = answered.map_err(|_| late(&host, "it took the question and did not answer"))?;
        let response = response.map_err(|error| broken(&host, &error))?;
        Ok(Answer::new(response, host, driver, self.patience.idle, end))
    }

    /// Connects, and puts the question on its way.
    async fn dial(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
    ) -> Result<(impl Future<Output = hyper::Result<Response<Incoming>>> + use<>, Driver), RegistryError> {
        let host = url.authority();
        let unreachable = |why: String| RegistryError::Unreachable { host: host.clone(), why, may_pass: true };
        let socket = TcpStream::connect((url.host(), url.port())).await;
        let socket = socket.map_err(|error| unreachable(error.to_string()))?;
        // A small question must not wait for the answer to an earlier packet.
        socket.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
        let (mut sender, driver) = if url.is_tls() {
            let insecure = |error| insecure(&host, &error);
            let trust = self.trust.get_or_try_init(|| Trust::gather(&self.extra_roots)).await.map_err(insecure)?;
            let secured = trust.connect(url.host(), socket).await.map_err(insecure)?;
            shake_hands(secured.stream, &host).await?
        } else {
            shake_hands(socket, &host).await?
        };
        Ok((async move { sender.send_request(request).await }, driver))
    }
}

/// A certificate does not verify better the second time.
fn insecure(host: &str, error: &TlsError) -> RegistryError {
    let why = match error {
        TlsError::NotTls => {
            format!("{error}; only a registry on this machine (127.0.0.1, localhost) may speak plain HTTP")
        }
        _ => error.to_string(),
    };
    RegistryError::Unreachable { host: host.to_owned(), why, may_pass: false }
}

/// The task that moves a connection's bytes; it ends with its answer.
pub(crate) struct Driver(tokio::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn shake_hands<S>(socket: S, host: &str) -> Result<(http1::SendRequest<Full<Bytes>>, Driver), RegistryError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let builder = http1::Builder::new().max_headers(HEADERS).max_buf_size(HEAD_BYTES).clone();
    let shaken = builder.handshake(TokioIo::new(socket)).await;
    let (sender, connection) = shaken.map_err(|error| broken(host, &error))?;
    // How the connection ends is told by the answer that comes through it.
    let driver = tokio::spawn(async move { drop(connection.await) });
    Ok((sender, Driver(driver)))
}

fn request(question: &Question, url: &Url, is_own_host: bool) -> Result<Request<Full<Bytes>>, RegistryError> {
    let mut request = Request::builder().method(question.method.clone()).uri(url.target());
    request = request.header(HOST, url.authority()).header(USER_AGENT, AGENT);
    for (name, value) in [(ACCEPT, question.accept), (CONTENT_TYPE, question.content_type)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    if let Some(authorization) = question.authorization.as_ref().filter(|_| is_own_host) {
        request = request.header(AUTHORIZATION, authorization);
    }
    request.body(Full::new(question.body.clone())).map_err(|error| RegistryError::Answer {
        host: url.authority(),
        why: format!("it points at what is no address: {error}"),
    })
}

/// It was waited for long enough.
pub(crate) fn late(host: &str, what: &str) -> RegistryError {
    RegistryError::Unavailable { host: host.to_owned(), why: format!("{what} in time"), after: None }
}

/// The connection broke, or carried what is no HTTP.
pub(crate) fn broken(host: &str, error: &hyper::Error) -> RegistryError {
    if error.is_parse() {
        let why = format!("it does not speak HTTP as it should: {error}");
        return RegistryError::Answer { host: host.to_owned(), why };
    }
    RegistryError::Unavailable { host: host.to_owned(), why: format!("it broke off: {error}"), after: None }
}

/// Does `what` within `patience` of being idle.
pub(crate) async fn in_time<T>(
    host: &str,
    idle: std::time::Duration,
    end: Instant,
    what: impl Future<Output = T>,
) -> Result<T, RegistryError> {
    let left = end.saturating_duration_since(Instant::now()).min(idle);
    timeout(left, what).await.map_err(|_| late(host, "the rest of its answer did not come"))
}
