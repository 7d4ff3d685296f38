//! An HTTP client over `wasi:http`.
//!
//! The host resolves names, checks every address, and dials; redirects are not followed. Two headers of a request
//! are for the host: `sealock-target` names a target of the stage to dial instead of the URL's host; on the answer,
//! `sealock-timing` is the time to the first byte in milliseconds and `sealock-certificate-days` what is left of
//! the certificate.

#[cfg(target_family = "wasm")]
mod wasi;

use std::time::Duration;

use crate::{Error, ErrorKind};

#[cfg(not(target_family = "wasm"))]
use crate::testing::fake::http as wire;
#[cfg(target_family = "wasm")]
use wasi as wire;

/// Most bytes of an answer's body that [`Response::bytes`] keeps.
const BODY_BYTES: usize = 64 << 20;

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Option<Duration>,
}

/// One answer, with its body still to be read.
#[derive(Debug)]
pub struct Response(wire::Answer);

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
        let url = Url::parse(&self.url)?;
        wire::send(&self, &url).map(Response)
    }
}

/// A URL in its parts.
pub(crate) struct Url<'a> {
    pub(crate) is_secure: bool,
    pub(crate) authority: &'a str,
    pub(crate) path: String,
}

impl<'a> Url<'a> {
    fn parse(url: &'a str) -> Result<Self, Error> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid(&format!("`{url}` has no scheme")))?;
        let is_secure = match scheme {
            "http" => false,
            "https" => true,
            other => return Err(invalid(&format!("found the scheme `{other}`, expected http or https"))),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { is_secure, authority, path })
    }
}

pub(crate) fn invalid(message: &str) -> Error {
    Error::of_kind(ErrorKind::Invalid, "E-HTTP-REQUEST", message)
}

impl Response {
    /// The status.
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// The first header called `name`, when it is text.
    pub fn header(&self, name: &str) -> Option<String> {
        self.0.header(name).and_then(|value| String::from_utf8(value).ok())
    }

    /// All headers.
    pub fn headers(&self) -> Vec<(String, Vec<u8>)> {
        self.0.headers()
    }

    /// Reads the body, up to 64 MiB.
    ///
    /// # Errors
    ///
    /// When it ends too early or is longer.
    pub fn bytes(self) -> Result<Vec<u8>, Error> {
        self.0.bytes(BODY_BYTES)
    }

    /// Reads the body's first `most` bytes, for as long as `time`: what a server that never ends is asked with.
    ///
    /// # Errors
    ///
    /// When the body breaks off.
    pub fn beginning(self, most: usize, time: Duration) -> Result<Beginning, Error> {
        self.0.beginning(most, time)
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
