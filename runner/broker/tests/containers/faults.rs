//! An engine that goes away, and a registry that is out of order: an engine of our own says so.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use sealock_contract::seam::{Build, ContainersRequest, Push, Refusal, Response};
use std::sync::Arc;

use crate::harness::Bench;

const IMAGE: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const DIGEST: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

/// Answers each request with what `script` says of its first line; `None` hangs up.
fn engine(script: impl Fn(&str) -> Option<(u16, String)> + Send + 'static) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&path).expect("bound");
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            answer(connection.expect("a connection"), &script);
        }
    });
    (folder, format!("unix://{}", path.display()))
}

fn answer(mut connection: UnixStream, script: &impl Fn(&str) -> Option<(u16, String)>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head.lines().next().unwrap_or_default();
    let known = match line {
        _ if line.contains("/_ping") => Some((200, "OK".to_owned())),
        _ if line.contains("/version") => {
            Some((200, r#"{"ApiVersion":"1.41","Os":"linux","Arch":"amd64"}"#.to_owned()))
        }
        line => script(line),
    };
    let Some((status, body)) = known else { return };
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} X\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let _ = connection.write_all(text.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_goes_away_in_the_middle_is_lost_and_not_a_failed_build() {
    let (_folder, host) = engine(|_| None);
    let bench = Bench::at_engine(&host);
    bench.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    let refusal = bench.build(Build { context: ".".into(), ..Build::default() }).await.expect_err("gone");
    assert_eq!(refusal.code, "E-DOCKER-LOST", "{}", refusal.message);
    assert!(refusal.retryable && refusal.message.contains(&host), "{}", refusal.message);

    let bench = Bench::at_engine("unix:///nonexistent/docker.sock");
    bench.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    let refusal = bench.build(Build { context: ".".into(), ..Build::default() }).await.expect_err("nobody");
    assert_eq!(refusal.code, "E-DOCKER-CONNECT", "{}", refusal.message);
}

/// Pushes to a registry that answers `bad` times with 503.
async fn push(bad: usize, digest_there: &str) -> (Result<Response, Refusal>, usize) {
    let pushes = Arc::new(AtomicUsize::new(0));
    let counted = pushes.clone();
    let there = digest_there.to_owned();
    let (_folder, host) = engine(move |line| {
        Some(match line {
            _ if line.contains("/push") && counted.fetch_add(1, Ordering::SeqCst) < bad => {
                let error = r#"{"errorDetail":{"message":"received unexpected HTTP status: 503 Service Unavailable"}}"#;
                (200, format!("{error}\r\n"))
            }
            _ if line.contains("/push") => (200, format!("{{\"aux\":{{\"Tag\":\"1\",\"Digest\":\"{DIGEST}\"}}}}\r\n")),
            _ if line.contains("/tag") => (201, String::new()),
            _ if line.contains("/distribution/") => (200, format!(r#"{{"Descriptor":{{"digest":"{there}"}}}}"#)),
            _ => (200, format!(r#"{{"Id":"{IMAGE}","RepoDigests":["127.0.0.1:1/web@{DIGEST}"]}}"#)),
        })
    });
    let bench = Bench::at_engine(&host);
    let to = vec!["127.0.0.1:1/web:1".to_owned()];
    // The grant names this image, so that it need not be of this run.
    let request = Push { image: "busybox".into(), to, credentials: Vec::new() };
    (bench.call(ContainersRequest::Push(request)).await, pushes.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_out_of_order_is_asked_again_and_not_for_ever() {
    let (answer, pushes) = push(2, DIGEST).await;
    assert_eq!((answer, pushes), (Ok(Response::Digest(DIGEST.parse().expect("a digest"))), 3));
    let (answer, pushes) = push(100, DIGEST).await;
    let refusal = answer.expect_err("never well");
    assert_eq!((refusal.code.as_str(), pushes), ("E-REGISTRY-UNAVAILABLE", 4), "{}", refusal.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_has_something_else_than_was_pushed_is_found_out() {
    let (answer, _) = push(0, IMAGE).await;
    assert_eq!(answer.expect_err("another digest").code, "E-REGISTRY-DIGEST");
}
