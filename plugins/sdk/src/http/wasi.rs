//! Requests over `wasi:http`.

use std::time::Duration;

use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use crate::bindings::wasi::io::poll;
use crate::bindings::wasi::io::streams::StreamError;
use crate::http::{Beginning, BodyEnd, Request, Url, invalid};
use crate::{Error, ErrorKind};

/// Bytes written or read at once.
const CHUNK_BYTES: usize = 4_096;

/// The host's answer.
#[derive(Debug)]
pub(crate) struct Answer(IncomingResponse);

/// Sends a request and waits for the answer's head.
pub(crate) fn send(request: &Request, url: &Url<'_>) -> Result<Answer, Error> {
    let outgoing = outgoing(request, url)?;
    let body = outgoing.body().map_err(|()| invalid("the request has no body to write"))?;
    let future = outgoing_handler::handle(outgoing, options(request)).map_err(|code| failed(&request.url, &code))?;
    // A refused request's body has nobody to read it: why it was refused is what counts.
    let written = write_body(body, &request.body);
    future.subscribe().block();
    let answer = future.get().and_then(Result::ok).ok_or_else(|| invalid("the answer was taken twice"))?;
    let response = answer.map_err(|code| failed(&request.url, &code))?;
    written?;
    Ok(Answer(response))
}

fn outgoing(request: &Request, url: &Url<'_>) -> Result<OutgoingRequest, Error> {
    let fields = Fields::from_list(&request.headers).map_err(|error| invalid(&format!("headers: {error}")))?;
    let outgoing = OutgoingRequest::new(fields);
    let bad = |()| invalid(&format!("`{}` is not a URL that can be asked", request.url));
    let scheme = if url.is_secure { Scheme::Https } else { Scheme::Http };
    outgoing.set_method(&method_of(&request.method)).map_err(bad)?;
    outgoing.set_scheme(Some(&scheme)).map_err(bad)?;
    outgoing.set_authority(Some(url.authority)).map_err(bad)?;
    outgoing.set_path_with_query(Some(&url.path)).map_err(bad)?;
    Ok(outgoing)
}

fn options(request: &Request) -> Option<RequestOptions> {
    let nanoseconds = request.timeout?.as_nanos().try_into().unwrap_or(u64::MAX);
    let options = RequestOptions::new();
    options.set_connect_timeout(Some(nanoseconds)).ok()?;
    options.set_first_byte_timeout(Some(nanoseconds)).ok()?;
    Some(options)
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

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.0.status()
    }

    pub(crate) fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.0.headers().get(name).into_iter().next()
    }

    pub(crate) fn headers(&self) -> Vec<(String, Vec<u8>)> {
        self.0.headers().entries()
    }

    pub(crate) fn bytes(self, most: usize) -> Result<Vec<u8>, Error> {
        let body = self.0.consume().map_err(|()| invalid("the body was read before"))?;
        read_body(&body, most)
    }

    pub(crate) fn beginning(self, most: usize, time: Duration) -> Result<Beginning, Error> {
        let body = self.0.consume().map_err(|()| invalid("the body was read before"))?;
        read_beginning(&body, most, time)
    }
}

fn read_body(body: &IncomingBody, most: usize) -> Result<Vec<u8>, Error> {
    let stream = body.stream().map_err(|()| invalid("the body was read before"))?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(CHUNK_BYTES as u64 * 16) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(error) => return Err(Error::of_kind(ErrorKind::Remote, "E-HTTP-BODY", error.to_string()).retryable()),
        }
        if bytes.len() > most {
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
