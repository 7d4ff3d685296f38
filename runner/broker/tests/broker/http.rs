//! HTTP of steps, against servers and names that lie.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;
use sealock_broker::http::{Answered, Asked, Http, Origin, Resolver, normal_url};
use sealock_contract::grant::{NetworkGrant, Reach};
use sealock_contract::limits::HTTP_BODY_BYTES;
use sealock_contract::manifest::Place;
use sealock_contract::seam::{Desk, HttpRequest, HttpResponse, Refusal, Request, Response};

use crate::rig::{Rig, RigSpec, secret_input};
use crate::servers::{At, Names, Server, Then};

fn entry(text: &str) -> NetworkGrant {
    text.parse().expect("a good entry")
}

fn spec(grants: Vec<NetworkGrant>, names: impl Resolver + 'static) -> RigSpec {
    let http = Http::new(Arc::new(names), Arc::new(At("127.0.0.1")), Vec::new());
    let mut spec = RigSpec { http: Some(Arc::new(http)), ..RigSpec::default() };
    spec.grant.network = grants;
    spec
}

fn rig_for(server: &Server) -> Rig {
    spec(vec![entry(&format!("127.0.0.1:{}", server.port))], Names::default()).build()
}

fn get(url: impl Into<String>) -> HttpRequest {
    HttpRequest { method: "GET".into(), url: url.into(), timeout_ms: Some(2_000), ..HttpRequest::default() }
}

pub(crate) async fn send(rig: &Rig, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    match rig.desk.call(Request::Http(request)).await? {
        Response::Http(answer) => Ok(answer),
        other => panic!("{other:?}"),
    }
}

async fn body(rig: &Rig, answer: &HttpResponse) -> Result<String, Refusal> {
    let mut all = Vec::new();
    loop {
        match rig.desk.call(Request::HttpRead { body: answer.body, max: 1 << 20 }).await? {
            Response::Bytes(bytes) if bytes.is_empty() => return Ok(String::from_utf8_lossy(&all).into_owned()),
            Response::Bytes(bytes) => all.extend(bytes),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn header<'a>(answer: &'a HttpResponse, name: &str) -> Option<&'a str> {
    let found = answer.headers.iter().find(|(known, _)| known == name)?;
    std::str::from_utf8(&found.1).ok()
}

#[tokio::test]
async fn what_is_granted_is_sent_and_answered() {
    let server = Server::start(
        "HTTP/1.1 201 Made\r\nx-one: 1\r\nsealock-certificate-days: 9999\r\ncontent-length: 5\r\n\r\nhello",
        Then::Close,
    )
    .await;
    let rig = rig_for(&server);
    let headers = vec![("accept".to_owned(), b"*/*".to_vec())];
    let answer = send(&rig, HttpRequest { headers, ..get(server.url("/a?b=c#d")) }).await.expect("an answer");
    assert_eq!((answer.status, header(&answer, "x-one")), (201, Some("1")));
    assert!(header(&answer, "sealock-timing").is_some_and(|timing| timing.parse::<u64>().is_ok()));
    assert_eq!(header(&answer, "sealock-certificate-days"), None, "a server spoke for the broker");
    assert_eq!(body(&rig, &answer).await.as_deref(), Ok("hello"));
    let seen = server.seen().concat();
    assert!(seen.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("host: 127.0.0.1:{}\r\n", server.port)), "{seen}");
}

/// Abuse suite, 38 and 39: nothing of this reaches anybody.
#[tokio::test]
async fn what_only_looks_granted_is_denied() {
    let server = Server::ok("reached").await;
    let port = server.port;
    let mut granted = entry(&format!("127.0.0.1:{port}"));
    granted.methods = vec!["GET".into()];
    granted.path = Some("/api".into());
    let names = Names::default().with("evil.example", &[&["127.0.0.1"]]).with("localhost", &[&["127.0.0.1"]]);
    let rig = spec(vec![granted, entry(&format!("good.example:{port}"))], names).build();
    assert_eq!(send(&rig, get(server.url("/api/x"))).await.map(|answer| answer.status), Ok(200));
    let at = |rest: &str| format!("http://{}", rest.replace("PORT", &port.to_string()));
    let urls = [
        "evil.example:PORT/api",
        "localhost:PORT/api",
        "127.0.0.2:PORT/api",
        "127.0.0.1:1/api",
        "127.0.0.1/api",
        "127.0.0.1:PORT/",
        "127.0.0.1:PORT/apix",
        "127.0.0.1:PORT/api/../admin",
        "127.0.0.1:PORT/api/%2e%2e/admin",
        "127.0.0.1:PORT/api/%2E./admin",
        "127.0.0.1:PORT/api\\..\\admin",
        "127.0.0.1:PORT@evil.example/api",
        "good@evil.example:PORT/api",
        "127.0.0.1:PORT\\@evil.example/api",
        "0x7f.1:PORT/api",
        "0x7f000001:PORT/api",
        "2130706433:PORT/api",
        "127.1:PORT/api",
        "0177.0.0.1:PORT/api",
        "[::ffff:7f00:1:PORT/api",
        "[::ffff:169.254.169.254]:PORT/api",
        "[::1]:PORT/api",
        "169.254.169.254:PORT/api",
        "xn--127-zu4b.example:PORT/api",
        "good.example.evil.example:PORT/api",
        "evil.example%2f.good.example:PORT/api",
        "good.example:PORT:80/api",
        "127.0.0.1 evil.example:PORT/api",
        "127.0.0.1:PORT/api\r\nx: y",
        "",
    ];
    for url in urls.iter().map(|rest| at(rest)).chain(["/api".into(), format!("ftp://127.0.0.1:{port}/api")]) {
        assert_eq!(send(&rig, get(&url)).await.expect_err(&url).code, "E-GRANT-NETWORK", "{url}");
    }
    for method in ["POST", "CONNECT", "TRACE", "get", "GET /evil HTTP/1.1\r\nx:", ""] {
        let request = HttpRequest { method: method.into(), ..get(server.url("/api")) };
        assert_eq!(send(&rig, request).await.expect_err(method).code, "E-GRANT-NETWORK", "{method}");
    }
    let fields = [
        ("Host", "evil.example"),
        ("Connection", "upgrade"),
        ("Upgrade", "websocket"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "5"),
        ("TE", "trailers"),
        ("Expect", "100-continue"),
        ("x", "a\r\nHost: evil.example"),
        ("x\r\nHost: evil.example", "y"),
        ("sealock-timing", "1"),
        ("proxy-authorization", "x"),
    ];
    for (name, value) in fields {
        let headers = vec![(name.to_owned(), value.as_bytes().to_vec())];
        let refusal = send(&rig, HttpRequest { headers, ..get(server.url("/api")) }).await.expect_err(name);
        assert_eq!(refusal.code, "E-GRANT-NETWORK", "{name}");
    }
    assert_eq!(server.seen().len(), 1, "a denied request arrived");
    assert!(rig.told.denials() > 40);
}

/// Abuse suite, 40: a redirect is an answer, and following it is a new request.
#[tokio::test]
async fn a_redirect_is_not_followed_and_its_goal_is_checked_like_any_other() {
    let evil = Server::ok("evil").await;
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", evil.url("/"));
    let server = Server::start(redirect, Then::Close).await;
    let rig = rig_for(&server);
    let answer = send(&rig, get(server.url("/"))).await.expect("an answer");
    let goal = header(&answer, "location").expect("a goal").to_owned();
    assert_eq!((answer.status, goal.as_str()), (302, evil.url("/").as_str()));
    assert_eq!(send(&rig, get(goal)).await.expect_err("not granted").code, "E-GRANT-NETWORK");
    assert!(evil.seen().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_inside_is_denied_unless_it_was_granted_so() {
    let server = Server::ok("inside").await;
    let port = server.port;
    let inside: &[&str] = &["127.0.0.1"];
    let names = || {
        Names::default()
            .with("app.example", &[inside])
            .with("mixed.example", &[&["169.254.169.254", "10.0.0.1", "::ffff:127.0.0.1", "fd00::1"]])
            .with("none.example", &[&[]])
    };
    let public = vec![entry(&format!("*.example:{port}"))];
    let private = vec![NetworkGrant { reach: Reach::Private, ..entry(&format!("app.example:{port}")) }];
    let url = |name: &str| get(format!("http://{name}.example:{port}/"));

    let rig = spec(public, names()).build();
    for name in ["app", "mixed"] {
        let denial = send(&rig, url(name)).await.expect_err("inside");
        assert_eq!(denial.code, "E-GRANT-NETWORK");
        assert!(denial.help.expect("a line").contains("private: true"));
    }
    assert_eq!(send(&rig, url("none")).await.expect_err("no address").code, "E-HTTP-DNS");
    assert_eq!(send(&rig, url("unknown")).await.expect_err("no name").code, "E-HTTP-DNS");
    assert!(server.seen().is_empty());

    let rig = spec(private, names()).build();
    assert_eq!(send(&rig, url("app")).await.map(|answer| answer.status), Ok(200));
    assert!(server.seen().concat().contains(&format!("host: app.example:{port}\r\n")));
}

/// Names that the test keeps, too.
struct Shared(Arc<Names>);

impl Resolver for Shared {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, std::io::Result<Vec<std::net::IpAddr>>> {
        self.0.resolve(host)
    }
}

/// DNS rebinding: the second answer of a name is never asked for.
#[tokio::test]
async fn a_name_is_resolved_once_and_the_address_checked_is_the_one_dialled() {
    let server = Server::ok("inside").await;
    let port = server.port;
    let names = Arc::new(Names::default().with("app.example", &[&["192.0.2.1", "127.0.0.1"], &["127.0.0.1"]]));
    let rig = spec(vec![entry(&format!("app.example:{port}"))], Shared(names.clone())).build();
    let denial = send(&rig, get(format!("http://app.example:{port}/"))).await.expect_err("inside");
    assert_eq!((denial.code.as_str(), names.asked.load(Ordering::SeqCst)), ("E-GRANT-NETWORK", 1));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_placeholder_is_swapped_in_its_place_and_for_its_hosts_only() {
    let (bound, other) = (Server::ok("x").await, Server::ok("x").await);
    let at = |server: &Server| format!("127.0.0.1:{}", server.port);
    let mut spec = spec(vec![entry(&at(&bound)), entry(&at(&other))], Names::default());
    spec.secrets = vec![("TOKEN", "hunter2-hunter2"), ("NOWHERE", "nowhere-nowhere")];
    spec.grant.secrets = vec!["TOKEN".into(), "NOWHERE".into()];
    spec.inputs
        .extend([secret_input("TOKEN", Some(Place::Header), &[&at(&bound)]), secret_input("NOWHERE", None, &[])]);
    let rig = spec.build();
    let (token, nowhere) = (rig.placeholder("TOKEN").await, rig.placeholder("NOWHERE").await);
    for server in [&bound, &other] {
        let request = HttpRequest {
            method: "POST".into(),
            headers: vec![("authorization".into(), format!("Bearer {token} {nowhere}").into_bytes())],
            body: token.clone().into_bytes(),
            ..get(server.url(&format!("/{token}")))
        };
        assert!(send(&rig, request).await.is_ok());
    }
    let (seen_bound, seen_other) = (bound.seen().concat(), other.seen().concat());
    assert!(seen_bound.contains(&format!("authorization: Bearer hunter2-hunter2 {nowhere}\r\n")), "{seen_bound}");
    assert!(seen_bound.starts_with(&format!("POST /{token} HTTP/1.1")), "{seen_bound}");
    assert_eq!(seen_bound.matches("hunter2-hunter2").count(), 1);
    assert!(!seen_other.contains("hunter2"), "{seen_other}");
}

#[tokio::test]
async fn a_whole_url_can_be_a_secret_and_is_checked_like_any_other() {
    let (server, other) = (Server::ok("done").await, Server::ok("x").await);
    let url: &'static str = server.url("/services/T000/B000/verysecret").leak();
    let elsewhere: &'static str = other.url("/verysecret").leak();
    let at = format!("127.0.0.1:{}", server.port);
    let mut spec = spec(vec![entry(&at), entry(&format!("127.0.0.1:{}", other.port))], Names::default());
    spec.secrets = vec![("HOOK", url), ("ELSEWHERE", elsewhere)];
    spec.grant.secrets = vec!["HOOK".into(), "ELSEWHERE".into()];
    for name in ["HOOK", "ELSEWHERE"] {
        spec.inputs.extend([secret_input(name, Some(Place::Url), &[&at])]);
    }
    let rig = spec.build();
    let placeholder = rig.placeholder("HOOK").await;
    assert_eq!(send(&rig, get(placeholder)).await.map(|answer| answer.status), Ok(200));
    assert!(server.seen().concat().starts_with("GET /services/T000/B000/verysecret "));
    let placeholder = rig.placeholder("ELSEWHERE").await;
    let denial = send(&rig, get(placeholder)).await.expect_err("bound to another host");
    assert_eq!(denial.code, "E-GRANT-NETWORK");
    assert!(!format!("{denial:?}").contains("verysecret"));
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_secret_that_a_server_echoes_comes_back_masked() {
    let echo = "HTTP/1.1 200 OK\r\nx-echo: hunter2-hunter2\r\nconnection: close\r\n\r\nyou said aHVudGVyMi1odW50ZXIy, hunter2-hunter2";
    let server = Server::start(echo, Then::Close).await;
    let mut spec = spec(vec![entry(&format!("127.0.0.1:{}", server.port))], Names::default());
    spec.secrets = vec![("TOKEN", "hunter2-hunter2")];
    let rig = spec.build();
    let answer = send(&rig, get(server.url("/"))).await.expect("an answer");
    assert_eq!(header(&answer, "x-echo"), Some("***"));
    let text = body(&rig, &answer).await.expect("a body");
    assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMi1odW50"), "{text}");
}

/// Answers that a test has written down.
#[derive(Default)]
struct Written(std::sync::Mutex<Vec<String>>);

impl Origin for Written {
    fn answer(&self, asked: &Asked<'_>) -> Result<Answered, Refusal> {
        let Asked { method, url, headers, body } = asked;
        let line = format!("{method} {url} {headers:?} {}", String::from_utf8_lossy(body));
        self.0.lock().expect("one test").push(line);
        let headers = vec![("x-echo".to_owned(), "hunter2-hunter2".to_owned())];
        Ok(Answered { status: 203, headers, body: b"said hunter2-hunter2".to_vec(), certificate_days: Some(-3) })
    }
}

#[tokio::test]
async fn a_written_answer_takes_the_servers_place_and_nothing_elses() {
    let written = Arc::new(Written::default());
    let http = Http::new(Arc::new(Names::default()), Arc::new(At("127.0.0.1")), Vec::new());
    let http = http.answered_by(Some(written.clone()));
    let mut spec = RigSpec { http: Some(Arc::new(http)), ..RigSpec::default() };
    spec.grant.network =
        vec![entry("api.example:443"), NetworkGrant { methods: vec!["GET".into()], ..entry("*.only:80") }];
    spec.secrets = vec![("TOKEN", "hunter2-hunter2")];
    spec.grant.secrets = vec!["TOKEN".into()];
    spec.inputs.extend([secret_input("TOKEN", Some(Place::Header), &["api.example:443"])]);
    let rig = spec.build();
    let token = rig.placeholder("TOKEN").await;
    let headers = vec![("Authorization".to_owned(), token.into_bytes())];
    let request = HttpRequest { headers, body: b"a body".to_vec(), ..get("https://API.example?x=1") };
    let answer = send(&rig, HttpRequest { method: "PUT".into(), ..request }).await.expect("an answer");
    assert_eq!((answer.status, header(&answer, "x-echo")), (203, Some("***")));
    assert_eq!(header(&answer, "sealock-certificate-days"), Some("-3"));
    assert_eq!(body(&rig, &answer).await.as_deref(), Ok("said ***"));

    for (method, url) in [("GET", "https://other.example/"), ("POST", "http://a.only/"), ("GET", "http://127.0.0.1/")] {
        let request = HttpRequest { method: method.into(), ..get(url) };
        assert_eq!(send(&rig, request).await.expect_err(url).code, "E-GRANT-NETWORK", "{url}");
    }
    let asked = written.0.lock().expect("one test");
    assert_eq!(*asked, [r#"PUT https://api.example/?x=1 [("authorization", "hunter2-hunter2")] a body"#]);
    assert_eq!(normal_url("HTTPS://API.example:443?x=1#y").as_deref(), Ok("https://api.example/?x=1"));
    assert!(normal_url("ftp://a/").is_err());
}

/// Abuse suite, 31 and 100: what servers do to clients.
#[tokio::test]
async fn a_server_that_misbehaves_is_one_clear_error() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(1_000));
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", HTTP_BODY_BYTES + 1);
    let cases = [
        ("HTTP/0.9", "<html>hello</html>".to_owned(), Then::Close, "E-HTTP-PROTOCOL"),
        ("no answer", String::new(), Then::Close, "E-HTTP-PROTOCOL"),
        ("silence", String::new(), Then::Hang, "E-HTTP-TIMEOUT"),
        ("100 for ever", String::new(), Then::Repeat("HTTP/1.1 100 Continue\r\n\r\n"), "E-HTTP-TIMEOUT"),
        ("a head without an end", "HTTP/1.1 200 OK\r\n".into(), Then::Hang, "E-HTTP-TIMEOUT"),
        ("a head for ever", "HTTP/1.1 200 OK\r\n".into(), Then::Repeat("x: y\r\n"), "E-HTTP-TOO-LARGE"),
        ("a long header", long, Then::Close, "E-HTTP-TOO-LARGE"),
        ("many headers", many, Then::Close, "E-HTTP-TOO-LARGE"),
        ("a long body, announced", announced, Then::Hang, "E-HTTP-TOO-LARGE"),
        (
            "two lengths",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx".into(),
            Then::Close,
            "E-HTTP-PROTOCOL",
        ),
        (
            "a length and chunks",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            Then::Close,
            "E-HTTP-PROTOCOL",
        ),
        (
            "another protocol",
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".into(),
            Then::Hang,
            "E-HTTP-PROTOCOL",
        ),
        ("SSH", "SSH-2.0-OpenSSH_9.6\r\n".into(), Then::Close, "E-HTTP-PROTOCOL"),
    ];
    for (what, answer, then, code) in cases {
        let server = Server::start(answer, then).await;
        let rig = rig_for(&server);
        let request = HttpRequest { timeout_ms: Some(500), ..get(server.url("/")) };
        assert_eq!(send(&rig, request).await.map(|answer| answer.status).expect_err(what).code, code, "{what}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_or_breaks_off_is_one_clear_error() {
    let endless = Server::start("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", Then::Repeat(ZEROS)).await;
    let torn = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", Then::Close).await;
    for (server, code) in [(endless, "E-HTTP-TOO-LARGE"), (torn, "E-HTTP-PROTOCOL")] {
        let rig = rig_for(&server);
        let answer = send(&rig, get(server.url("/"))).await.expect("a head");
        assert_eq!(body(&rig, &answer).await.expect_err("not a whole body").code, code);
    }
}

const ZEROS: &str =
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000";

#[tokio::test]
async fn nobody_there_is_said_so() {
    let server = Server::ok("x").await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound").port();
    let rig = spec(vec![entry(&format!("127.0.0.1:{free}"))], Names::default()).build();
    let refusal = send(&rig, get(format!("http://127.0.0.1:{free}/"))).await.expect_err("nobody");
    assert_eq!((refusal.code.as_str(), refusal.retryable), ("E-HTTP-CONNECT", true));
    let read = rig.desk.call(Request::HttpRead { body: sealock_contract::seam::Handle(1), max: 1 }).await;
    assert_eq!(read.expect_err("no body").code, "E-HANDLE-UNKNOWN");
    drop(server);
}

#[tokio::test]
async fn a_target_is_dialled_in_place_of_the_host_and_only_a_granted_one() {
    let server = Server::ok("web1").await;
    let port = server.port;
    let mut spec = spec(vec![entry(&format!("blog.example:{port}"))], Names::default());
    spec.grant.targets = vec!["web1".into(), "lost".into()];
    let rig = spec.build();
    let to = |target: &str| HttpRequest {
        headers: vec![("sealock-target".into(), target.into())],
        ..get(format!("http://blog.example:{port}/health"))
    };
    assert_eq!(send(&rig, to("web1")).await.map(|answer| answer.status), Ok(200));
    let seen = server.seen().concat();
    assert!(seen.contains(&format!("host: blog.example:{port}\r\n")) && !seen.contains("sealock"), "{seen}");
    assert_eq!(send(&rig, to("web2")).await.expect_err("not granted").code, "E-GRANT-TARGET");
    assert_eq!(send(&rig, to("lost")).await.expect_err("nowhere").code, "E-HTTP-DNS");
    let elsewhere = HttpRequest { url: format!("http://evil.example:{port}/"), ..to("web1") };
    assert_eq!(send(&rig, elsewhere).await.expect_err("not granted").code, "E-GRANT-NETWORK");
}
