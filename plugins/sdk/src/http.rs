//! An HTTP client over `wasi:http`.
//!
//! The host resolves names, checks every address, and dials; redirects are not followed. Two headers of a request
//! are for the host: `sealock-target` names a target of the stage to dial instead of the URL's host; on the answer,
//! `sealock-timing` is the time to the first byte in milliseconds and `sealock-certificate-days` what is left of
//! the certificate.

use std::time::Duration;

use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use crate::bindings::wasi::io::poll;
use crate::bindings::wasi::io::streams::StreamError;
use crate::{Error, ErrorKind};

/// Most bytes of an answer's body that [`Response::bytes`] keeps.
const BODY_BYTES: usize = 64 << 20;
/// Bytes written or read at once.
const CHUNK_BYTES: usize = 4_096;

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    timeout: Option<Duration>,
}

/// One answer, with its body still to be read.
#[derive(Debug)]
pub struct Response {
    response: IncomingResponse,
}

/// The first bytes of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Why there are not more.
    pub end: BodyEnd,
}

/// Why reading a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// That was all of it.
    Whole,
    /// There was more than was asked for.
    TooLong,
    /// The time passed.
    TooSlow,
}

impl Request {
    /// A request to an absolute URL.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self { method: method.to_owned(), url: url.into(), headers: Vec::new(), body: Vec::new(), timeout: None }
    }

    /// Asks for `url`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// Sends `body` to `url`.
    pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new("POST", url) }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Limits connecting and the first byte, each.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends it and waits for the answer's head.
    ///
    /// # Errors
    ///
    /// Denied when the host, method, or path is not granted; remote when there is no answer.
    pub fn send(self) -> Result<Response, Error> {
        let (url, request) = (self.url.clone(), self.outgoing()?);
        let body = request.body().map_err(|()| invalid("the request has no body to write"))?;
        let future = outgoing_handler::handle(request, self.options()).map_err(|code| failed(&url, &code))?;
        // A refused request's body has nobody to read it: why it was refused is what counts.
        let written = write_body(body, &self.body);
        future.subscribe().block();
        let answer = future.get().and_then(Result::ok).ok_or_else(|| invalid("the answer was taken twice"))?;
        let response = answer.map_err(|code| failed(&url, &code))?;
        written?;
        Ok(Response { response })
    }

    fn outgoing(&self) -> Result<OutgoingRequest, Error> {
        let url = Url::parse(&self.url)?;
        let fields = Fields::from_list(&self.headers).map_err(|error| invalid(&format!("headers: {error}")))?;
        let request = OutgoingRequest::new(fields);
        let bad = |()| invalid(&format!("`{}` is not a URL that can be asked", self.url));
        request.set_method(&method_of(&self.method)).map_err(bad)?;
        request.set_scheme(Some(&url.scheme)).map_err(bad)?;
        request.set_authority(Some(url.authority)).map_err(bad)?;
        request.set_path_with_query(Some(&url.path)).map_err(bad)?;
        Ok(request)
    }

    fn options(&self) -> Option<RequestOptions> {
        let nanoseconds = self.timeout?.as_nanos().try_into().unwrap_or(u64::MAX);
        let options = RequestOptions::new();
        options.set_connect_timeout(Some(nanoseconds)).ok()?;
        options.set_first_byte_timeout(Some(nanoseconds)).ok()?;
        Some(options)
    }
}

struct Url<'a> {
    scheme: Scheme,
    authority: &'a str,
    path: String,
}

impl<'a> Url<'a> {
    fn parse(url: &'a str) -> Result<Self, Error> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid(&format!("`{url}` has no scheme")))?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return Err(invalid(&format!("found the scheme `{other}`, expected http or https"))),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { scheme, authority, path })
    }
}

fn method_of(method: &str) -> Method {
    match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn write_body(body: OutgoingBody, bytes: &[u8]) -> Result<(), Error> {
    let stream = body.write().map_err(|()| invalid("the body was opened twice"))?;
    for chunk in bytes.chunks(CHUNK_BYTES) {
        stream.blocking_write_and_flush(chunk)?;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|code| Error::of_kind(ErrorKind::Remote, "E-HTTP", code.to_string()))
}

fn invalid(message: &str) -> Error {
    Error::of_kind(ErrorKind::Invalid, "E-HTTP-REQUEST", message)
}

fn failed(url: &str, code: &ErrorCode) -> Error {
    match code {
        ErrorCode::HttpRequestDenied => {
            Error::of_kind(ErrorKind::Denied, "E-GRANT-NETWORK", format!("{url} is not granted"))
        }
        ErrorCode::ConnectionTimeout | ErrorCode::HttpResponseTimeout => {
            Error::of_kind(ErrorKind::Timeout, "E-HTTP-TIMEOUT", format!("{url} did not answer in time")).retryable()
        }
        ErrorCode::InternalError(Some(message)) => {
            Error::of_kind(ErrorKind::Remote, "E-HTTP", format!("{url}: {message}")).retryable()
        }
        code => Error::of_kind(ErrorKind::Remote, "E-HTTP", format!("{url}: {code}")).retryable(),
    }
}

impl Response {
    /// The status.
    pub fn status(&self) -> u16 {
        self.response.status()
    }

    /// The first header called `name`, when it is text.
    pub fn header(&self, name: &str) -> Option<String> {
        let value = self.response.headers().get(name).into_iter().next()?;
        String::from_utf8(value).ok()
    }

    /// All headers.
    pub fn headers(&self) -> Vec<(String, Vec<u8>)> {
        self.response.headers().entries()
    }

    /// Reads the body, up to 64 MiB.
    ///
    /// # Errors
    ///
    /// When it ends too early or is longer.
    pub fn bytes(self) -> Result<Vec<u8>, Error> {
        let body = self.response.consume().map_err(|()| invalid("the body was read before"))?;
        read_body(&body)
    }

    /// Reads the body's first `most` bytes, for as long as `time`: what a server that never ends is asked with.
    ///
    /// # Errors
    ///
    /// When the body breaks off.
    pub fn beginning(self, most: usize, time: Duration) -> Result<Beginning, Error> {
        let body = self.response.consume().map_err(|()| invalid("the body was read before"))?;
        read_beginning(&body, most, time)
    }

    /// Reads the body as text; what is not UTF-8 is replaced.
    ///
    /// # Errors
    ///
    /// As [`Self::bytes`].
    pub fn text(self) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&self.bytes()?).into_owned())
    }
}

fn read_body(body: &IncomingBody) -> Result<Vec<u8>, Error> {
    let stream = body.stream().map_err(|()| invalid("the body was read before"))?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(CHUNK_BYTES as u64 * 16) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(error) => return Err(Error::of_kind(ErrorKind::Remote, "E-HTTP-BODY", error.to_string()).retryable()),
        }
        if bytes.len() > BODY_BYTES {
            return Err(Error::of_kind(ErrorKind::Quota, "E-HTTP-BODY", "the answer is longer than 64 MiB"));
        }
    }
}

fn read_beginning(body: &IncomingBody, most: usize, time: Duration) -> Result<Beginning, Error> {
    let stream = body.stream().map_err(|()| invalid("the body was read before"))?;
    let timer = monotonic_clock::subscribe_duration(time.as_nanos().try_into().unwrap_or(u64::MAX));
    let mut bytes = Vec::new();
    loop {
        poll::poll(&[&stream.subscribe(), &timer]);
        if timer.ready() {
            return Ok(Beginning { bytes, end: BodyEnd::TooSlow });
        }
        match stream.read(CHUNK_BYTES as u64 * 16) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => return Ok(Beginning { bytes, end: BodyEnd::Whole }),
            Err(error) => return Err(Error::of_kind(ErrorKind::Remote, "E-HTTP-BODY", error.to_string()).retryable()),
        }
        if bytes.len() > most {
            bytes.truncate(most);
            return Ok(Beginning { bytes, end: BodyEnd::TooLong });
        }
    }
}
