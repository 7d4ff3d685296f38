//! What a step is told of an answer.

use std::time::Instant;

use bytes::Bytes;
use http::{Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use sealock_contract::limits::{HTTP_BODY_BYTES, HTTP_HEADER_BYTES};
use sealock_contract::seam::{Handle, HttpResponse, Refusal};
use sealock_contract::{ErrorKind, StepError};

use super::body::Body;
use crate::step::Step;

/// Milliseconds to the first byte.
const TIMING: &str = "sealock-timing";
/// Days that the server's certificate is still good for.
const CERTIFICATE_DAYS: &str = "sealock-certificate-days";

/// An answer that has no handle for its body yet.
pub(super) struct Head {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    pub(super) fn with_body(self, body: Handle) -> HttpResponse {
        HttpResponse { status: self.status, headers: self.headers, body }
    }
}

pub(super) fn open(
    step: &Step,
    answer: Response<UnsyncBoxBody<Bytes, hyper::Error>>,
    start: Instant,
    certificate_days: Option<i64>,
) -> Result<(Head, Body), Refusal> {
    let (parts, incoming) = answer.into_parts();
    check_framing(&parts)?;
    let reveals = step.grant().reveal;
    let mut headers = vec![(TIMING.to_owned(), start.elapsed().as_millis().to_string().into_bytes())];
    headers.extend(certificate_days.map(|days| (CERTIFICATE_DAYS.to_owned(), days.to_string().into_bytes())));
    for (name, value) in &parts.headers {
        // A server must not speak for the broker.
        if !name.as_str().starts_with("sealock-") {
            let value = if reveals { value.as_bytes().into() } else { step.redactor().redact_bytes(value.as_bytes()) };
            headers.push((name.as_str().to_owned(), value.into_owned()));
        }
    }
    let stream = (!reveals).then(|| step.redactor().stream());
    Ok((Head { status: parts.status.as_u16(), headers }, Body::new(incoming, stream)))
}

/// Two lengths are two answers; one that is too long is not waited for.
fn check_framing(parts: &http::response::Parts) -> Result<(), Refusal> {
    let lengths = parts.headers.get_all(header::CONTENT_LENGTH);
    let has_both = parts.headers.contains_key(header::TRANSFER_ENCODING) && lengths.iter().next().is_some();
    if has_both || parts.status == http::StatusCode::SWITCHING_PROTOCOLS {
        let message =
            "the server's answer can be read in two ways: it has both a length and an encoding, or switches protocols";
        return Err(StepError::new(ErrorKind::Remote, "E-HTTP-PROTOCOL", message));
    }
    let bytes: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let announced = lengths.iter().filter_map(|length| length.to_str().ok()?.parse::<u64>().ok()).max();
    if bytes > HTTP_HEADER_BYTES || announced.is_some_and(|length| length > HTTP_BODY_BYTES) {
        let message =
            format!("the answer is longer than {HTTP_HEADER_BYTES} bytes of headers and {HTTP_BODY_BYTES} of body");
        return Err(StepError::new(ErrorKind::Quota, "E-HTTP-TOO-LARGE", message));
    }
    Ok(())
}
