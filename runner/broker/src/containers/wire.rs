//! Requests to the engine over a connection of their own, which closes when the answer is dropped: that is
//! how the engine learns that nobody waits any more, and stops a build, a push, a pull.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use sealock_contract::seam::Refusal;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;

use super::engine::{Engine, Host, refused, root};

/// One message of the engine's stream; it writes them smaller.
const MESSAGE_BYTES: usize = 16 << 20;
/// An error's body.
const ERROR_BYTES: usize = 64 << 10;

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// An answer whose connection lives as long as itself.
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    connection: Connection,
}

struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// No body.
pub(super) fn empty() -> Body {
    Full::new(Bytes::new()).boxed_unsync()
}

/// A body that comes in pieces.
pub(super) fn streamed(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece)))).boxed_unsync()
}

/// `text` as it may stand in a query.
pub(super) fn encoded(text: &str) -> String {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut out = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
    out
}

/// `name=value` pairs as a query.
pub(super) fn query(pairs: &[(&str, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}

impl Engine {
    /// Sends `builder` with `body` to `path` (and query) of the negotiated API. `doing` is said in errors.
    pub(super) async fn send(
        &self,
        doing: &str,
        builder: http::request::Builder,
        path: &str,
        body: Body,
    ) -> Result<Answer, Refusal> {
        let api = &self.known().await?.api;
        let request = builder
            .uri(format!("/v{api}{path}"))
            .header(http::header::HOST, "docker")
            .body(body)
            .map_err(|error| refused(doing, &error.to_string()))?;
        let (mut sender, connection) = match self.host() {
            Host::Unix(path) => {
                let stream = tokio::net::UnixStream::connect(path).await.map_err(|error| self.unreachable(&error))?;
                handshake(stream).await
            }
            Host::Tcp(address) => {
                let stream = tokio::net::TcpStream::connect(address).await.map_err(|error| self.unreachable(&error))?;
                handshake(stream).await
            }
        }
        .map_err(|error| self.lost(doing, root(&error)))?;
        let response = sender.send_request(request).await.map_err(|error| self.lost(doing, root(&error)))?;
        Ok(Answer { response, connection })
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<(hyper::client::conn::http1::SendRequest<Body>, Connection), hyper::Error> {
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let task = tokio::spawn(async move {
        // How it ends is told by the answer.
        let _ = connection.with_upgrades().await;
    });
    Ok((sender, Connection(task)))
}

impl Answer {
    /// This answer when it is a success; else the status and what the engine said.
    pub(super) async fn successful(self) -> Result<Self, (StatusCode, String)> {
        let status = self.response.status();
        if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(self);
        }
        let limited = http_body_util::Limited::new(self.response.into_body(), ERROR_BYTES);
        let bytes = limited.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let json = serde_json::from_slice::<Value>(&bytes).ok();
        let said = json.as_ref().and_then(|json| json.get("message")).and_then(Value::as_str).map(str::to_owned);
        Err((status, said.unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned())))
    }

    /// The JSON values of the answer as they come.
    pub(super) fn values(self) -> Values {
        Values { body: self.response.into_body(), buffer: BytesMut::new(), _connection: self.connection }
    }

    /// The connection itself, after the engine agreed to change protocols.
    pub(super) async fn upgraded(self) -> Result<hyper::upgrade::Upgraded, hyper::Error> {
        let Self { response, connection } = self;
        let upgraded = hyper::upgrade::on(response).await;
        drop(connection);
        upgraded
    }
}

/// A stream of JSON values, one a line.
pub(super) struct Values {
    body: Incoming,
    buffer: BytesMut,
    _connection: Connection,
}

impl Values {
    /// The next value; `None` at the end. A line that is no JSON is passed over.
    pub(super) async fn next(&mut self) -> Result<Option<Value>, hyper::Error> {
        loop {
            while let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                if let Ok(value) = serde_json::from_slice(&line) {
                    return Ok(Some(value));
                }
            }
            if self.buffer.len() > MESSAGE_BYTES {
                self.buffer.clear();
            }
            match self.body.frame().await {
                Some(frame) => {
                    if let Ok(bytes) = frame?.into_data() {
                        self.buffer.extend_from_slice(&bytes);
                    }
                }
                None if self.buffer.is_empty() => return Ok(None),
                None => self.buffer.extend_from_slice(b"\n"),
            }
        }
    }
}

/// What the engine says went wrong, when `value` says so.
pub(super) fn error_of(value: &Value) -> Option<&str> {
    let detail = value.get("errorDetail").and_then(|detail| detail.get("message"));
    detail.or_else(|| value.get("error")).and_then(Value::as_str)
}

/// An upgraded connection that reads as ended once `closed` fires.
pub(super) struct Pipe {
    io: TokioIo<hyper::upgrade::Upgraded>,
    closed: Pin<Box<tokio_util::sync::WaitForCancellationFutureOwned>>,
}

impl Pipe {
    pub(super) fn new(io: hyper::upgrade::Upgraded, closed: tokio_util::sync::CancellationToken) -> Self {
        Self { io: TokioIo::new(io), closed: Box::pin(closed.cancelled_owned()) }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if self.closed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl tonic::transport::server::Connected for Pipe {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

/// A stream of what `receiver` gets.
pub(super) fn received<T: Send + 'static>(receiver: tokio::sync::mpsc::Receiver<T>) -> BoxStream<'static, T> {
    let next =
        |mut receiver: tokio::sync::mpsc::Receiver<T>| async { receiver.recv().await.map(|item| (item, receiver)) };
    Box::pin(futures_util::stream::unfold(receiver, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_hold_nothing_that_means_something() {
        assert_eq!(query(&[("t", "a b&c=d/é".to_owned()), ("q", "1".to_owned())]), "t=a%20b%26c%3Dd%2F%C3%A9&q=1");
    }
}
