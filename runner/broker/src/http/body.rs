//! The body of an answer, read a piece at a time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use sealock_contract::limits::{HOST_CALL_BYTES, HTTP_BODY_BYTES};
use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError};
use sealock_secrets::RedactingStream;
use tokio::sync::Mutex;

/// Between two pieces of a body: a server that sends nothing for ever must not hold a step.
const IDLE_SECONDS: u64 = 60;

/// A body that the step has not read to its end.
pub struct Body {
    inner: Mutex<Inner>,
}

struct Inner {
    /// `None` at the end.
    source: Option<UnsyncBoxBody<Bytes, hyper::Error>>,
    /// `None` for a step that may reveal.
    stream: Option<RedactingStream>,
    ready: BytesMut,
    received: u64,
}

impl Body {
    pub(crate) fn new(source: UnsyncBoxBody<Bytes, hyper::Error>, stream: Option<RedactingStream>) -> Self {
        Self { inner: Mutex::new(Inner { source: Some(source), stream, ready: BytesMut::new(), received: 0 }) }
    }

    /// At most `max` bytes; waits for the first; empty at the end.
    ///
    /// # Errors
    ///
    /// `E-HTTP-TOO-LARGE`, `E-HTTP-TIMEOUT`, `E-HTTP-PROTOCOL`.
    pub async fn read(&self, max: usize) -> Result<Vec<u8>, Refusal> {
        let mut inner = self.inner.lock().await;
        while max > 0 && inner.ready.is_empty() && inner.source.is_some() {
            inner.fill().await?;
        }
        let length = inner.ready.len().min(max).min(HOST_CALL_BYTES);
        Ok(inner.ready.split_to(length).to_vec())
    }
}

impl Inner {
    async fn fill(&mut self) -> Result<(), Refusal> {
        let Some(source) = &mut self.source else {
            return Ok(());
        };
        let frame = tokio::time::timeout(Duration::from_secs(IDLE_SECONDS), source.frame()).await;
        match frame.map_err(|_| idle())? {
            None => self.end(),
            Some(Err(error)) => return Err(broken(&error)),
            Some(Ok(frame)) => {
                if let Some(bytes) = frame.data_ref() {
                    self.received += bytes.len() as u64;
                    check_length(self.received)?;
                    self.take(&bytes.clone());
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) {
        let Some(stream) = &mut self.stream else {
            self.ready.extend_from_slice(bytes);
            return;
        };
        let mut out = Vec::new();
        stream.push(bytes, &mut out);
        stream.flush_safe(&mut out);
        self.ready.extend_from_slice(&out);
    }

    fn end(&mut self) {
        self.source = None;
        if let Some(stream) = &mut self.stream {
            let mut out = Vec::new();
            stream.finish(&mut out);
            self.ready.extend_from_slice(&out);
        }
    }
}

fn check_length(received: u64) -> Result<(), Refusal> {
    if received <= HTTP_BODY_BYTES {
        return Ok(());
    }
    let message = format!("the answer's body has more than {HTTP_BODY_BYTES} bytes");
    Err(StepError::new(ErrorKind::Quota, "E-HTTP-TOO-LARGE", message))
}

fn idle() -> Refusal {
    let message = format!("nothing more of the answer's body came for {IDLE_SECONDS} s");
    StepError::new(ErrorKind::Timeout, "E-HTTP-TIMEOUT", message).retryable()
}

fn broken(error: &hyper::Error) -> Refusal {
    StepError::new(ErrorKind::Remote, "E-HTTP-PROTOCOL", format!("the answer's body broke off: {error}")).retryable()
}
