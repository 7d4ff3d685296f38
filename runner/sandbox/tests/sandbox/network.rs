//! `wasi:http` by grant, and nothing else of the network.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sealock_contract::grant::NetworkGrant;
use sealock_contract::seam::{Handle, HttpRequest, HttpResponse, Outcome, Request, Response};
use sealock_contract::{ErrorKind, Grant, StepError};
use sealock_sandbox::StepCall;

use crate::rig::{FakeDesk, attack, refuse, run, said};

fn granted(name: &str, at: &str) -> StepCall {
    let mut entry: NetworkGrant = "api.example.org:443".parse().expect("an entry");
    entry.methods = vec!["GET".to_owned(), "POST".to_owned()];
    entry.path = Some("/v1".to_owned());
    StepCall { grant: Grant { network: vec![entry], ..Grant::default() }, ..attack(name, at) }
}

/// Answers every request with a body of `pieces` pieces.
fn origin(pieces: usize) -> Arc<FakeDesk> {
    let left = AtomicUsize::new(pieces);
    FakeDesk::new(move |request| match request {
        Request::Http(_) => {
            let headers = vec![("x-answer".to_owned(), b"yes".to_vec())];
            Ok(Response::Http(HttpResponse { status: 200, headers, body: Handle(3) }))
        }
        Request::HttpRead { max, .. } => {
            let more = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            Ok(Response::Bytes(if more { vec![b'x'; *max as usize] } else { Vec::new() }))
        }
        Request::SecretOpen { .. } => Ok(Response::Secret { handle: Handle(7), name: "HOOK".to_owned() }),
        Request::SecretPlaceholder { .. } => Ok(Response::Text("sealock-secret-1f2e".to_owned())),
        _ => Ok(Response::Done),
    })
}

#[test]
fn a_granted_request_reaches_the_desk_whole_and_its_answer_streams_back() {
    let desk = origin(5);
    let outcome = run("guest_hostile", granted("http", "https://API.example.org/v1/items?q=1"), &desk);
    assert_eq!(said(outcome), format!("200 yes {}", 5 * (64 << 10)));
    let Request::Http(HttpRequest { method, url, headers, body, .. }) = &desk.requests()[0] else {
        panic!("{:?}", desk.requests())
    };
    assert_eq!((method.as_str(), url.as_str()), ("GET", "https://API.example.org/v1/items?q=1"));
    assert_eq!(
        (headers.as_slice(), body.as_slice()),
        ([("x-test".into(), b"1".to_vec())].as_slice(), b"question".as_slice())
    );
}

#[test]
fn neighbours_of_what_was_granted_are_denied_and_no_desk_hears_of_them() {
    for at in [
        "https://evil.example/v1",
        "https://api.example.org.evil.example/v1",
        "https://api.example.org:8443/v1",
        "http://api.example.org/v1",
        "DELETE https://api.example.org/v1",
        "CONNECT https://api.example.org/v1",
        "https://api.example.org/v2",
        "https://api.example.org/v1/%2e%2e/admin",
        "https://api.example.org@evil.example/v1",
        "https://evil.example@api.example.org/v1",
        "https://0x7f.1/v1",
        "https://2130706433/v1",
        "https://[::ffff:169.254.169.254]/v1",
        "https://sealock-secret-1f2e",
    ] {
        let desk = FakeDesk::closed();
        let outcome = run("guest_hostile", granted("http", at), &desk);
        let kind = |error: &StepError| matches!(error.kind, ErrorKind::Denied | ErrorKind::Invalid | ErrorKind::Remote);
        assert!(matches!(&outcome, Outcome::Error(error) if kind(error)), "{at}: {outcome:?}");
        if matches!(&outcome, Outcome::Error(error) if error.kind == ErrorKind::Denied) {
            assert_eq!(desk.denials(), ["E-GRANT-NETWORK"], "{at}");
        }
    }
}

#[test]
fn the_brokers_own_refusal_reaches_the_step_as_a_denial_and_is_told_by_the_broker() {
    let desk = FakeDesk::new(|_| Err(refuse(ErrorKind::Denied, "E-GRANT-NETWORK")));
    let outcome = run("guest_hostile", granted("http", "https://api.example.org/v1"), &desk);
    assert!(matches!(&outcome, Outcome::Error(error) if error.kind == ErrorKind::Denied), "{outcome:?}");
    assert!(desk.denials().is_empty(), "told twice");
}

#[test]
fn a_secret_that_is_a_whole_url_is_asked_by_its_word() {
    let desk = origin(0);
    assert_eq!(said(run("guest_hostile", granted("placeholder", "hook"), &desk)), "200");
    let asked = desk.requests().into_iter().find_map(|request| match request {
        Request::Http(request) => Some(request.url),
        _ => None,
    });
    assert_eq!(asked.as_deref(), Some("sealock-secret-1f2e"));
}

#[test]
fn headers_and_bodies_are_limited_in_both_directions() {
    let at = "https://api.example.org/v1";
    for name in ["http-headers", "http-body"] {
        let desk = origin(0);
        let outcome = run("guest_hostile", granted(name, at), &desk);
        assert!(
            matches!(&outcome, Outcome::Error(_) | Outcome::Stopped(_) | Outcome::Trapped(_)),
            "{name}: {outcome:?}"
        );
        assert!(!desk.requests().iter().any(|request| matches!(request, Request::Http(_))), "{name}");
    }
    let endless = run("guest_hostile", granted("http", at), &origin(usize::MAX));
    assert!(matches!(&endless, Outcome::Error(error) if error.code == "E-HTTP-BODY"), "{endless:?}");
}

#[test]
fn there_are_no_sockets_and_no_name_lookups() {
    for (name, at) in [("socket", "127.0.0.1:22"), ("lookup", "localhost:80")] {
        let outcome = run("guest_hostile", granted(name, at), &FakeDesk::closed());
        assert!(matches!(&outcome, Outcome::Error(_)), "{name}: {outcome:?}");
    }
}
