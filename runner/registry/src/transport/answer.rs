//! What a host answers, read no further than it may go.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::{Driver, broken, in_time};
use crate::RegistryError;
use crate::patience::retry_after;

/// An answer, of which the head is here.
pub(crate) struct Answer {
    response: Response<Incoming>,
    host: String,
    idle: Duration,
    end: Instant,
    _driver: Driver,
}

impl Answer {
    pub(super) fn new(
        response: Response<Incoming>,
        host: String,
        driver: Driver,
        idle: Duration,
        end: Instant,
    ) -> Self {
        Self { response, host, idle, end, _driver: driver }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Who answered: after a redirect not the one that was asked.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// A field as text.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// The type of the body, without its parameters.
    pub(crate) fn content_type(&self) -> Option<&str> {
        self.header(CONTENT_TYPE).map(|text| text.split(';').next().unwrap_or_default().trim())
    }

    /// How long the body says it is.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.header(CONTENT_LENGTH)?.parse().ok()
    }

    /// Where it redirects to.
    pub(super) fn location(&self) -> Option<String> {
        let is_redirect = matches!(self.status().as_u16(), 301 | 302 | 303 | 307 | 308);
        self.header(LOCATION).filter(|_| is_redirect).map(str::to_owned)
    }

    /// What a status that is no success means for every question.
    pub(crate) fn refusal(&self) -> Option<RegistryError> {
        let status = self.status();
        let host = self.host.clone();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            let after = self.header(RETRY_AFTER).and_then(|text| retry_after(text, jiff::Timestamp::now()));
            let wait = after.map(|after| format!(", and asks to be left alone for {} s", after.as_secs()));
            let why = format!("it answered {}{}", status.as_u16(), wait.unwrap_or_default());
            return Some(RegistryError::Unavailable { host, why, after });
        }
        match status.as_u16() {
            200..=205 => None,
            401 | 403 => {
                Some(RegistryError::Login { host, why: format!("it answered {}", status.as_u16()), is_given: false })
            }
            other => Some(RegistryError::Answer { host, why: format!("it answered {other}") }),
        }
    }

    /// The next piece of the body.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, RegistryError> {
        self.refuse_encoding()?;
        loop {
            let frame = in_time(&self.host, self.idle, self.end, self.response.body_mut().frame()).await?;
            let Some(frame) = frame.transpose().map_err(|error| broken(&self.host, &error))? else {
                return Ok(None);
            };
            if let Ok(piece) = frame.into_data() {
                return Ok(Some(piece));
            }
        }
    }

    /// The whole body, when it has no more than `max` bytes.
    pub(crate) async fn bytes(self, max: u64) -> Result<Bytes, RegistryError> {
        let host = self.host.clone();
        let why = format!("it sends more than {max} bytes, which nothing of that kind has");
        self.bytes_within(max).await?.ok_or(RegistryError::Answer { host, why })
    }

    /// The whole body; nothing when it has more than `max` bytes.
    pub(crate) async fn bytes_within(mut self, max: u64) -> Result<Option<Bytes>, RegistryError> {
        if self.content_length().is_some_and(|length| length > max) {
            return Ok(None);
        }
        let mut bytes = BytesMut::new();
        while let Some(piece) = self.piece().await? {
            if (bytes.len() + piece.len()) as u64 > max {
                return Ok(None);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Some(bytes.freeze()))
    }

    /// Nobody asked for compression: what unpacks to a thousand times its size is never unpacked.
    fn refuse_encoding(&self) -> Result<(), RegistryError> {
        match self.header(CONTENT_ENCODING) {
            None | Some("identity") => Ok(()),
            Some(encoding) => {
                let why = format!("it packs its answer (`{encoding:.20}`) though nobody asked for it");
                Err(RegistryError::Answer { host: self.host.clone(), why })
            }
        }
    }
}
