//! Who answers requests when no server is to: a test that has its answers written down.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError};

use super::answer::{self, Head};
use super::body::Body;
use super::url::{self, Url};
use crate::step::Step;

/// Answers granted requests in place of the servers that they are for: nothing is resolved and nothing is dialled.
///
/// Everything around it stays as it is: the grant is checked before, placeholders are swapped for secrets, and what
/// is answered is held to the limits of an answer and passes the redactor.
pub trait Origin: Send + Sync {
    /// The answer to `asked`.
    ///
    /// # Errors
    ///
    /// What the step is told instead.
    fn answer(&self, asked: &Asked<'_>) -> Result<Answered, Refusal>;
}

/// A request as a server would get it.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its URL, in the form of [`normal_url`].
    pub url: &'a str,
    /// Its header fields, with secrets in place of their placeholders.
    pub headers: &'a [(String, String)],
    /// Its body.
    pub body: &'a [u8],
}

/// What a server would answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// From 100 to 999.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Vec<u8>,
    /// How long the server's certificate is still good for.
    pub certificate_days: Option<i64>,
}

/// The one form of an `http` or `https` URL that a step may ask.
///
/// # Errors
///
/// What a step would be told of that URL.
pub fn normal_url(text: &str) -> Result<String, Refusal> {
    url::parse(text).map(|url| shown(&url))
}

fn shown(url: &Url) -> String {
    let scheme = if url.is_secure { "https" } else { "http" };
    format!("{scheme}://{}{}", url.authority(), url.path)
}

/// Asks `origin` in place of the server of `url`.
pub(super) fn ask(
    origin: &dyn Origin,
    step: &Step,
    (method, url, fields, body): (&Method, &Url, &HeaderMap, &[u8]),
    start: Instant,
) -> Result<(Head, Body), Refusal> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<_> = fields.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let asked = Asked { method: method.as_str(), url: &shown(url), headers: &headers, body };
    let answered = origin.answer(&asked)?;
    let certificate_days = answered.certificate_days;
    answer::open(step, response(answered)?, start, certificate_days)
}

fn response(answered: Answered) -> Result<Response<UnsyncBoxBody<Bytes, hyper::Error>>, Refusal> {
    let mut response = Response::builder().status(answered.status);
    for (name, value) in answered.headers {
        response = response.header(name, value);
    }
    let body = Full::new(Bytes::from(answered.body)).map_err(|never| match never {});
    response.body(body.boxed_unsync()).map_err(|error| {
        StepError::new(ErrorKind::Remote, "E-HTTP-PROTOCOL", format!("the answer is not one: {error}"))
    })
}
