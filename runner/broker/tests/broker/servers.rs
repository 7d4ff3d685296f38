//! Servers on loopback that say exactly what a test wants, and resolvers that say what it wants.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use sealock_broker::http::{Resolver, TargetAddresses};
use sealock_contract::StepName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that answers every request with the same bytes and keeps what it was sent.
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

/// What follows the answer's bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Close,
    Hang,
    /// Repeat the last piece for ever.
    Repeat(&'static str),
}

impl Server {
    pub(crate) async fn start(answer: impl Into<Vec<u8>>, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (answer, seen) = (answer.into(), Arc::new(Mutex::new(Vec::new())));
        let keep = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, answer.clone(), then, keep.clone()));
            }
        });
        Self { port, seen }
    }

    pub(crate) async fn ok(body: &str) -> Self {
        Self::start(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()), Then::Close).await
    }

    /// The requests so far, heads and what came with them.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").clone()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// Reads one request and answers it.
pub(crate) async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: Vec<u8>,
    then: Then,
    seen: Arc<Mutex<Vec<String>>>,
) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&chunk[..length]),
        }
    }
    seen.lock().expect("no panic").push(String::from_utf8_lossy(&request).into_owned());
    let _ = stream.write_all(&answer).await;
    let _ = stream.flush().await;
    match then {
        Then::Close => {
            let _ = stream.shutdown().await;
        }
        Then::Hang => std::future::pending().await,
        Then::Repeat(piece) => while stream.write_all(piece.as_bytes()).await.is_ok() {},
    }
}

/// Answers each name with its lists of addresses in turn, and counts.
#[derive(Default)]
pub(crate) struct Names {
    answers: BTreeMap<&'static str, Vec<Vec<IpAddr>>>,
    pub(crate) asked: AtomicUsize,
}

impl Names {
    pub(crate) fn with(mut self, name: &'static str, answers: &[&[&str]]) -> Self {
        let parse = |list: &&[&str]| list.iter().map(|address| address.parse().expect("an address")).collect();
        self.answers.insert(name, answers.iter().map(parse).collect());
        self
    }
}

impl Resolver for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let asked = self.asked.fetch_add(1, Ordering::SeqCst);
            let answers = self.answers.get(host).ok_or_else(|| io::Error::other("no such name"))?;
            Ok(answers[asked.min(answers.len() - 1)].clone())
        })
    }
}

/// Every target is at one place.
pub(crate) struct At(pub(crate) &'static str);

impl TargetAddresses for At {
    fn host(&self, _: &StepName, target: &str) -> Option<String> {
        (target != "lost").then(|| self.0.to_owned())
    }
}
