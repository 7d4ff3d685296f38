//! HTTP for steps, as the broker sends it.
//!
//! A URL is parsed once, strictly, and only what was parsed is used: to check the grant, to resolve, to
//! dial, in `Host`, for TLS, in the request line. A name is resolved once; each address is checked, and the
//! address that was checked is the one that is dialled. No redirect is followed: a step that follows one
//! asks again, and is checked again.
//!
//! # Invariants
//!
//! - A secret's bytes stand in a request only in place of its placeholder, where its manifest lets it
//!   stand, and for the hosts that it is bound to. Its placeholder anywhere else is sent as it is.
//! - What the step is told of an answer has passed the redactor, unless the step may reveal.
//! - Headers named `sealock-…` come from the broker and never from, or to, a server.

mod answer;
mod body;
mod dial;
mod headers;
mod origin;
mod placeholder;
mod resolve;
mod url;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use http_body_util::BodyExt;
use sealock_contract::grant::{Capability, Endpoint, NetworkGrant};
use sealock_contract::seam::{Answer, HttpRequest, Refusal, Request, Response};
use sealock_contract::{ErrorKind, StepError, StepName};
use sealock_tls::{TlsError, Trust};
use tokio::sync::OnceCell;

use crate::handler::Handler;
use crate::handles::Object;
use crate::step::Step;

pub use body::Body;
pub use origin::{Answered, Asked, Origin, normal_url};
pub use resolve::{Resolver, SystemResolver};

/// For connecting and the first byte, when a request does not say: a server that accepts and says nothing
/// must not hold a step.
const TIMEOUT_MS: u64 = 30_000;

/// Knows where the targets of a stage are.
pub trait TargetAddresses: Send + Sync {
    /// The host name or address of `target`, as the environment of the step's stage has it.
    fn host(&self, step: &StepName, target: &str) -> Option<String>;
}

/// A checked request: its method, where it goes, its header, and its body.
type Sent<'a> = (&'a Method, &'a url::Url, headers::Head, Vec<u8>);

/// Sends the requests of steps.
pub struct Http {
    resolver: Arc<dyn Resolver>,
    targets: Arc<dyn TargetAddresses>,
    /// PEM text of certificates that are trusted beside the system's.
    extra_roots: Vec<u8>,
    /// Made by the first request over TLS: reading the system's roots takes its time.
    trust: OnceCell<Trust>,
    /// Answers in place of every server.
    origin: Option<Arc<dyn Origin>>,
}

impl Http {
    /// Resolves names by `resolver`, dials targets where `targets` says, and trusts the system's root
    /// certificates and those in the PEM text `extra_roots`.
    pub fn new(resolver: Arc<dyn Resolver>, targets: Arc<dyn TargetAddresses>, extra_roots: Vec<u8>) -> Self {
        Self { resolver, targets, extra_roots, trust: OnceCell::new(), origin: None }
    }

    /// Has every request answered by `origin`, when there is one: no name is resolved and no server dialled.
    #[must_use]
    pub fn answered_by(self, origin: Option<Arc<dyn Origin>>) -> Self {
        Self { origin, ..self }
    }

    async fn send(&self, step: &Arc<Step>, request: HttpRequest) -> Result<Response, Refusal> {
        let limit = Duration::from_millis(request.timeout_ms.unwrap_or(TIMEOUT_MS));
        let start = Instant::now();
        let late = || {
            let message = format!("no answer came within {} ms", limit.as_millis());
            Err(StepError::new(ErrorKind::Timeout, "E-HTTP-TIMEOUT", message).retryable())
        };
        tokio::time::timeout(limit, self.exchange(step, request, start)).await.unwrap_or_else(|_| late())
    }

    async fn exchange(&self, step: &Arc<Step>, request: HttpRequest, start: Instant) -> Result<Response, Refusal> {
        let url = placeholder::url(step, &request.url)?;
        let method = headers::method(&request.method)?;
        let granted = step.grant().check_network(&url.endpoint, method.as_str(), &url.path)?;
        step.acts_on(Capability::Network, &url.endpoint.to_string());
        let head = headers::check(request.headers, request.body.len())?;
        let sent = (&method, &url, head, request.body);
        let (answer, body) = match &self.origin {
            Some(origin) => self.ask(&**origin, step, sent, granted, start).await?,
            None => self.dial(step, sent, granted, start).await?,
        };
        let handle = step.handles().insert(Object::HttpBody(Arc::new(body)))?;
        Ok(Response::Http(answer.with_body(handle)))
    }

    async fn dial(
        &self,
        step: &Arc<Step>,
        (method, url, mut head, body): Sent<'_>,
        granted: &NetworkGrant,
        start: Instant,
    ) -> Result<(answer::Head, Body), Refusal> {
        let addresses = match &head.target {
            Some(name) => self.target(step, name, url.endpoint.port).await?,
            None => resolve::checked(&*self.resolver, granted, &url.endpoint).await?,
        };
        placeholder::headers(step, &url.endpoint, &mut head.fields)?;
        let socket = dial::tcp(&addresses).await?;
        let (socket, certificate_days) = self.secure(url, socket).await?;
        let answer = dial::exchange(socket, url, method.clone(), head.fields, body).await?;
        answer::open(step, answer.map(BodyExt::boxed_unsync), start, certificate_days)
    }

    /// As if it were dialled: what the grant says of targets and addresses holds, as far as they are known without asking.
    async fn ask(
        &self,
        origin: &dyn Origin,
        step: &Arc<Step>,
        (method, url, mut head, body): Sent<'_>,
        granted: &NetworkGrant,
        start: Instant,
    ) -> Result<(answer::Head, Body), Refusal> {
        match &head.target {
            Some(name) => step.grant().check_target(name)?,
            None if url.endpoint.address().is_some() => {
                resolve::checked(&*self.resolver, granted, &url.endpoint).await?;
            }
            None => {}
        }
        placeholder::headers(step, &url.endpoint, &mut head.fields)?;
        origin::ask(origin, step, (method, url, &head.fields, &body), start)
    }

    async fn target(&self, step: &Step, name: &str, port: u16) -> Result<Vec<std::net::SocketAddr>, Refusal> {
        step.grant().check_target(name)?;
        step.acts_on(Capability::Targets, name);
        let host = self.targets.host(step.name(), name).ok_or_else(|| {
            StepError::new(ErrorKind::NotFound, "E-HTTP-DNS", format!("nobody knows where the target `{name}` is"))
        })?;
        // A target that is dialled as such is granted by being one, wherever it is.
        resolve::every(&*self.resolver, &host, port).await
    }

    async fn secure(
        &self,
        url: &url::Url,
        socket: tokio::net::TcpStream,
    ) -> Result<(dial::Socket, Option<i64>), Refusal> {
        if !url.is_secure {
            return Ok((dial::Socket::Plain(socket), None));
        }
        let endpoint = &url.endpoint;
        let insecure = |error| insecure(endpoint, &error);
        let trust = self.trust.get_or_try_init(|| Trust::gather(&self.extra_roots)).await.map_err(insecure)?;
        let secured = trust.connect(&endpoint.host, socket).await.map_err(insecure)?;
        Ok((dial::Socket::Tls(Box::new(secured.stream)), secured.certificate_days))
    }
}

fn insecure(endpoint: &Endpoint, error: &TlsError) -> Refusal {
    StepError::new(ErrorKind::Remote, "E-HTTP-TLS", format!("{endpoint}: {error}"))
}

impl Handler for Http {
    fn handle<'a>(&'a self, step: &'a Arc<Step>, request: Request) -> Answer<'a> {
        Box::pin(async move {
            match request {
                Request::Http(request) => self.send(step, request).await,
                Request::HttpRead { body, max } => {
                    let body = step.handles().body(body)?;
                    body.read(usize::try_from(max).unwrap_or(usize::MAX)).await.map(Response::Bytes)
                }
                _ => Err(StepError::new(ErrorKind::Other, "E-DESK-HANDLER", "this is not a request for HTTP")),
            }
        })
    }
}
