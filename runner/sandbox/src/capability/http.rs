//! `wasi:http`: the broker resolves, checks, dials, and sends. Here a request is checked against the grant, put
//! together, and its answer's body is read piece by piece.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::Frame;
use sealock_contract::grant::{Capability, Endpoint};
use sealock_contract::limits::{HOST_CALL_BYTES, HTTP_BODY_BYTES, HTTP_HEADER_BYTES, HTTP_HEADERS};
use sealock_contract::seam::{Desk, Handle, HttpRequest, HttpResponse, Note, Request, Response};
use sealock_contract::{ErrorKind, Grant, StepError};
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::convert::hermetic_denial;
use crate::notes::Notes;

/// One piece of an answer's body.
const PIECE_BYTES: u32 = 64 << 10;
/// One write into a request's body: four thousand open requests must not hold gigabytes.
const CHUNK_BYTES: usize = 16 << 10;
/// Requests under way at once: their bodies are held until they are sent.
const CONCURRENT_REQUESTS: usize = 4;
/// The header that names a target of the stage to dial.
const TARGET_HEADER: &str = "sealock-target";

type Done = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Result<(http::Response<WasiBody>, Done), Error>;

/// Sends for one step.
pub(crate) struct Sender {
    way: Arc<Way>,
}

/// What a request needs on its way, also after the guest's call has returned.
struct Way {
    desk: Arc<dyn Desk>,
    notes: Notes,
    grant: Arc<Grant>,
    hermetic: bool,
    placeholders: Mutex<HashSet<String>>,
    slots: Semaphore,
}

impl Sender {
    pub(crate) fn new(desk: Arc<dyn Desk>, notes: Notes, grant: Arc<Grant>, hermetic: bool) -> Self {
        let placeholders = Mutex::default();
        let slots = Semaphore::new(CONCURRENT_REQUESTS);
        Self { way: Arc::new(Way { desk, notes, grant, hermetic, placeholders, slots }) }
    }

    /// A word of a secret: standing alone as the host, it is a whole URL that the broker knows.
    pub(crate) fn know_placeholder(&self, word: &str) {
        let mut placeholders = self.way.placeholders.lock().unwrap_or_else(PoisonError::into_inner);
        placeholders.insert(word.to_owned());
    }
}

impl WasiHttpHooks for Sender {
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let way = Arc::clone(&self.way);
        Box::new(async move {
            let response = way.send(request, options).await?;
            Ok((response, Box::new(async { Ok(()) }) as Done))
        })
    }
}

impl Way {
    async fn send(
        self: Arc<Self>,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<http::Response<WasiBody>, Error> {
        let (head, body) = request.into_parts();
        let url = self.url(&head).map_err(|error| self.denied(&error))?;
        let headers = headers_of(&head.headers)?;
        let _slot = self.slots.acquire().await.map_err(|_| Error::ConnectionLimitReached)?;
        let body = gather(body).await?;

        let timeout_ms = options.and_then(first_byte_ms);
        let request = HttpRequest { method: head.method.as_str().to_owned(), url, headers, body, timeout_ms };
        self.notes.flush();
        match self.desk.call(Request::Http(request)).await {
            Ok(Response::Http(answer)) => self.clone().response(answer),
            Ok(_) => Err(internal("the broker's answer to a request makes no sense")),
            Err(refusal) => Err(refused(&refusal)),
        }
    }

    /// The URL as the broker gets it, when the grant reaches it.
    fn url(&self, head: &http::request::Parts) -> Result<String, StepError> {
        let authority = head.uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        if self.hermetic {
            return Err(hermetic_denial(Capability::Network, authority));
        }
        let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        if path == "/" && self.is_placeholder(authority) {
            return Ok(authority.to_owned());
        }
        let url = head.uri.to_string();
        match head.headers.get(TARGET_HEADER) {
            Some(target) => self.grant.check_target(&String::from_utf8_lossy(target.as_bytes()))?,
            None => self.check_network(head, authority, path)?,
        }
        Ok(url)
    }

    fn is_placeholder(&self, word: &str) -> bool {
        self.placeholders.lock().unwrap_or_else(PoisonError::into_inner).contains(word)
    }

    fn check_network(&self, head: &http::request::Parts, authority: &str, path: &str) -> Result<(), StepError> {
        let invalid = |why: &str| {
            let message = format!("`{}` is not a URL that can be asked: {why}", head.uri);
            StepError::new(ErrorKind::Denied, "E-GRANT-NETWORK", message)
        };
        if authority.contains('@') {
            return Err(invalid("it names a user"));
        }
        let host = head.uri.host().filter(|host| !host.is_empty()).ok_or_else(|| invalid("it has no host"))?;
        let usual = if head.uri.scheme() == Some(&http::uri::Scheme::HTTP) { 80 } else { 443 };
        let endpoint = Endpoint::new(host, head.uri.port_u16().unwrap_or(usual));
        self.grant.check_network(&endpoint, head.method.as_str(), path).map(drop)
    }

    /// What is refused here. What the desk refuses, it has told itself.
    fn denied(&self, refusal: &StepError) -> Error {
        self.notes.tell(refusal.message.len(), Note::Denied(refusal.clone()));
        refused(refusal)
    }

    fn response(self: Arc<Self>, answer: HttpResponse) -> Result<http::Response<WasiBody>, Error> {
        let body = Body { way: self, handle: answer.body, read_bytes: 0 };
        let mut response = http::Response::builder().status(answer.status);
        if answer.headers.len() > HTTP_HEADERS {
            return Err(Error::HttpResponseHeaderSectionSize(None));
        }
        for (name, value) in answer.headers {
            response = response.header(name, value);
        }
        let frames = stream::unfold(Some(body), async |body| {
            let mut body = body?;
            match body.piece().await {
                Ok(bytes) if bytes.is_empty() => None,
                Ok(bytes) => Some((Ok(Frame::data(Bytes::from(bytes))), Some(body))),
                Err(error) => Some((Err(error), None)),
            }
        });
        let body = BodyExt::boxed_unsync(StreamBody::new(Box::pin(frames)));
        response.body(body).map_err(|_| Error::HttpProtocolError)
    }
}

/// The rest of an answer's body. Dropped, it is forgotten at the broker too.
struct Body {
    way: Arc<Way>,
    handle: Handle,
    read_bytes: u64,
}

impl Body {
    async fn piece(&mut self) -> Result<Vec<u8>, Error> {
        let request = Request::HttpRead { body: self.handle, max: PIECE_BYTES };
        let bytes = match self.way.desk.call(request).await {
            Ok(Response::Bytes(bytes)) if bytes.len() <= PIECE_BYTES as usize => bytes,
            Ok(_) => return Err(internal("the broker's answer to a read makes no sense")),
            Err(refusal) => return Err(refused(&refusal)),
        };
        self.read_bytes += bytes.len() as u64;
        if self.read_bytes > HTTP_BODY_BYTES {
            return Err(Error::HttpResponseBodySize(Some(HTTP_BODY_BYTES)));
        }
        Ok(bytes)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let (way, handle) = (Arc::clone(&self.way), self.handle);
        // Outside a runtime the whole desk is going away, and all its handles with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { drop(way.desk.call(Request::Drop { handle }).await) });
        }
    }
}

fn headers_of(map: &http::HeaderMap) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let bytes: usize = map.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if map.len() > HTTP_HEADERS || bytes > HTTP_HEADER_BYTES {
        return Err(Error::HttpRequestHeaderSectionSize(u32::try_from(bytes).ok()));
    }
    Ok(map.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect())
}

async fn gather(body: WasiBody) -> Result<Vec<u8>, Error> {
    match Limited::new(body, HOST_CALL_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(_) => Err(Error::HttpRequestBodySize(Some(HOST_CALL_BYTES as u64))),
    }
}

fn first_byte_ms(options: RequestOptions) -> Option<u64> {
    let timeouts = [options.connect_timeout, options.first_byte_timeout];
    let shortest: Option<Duration> = timeouts.into_iter().flatten().min();
    shortest.map(|timeout| timeout.as_millis().try_into().unwrap_or(u64::MAX))
}

fn refused(refusal: &StepError) -> Error {
    match refusal.kind {
        ErrorKind::Denied => Error::HttpRequestDenied,
        ErrorKind::Timeout => Error::ConnectionTimeout,
        _ => internal(&refusal.message),
    }
}

fn internal(message: &str) -> Error {
    Error::InternalError(Some(message.to_owned()))
}
