//! An engine that is killed in the middle of a build, a pull, or a push, and comes back, or does not. It is one of our own:
//! it has lives, and each ends where its script says so.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealock_broker::containers::Engine;
use sealock_contract::seam::{Build, ContainerCommand, ContainersRequest, Push, Refusal, Response};

use crate::harness::Bench;

const IMAGE: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const DIGEST: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";
/// The names of the lives.
const IDS: [&str; 3] = ["first", "second", "third"];
/// Between two lives.
const DEAD_MS: u64 = 700;
/// How long the engine may be away here.
const PATIENCE: Duration = Duration::from_secs(3);

/// The engine, and the first line of each request that it heard.
struct Torn {
    folder: tempfile::TempDir,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Torn {
    /// With so many lives: in life `n`, `script(n, line)` answers a request. `None` is half an answer, and death.
    fn start(lives: usize, script: impl Fn(usize, &str) -> Option<(u16, String)> + Send + 'static) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, heard) = (folder.path().join("engine.sock"), Arc::new(Mutex::new(Vec::new())));
        let (listener, ears) = (UnixListener::bind(&path).expect("bound"), heard.clone());
        std::thread::spawn(move || live(lives, listener, &path, &ears, &script));
        Self { folder, heard }
    }

    fn bench(&self) -> Bench {
        let host = format!("unix://{}/engine.sock", self.folder.path().display());
        Bench::asking(Engine::connect(Some(&host)).expect("a place").without_buildkit().with_patience(PATIENCE))
    }

    fn count(&self, what: &str) -> usize {
        self.heard.lock().expect("not poisoned").iter().filter(|line| line.contains(what)).count()
    }
}

fn live(
    lives: usize,
    mut listener: UnixListener,
    path: &Path,
    heard: &Mutex<Vec<String>>,
    script: &impl Fn(usize, &str) -> Option<(u16, String)>,
) {
    for life in 0..lives {
        while serve(life, &listener, heard, script) {}
        drop(listener);
        let _ = fs::remove_file(path);
        if life + 1 == lives {
            return;
        }
        std::thread::sleep(Duration::from_millis(DEAD_MS));
        let Ok(next) = UnixListener::bind(path) else { return };
        listener = next;
    }
}

/// Serves one request; answers whether the engine lives on.
fn serve(
    life: usize,
    listener: &UnixListener,
    heard: &Mutex<Vec<String>>,
    script: &impl Fn(usize, &str) -> Option<(u16, String)>,
) -> bool {
    let Ok((mut connection, _)) = listener.accept() else { return false };
    let Some(line) = hear(&mut connection) else { return true };
    heard.lock().expect("not poisoned").push(line.clone());
    let answer = match line.as_str() {
        line if line.contains("/_ping") => Some((200, "OK".to_owned())),
        line if line.contains("/version") => {
            Some((200, r#"{"ApiVersion":"1.41","Os":"linux","Arch":"amd64"}"#.to_owned()))
        }
        line if line.contains("/info") => Some((200, format!(r#"{{"ID":"{}"}}"#, IDS[life]))),
        line => script(life, line),
    };
    let text = match &answer {
        Some((status, body)) => format!(
            "HTTP/1.1 {status} X\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ),
        None => {
            "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"stream\":\"Step 1/2 : FROM scratch\\n\"}\r\n".to_owned()
        }
    };
    let _ = connection.write_all(text.as_bytes());
    answer.is_some()
}

/// The first line of a request, after all of it.
fn hear(connection: &mut UnixStream) -> Option<String> {
    let mut all = Vec::new();
    let mut byte = [0];
    let is_whole = |all: &[u8]| {
        let text = String::from_utf8_lossy(all);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let is_chunked = head.contains("transfer-encoding: chunked");
        if is_chunked { body.ends_with("0\r\n\r\n") } else { body.len() >= length.unwrap_or(0) }
    };
    while !(all.ends_with(b"\n") || all.ends_with(b"}")) || !is_whole(&all) {
        match connection.read(&mut byte) {
            Ok(1) => all.push(byte[0]),
            _ => return None,
        }
    }
    String::from_utf8_lossy(&all).lines().next().map(str::to_owned)
}

/// Builds at `engine`. Answers what came out and what was told.
async fn build(engine: &Torn) -> (Result<String, Refusal>, String) {
    let bench = engine.bench();
    bench.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    let built = bench.build(Build { context: ".".into(), ..Build::default() }).await;
    (built, bench.told.log())
}

fn built() -> (u16, String) {
    (200, format!("{{\"aux\":{{\"ID\":\"{IMAGE}\"}}}}\r\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_is_made_once_more_when_the_engine_is_back() {
    let engine = Torn::start(2, |life, line| match line {
        line if line.contains("/build") && life == 0 => None,
        line if line.contains("/build") => Some(built()),
        _ => Some((204, String::new())),
    });
    let (built, told) = build(&engine).await;
    assert_eq!((built.as_deref(), engine.count("/build")), (Ok(IMAGE), 2), "{told}");
    assert!(told.contains("went away while it was to build the image") && told.contains("(engine first)"), "{told}");
    assert!(told.contains("the engine is back (engine second, another, before it was first): once more"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_twice_is_not_asked_a_third_time() {
    let engine = Torn::start(3, |_, line| match line {
        line if line.contains("/build") => None,
        _ => Some((200, "[]".to_owned())),
    });
    let (built, told) = build(&engine).await;
    assert_eq!(built.expect_err("gone again").code, "E-DOCKER-LOST", "{told}");
    assert_eq!(engine.count("/build"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_does_not_come_back_is_waited_for_in_vain_but_not_for_ever() {
    let begun = std::time::Instant::now();
    let engine = Torn::start(1, |_, line| (!line.contains("/build")).then(|| (200, "[]".to_owned())));
    let (built, told) = build(&engine).await;
    let refusal = built.expect_err("gone");
    assert_eq!(refusal.code, "E-DOCKER-LOST", "{told}");
    assert!(refusal.message.contains("it was not back in 3 s"), "{}", refusal.message);
    assert!((PATIENCE..PATIENCE * 4).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_fails_by_itself_is_not_made_again() {
    let said = r#"{"errorDetail":{"message":"exit code 1"}}"#;
    let engine = Torn::start(1, move |_, _| Some((200, format!("{said}\r\n"))));
    let (built, _) = build(&engine).await;
    assert_eq!((built.expect_err("it failed").code.as_str(), engine.count("/build")), ("E-IMAGE-BUILD", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_is_made_once_more_and_a_container_that_was_to_run_is_not() {
    let pulled = AtomicBool::new(false);
    let engine = Torn::start(3, move |life, line| match line {
        line if line.contains("/images/create") => {
            pulled.store(life > 0, Ordering::SeqCst);
            (life > 0).then(|| (200, "{\"status\":\"done\"}\r\n".to_owned()))
        }
        line if line.contains("/images/") && !pulled.load(Ordering::SeqCst) => {
            Some((404, r#"{"message":"none"}"#.to_owned()))
        }
        line if line.contains("/images/") => Some((200, format!(r#"{{"Id":"{IMAGE}"}}"#))),
        line if line.contains("/containers/create") => None,
        _ => Some((200, "[]".to_owned())),
    });
    let bench = engine.bench();
    let request = ContainerCommand { image: "busybox".into(), ..ContainerCommand::default() };
    let refusal = bench.call(ContainersRequest::Run(request)).await.expect_err("gone");
    assert_eq!(refusal.code, "E-DOCKER-LOST", "{}", bench.told.log());
    assert_eq!((engine.count("/images/create"), engine.count("/containers/create")), (2, 1), "{}", bench.told.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_made_once_more() {
    let engine = Torn::start(2, |life, line| match line {
        line if line.contains("/push") => {
            (life > 0).then(|| (200, format!("{{\"aux\":{{\"Tag\":\"1\",\"Digest\":\"{DIGEST}\"}}}}\r\n")))
        }
        line if line.contains("/tag") => Some((201, String::new())),
        line if line.contains("/distribution/") => Some((200, format!(r#"{{"Descriptor":{{"digest":"{DIGEST}"}}}}"#))),
        _ => Some((200, format!(r#"{{"Id":"{IMAGE}","RepoDigests":["127.0.0.1:1/web@{DIGEST}"]}}"#))),
    });
    let bench = engine.bench();
    let to = vec!["127.0.0.1:1/web:1".to_owned()];
    let request = Push { image: "busybox".into(), to, credentials: Vec::new() };
    let answer = bench.call(ContainersRequest::Push(request)).await;
    assert_eq!(answer, Ok(Response::Digest(DIGEST.parse().expect("a digest"))), "{}", bench.told.log());
    assert_eq!(engine.count("/push"), 2);
}
