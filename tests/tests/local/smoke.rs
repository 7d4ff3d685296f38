//! `smoke-test` against servers that only look healthy (abuse suite, 100 and 101): each is one clear failure, in time.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use e2e::authority::SecureServer;

use super::support::{Scene, Told, text};

/// Longest for a step that asks twice, a second each.
const IN_TIME: Duration = Duration::from_secs(20);

/// A server on loopback: for the n-th request, from 0, `answer` writes what it likes. Gives its port. It ends with the tests.
fn server(answer: impl Fn(usize, &mut TcpStream) -> std::io::Result<()> + Send + Sync + Copy + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            thread::spawn(move || serve(stream, number, answer));
        }
    });
    port
}

fn serve(
    mut stream: TcpStream,
    number: usize,
    answer: impl Fn(usize, &mut TcpStream) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    answer(number, &mut stream)
}

fn whole(status: &str, head: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{head}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// Asks `http://127.0.0.1:PORT/health` for a healthy release two.
fn ask(port: u16, more: &str) -> Told {
    let scene = Scene::new(&format!(
        "name: smoke\nstages:\n  only:\n    steps:\n      - uses: smoke-test\n        with:\n          \
         url: http://127.0.0.1:{port}/health\n          json: {{ status: healthy, release: two }}\n          \
         timeout: 1s\n          interval: 50ms\n{more}"
    ));
    scene.run(&[])
}

const TWICE: &str = "          attempts: 2\n";
const GOOD: &str = "{\"status\":\"healthy\",\"release\":\"two\"}";

/// Asserts that the step fails in time and says `why`.
#[track_caller]
fn refused(why: &str, answer: impl Fn(usize, &mut TcpStream) -> std::io::Result<()> + Send + Sync + Copy + 'static) {
    let begun = Instant::now();
    let told = ask(server(answer), TWICE);
    told.exits(1);
    let found = text(&told.of("run-finished")[0]["cause"]["message"]);
    assert!(found.contains(why), "{found}");
    assert!(begun.elapsed() < IN_TIME, "{why}: it took {:?}", begun.elapsed());
}

#[test]
fn what_is_healthy_passes() {
    ask(server(|_, stream| stream.write_all(whole("200 OK", "", GOOD).as_bytes())), TWICE).exits(0);
}

#[test]
fn a_wrong_body_a_login_page_and_an_old_release_are_no_pass() {
    refused("nothing at .release", |_, stream| {
        stream.write_all(whole("200 OK", "", "{\"status\":\"starting\"}").as_bytes())
    });
    refused("found 301 to /login", |_, stream| {
        stream.write_all(whole("301 Moved Permanently", "location: /login\r\n", "").as_bytes())
    });
    refused(".release = \"one\"", |_, stream| {
        stream.write_all(whole("200 OK", "", "{\"status\":\"healthy\",\"release\":\"one\"}").as_bytes())
    });
}

#[test]
fn a_certificate_that_has_ended_is_told_with_this_machines_clock() {
    let server = SecureServer::start("127.0.0.1", 2020, 2021);
    let scene = Scene::new(&format!(
        "name: smoke\nstages:\n  only:\n    steps:\n      - uses: smoke-test\n        with:\n          \
         url: https://127.0.0.1:{}/health\n          timeout: 1s\n          attempts: 1\n",
        server.port
    ));
    let roots = scene.state().with_extension("pem");
    std::fs::write(&roots, &server.authority).expect("the folder is ours");
    let run = scene.command(&["run", "--format", "jsonl"]).env("SEALOCK_CA_FILE", &roots).spawn();
    let told = super::support::finish(run.expect("the binary starts"));
    told.exits(1);
    let found = text(&told.of("run-finished")[0]["cause"]["message"]);
    assert!(found.contains("ended on 2021-01-01 00:00:00 UTC, and the clock of this machine says 20"), "{found}");
}

#[test]
fn an_answer_without_an_end_is_no_pass_and_ends_in_time() {
    // A byte a second: each comes in time, the whole never does.
    refused("200 with a body that did not end in time", |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 38\r\n\r\n")?;
        for byte in GOOD.bytes() {
            stream.write_all(&[byte])?;
            thread::sleep(Duration::from_secs(1));
        }
        Ok(())
    });
    // Ten gigabytes, announced.
    refused("the answer is longer than", |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n")?;
        while stream.write_all(&[b' '; 8_192]).is_ok() {}
        Ok(())
    });
    // As many, not announced.
    refused("200 with a body longer than 1 MiB", |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
        while stream.write_all(&[b' '; 8_192]).is_ok() {}
        Ok(())
    });
    refused("message head is too large", |_, stream| {
        stream.write_all(whole("200 OK", &format!("x: {}\r\n", "y".repeat(1 << 20)), GOOD).as_bytes())
    });
    refused("invalid HTTP version", |_, stream| stream.write_all(b"<html>healthy</html>"));
}

#[test]
fn one_that_flaps_is_no_pass_however_often_it_is_well() {
    let flapping = |number: usize, stream: &mut TcpStream| {
        let status = if number.is_multiple_of(2) { "200 OK" } else { "500 Internal Server Error" };
        stream.write_all(whole(status, "", GOOD).as_bytes())
    };
    let told = ask(server(flapping), "          attempts: 9\n          passes: 2\n");
    told.exits(1).says("500");
    let recovers = |number: usize, stream: &mut TcpStream| {
        let status = if number < 2 { "503 Service Unavailable" } else { "200 OK" };
        stream.write_all(whole(status, "", GOOD).as_bytes())
    };
    ask(server(recovers), "          attempts: 9\n          passes: 2\n").exits(0);
}
