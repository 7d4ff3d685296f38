//! One connection, one request, one answer.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sealock_contract::limits::{HTTP_HEADER_BYTES, HTTP_HEADERS};
use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError};
use sealock_tls::TlsStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::url::Url;

/// Dials `addresses` in turn.
pub(super) async fn tcp(addresses: &[SocketAddr]) -> Result<TcpStream, Refusal> {
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(socket) => {
                // Not being able to is slower, and no reason to fail.
                let _ = socket.set_nodelay(true);
                return Ok(socket);
            }
            Err(error) => last = Some(format!("{address}: {error}")),
        }
    }
    let why = last.unwrap_or_else(|| "there is no address".to_owned());
    Err(StepError::new(ErrorKind::Remote, "E-HTTP-CONNECT", format!("no connection: {why}")).retryable())
}

/// Sends one request and waits for the head of its answer.
pub(super) async fn exchange(
    socket: Socket,
    url: &Url,
    method: Method,
    fields: HeaderMap,
    body: Vec<u8>,
) -> Result<Response<Incoming>, Refusal> {
    let request = build(url, method, fields, body)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(HTTP_HEADERS)
        .max_buf_size(HTTP_HEADER_BYTES)
        .handshake(TokioIo::new(socket))
        .await
        .map_err(|error| broken(&error))?;
    // Ends with the answer's body, or when nobody wants that any more.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(|error| broken(&error))
}

fn build(url: &Url, method: Method, fields: HeaderMap, body: Vec<u8>) -> Result<Request<Full<Bytes>>, Refusal> {
    let mut request = Request::builder()
        .method(method)
        .uri(url.path.as_str())
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| super::url::never("a request line that is not one"))?;
    let host = HeaderValue::from_str(&url.authority()).map_err(|_| super::url::never("a host that is not one"))?;
    *request.headers_mut() = fields;
    request.headers_mut().insert(header::HOST, host);
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(request)
}

fn broken(error: &hyper::Error) -> Refusal {
    let mut why = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        why = format!("{why}: {error}");
        cause = error.source();
    }
    let (code, kind) = if error.is_parse_too_large() {
        ("E-HTTP-TOO-LARGE", ErrorKind::Quota)
    } else {
        ("E-HTTP-PROTOCOL", ErrorKind::Remote)
    };
    StepError::new(kind, code, format!("the server did not answer as HTTP/1.1 has it: {why}")).retryable()
}

/// A connection with or without TLS.
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(task, buffer),
            Self::Tls(socket) => Pin::new(socket).poll_read(task, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(task, bytes),
            Self::Tls(socket) => Pin::new(socket).poll_write(task, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(task),
            Self::Tls(socket) => Pin::new(socket).poll_flush(task),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(task),
            Self::Tls(socket) => Pin::new(socket).poll_shutdown(task),
        }
    }
}
