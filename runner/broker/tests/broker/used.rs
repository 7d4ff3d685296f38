//! What a step is told to have used of its grant.

use std::sync::Arc;

use sealock_broker::EnvText;
use sealock_broker::http::Http;
use sealock_contract::SecretText;
use sealock_contract::grant::{Capability, NetworkGrant};
use sealock_contract::seam::{Desk, HttpRequest, Note, Request};

use crate::http::send;
use crate::rig::{RigSpec, secret_input, sh, start};
use crate::servers::{At, Names, Server};

const SECRET: &str = "k7Vq9-tR2x_Lm4.Zw8";

#[tokio::test]
async fn each_thing_is_told_once_an_attempt() {
    let rig = RigSpec::default().build();
    rig.sh("exit 0").await;
    rig.sh("exit 1").await;
    assert_eq!(rig.told.used(), ["exec sh"]);
    let second = rig.desk_for("1", 2);
    start(&*second, sh("exit 0")).await.expect("started");
    assert_eq!(rig.told.used(), ["exec sh", "exec sh"]);
}

#[tokio::test]
async fn hosts_are_told_with_their_port_and_denials_are_not_uses() {
    let server = Server::ok("hello").await;
    let grant: NetworkGrant = format!("127.0.0.1:{}", server.port).parse().expect("an entry");
    let http = Http::new(Arc::new(Names::default()), Arc::new(At("127.0.0.1")), Vec::new());
    let mut spec = RigSpec { http: Some(Arc::new(http)), ..RigSpec::default() };
    spec.grant.network = vec![grant];
    spec.grant.exec = vec!["npm".into()];
    let rig = spec.build();
    let get =
        |url: String| HttpRequest { method: "GET".into(), url, timeout_ms: Some(2_000), ..HttpRequest::default() };
    send(&rig, get(server.url("/a"))).await.expect("an answer");
    send(&rig, get("http://other.example/".into())).await.expect_err("not granted");
    start(&*rig.desk, sh("exit 0")).await.expect_err("not granted");
    assert_eq!(rig.told.used(), [format!("network 127.0.0.1:{}", server.port)]);
    assert_eq!(rig.told.denials(), 2);
}

#[tokio::test]
async fn secrets_are_told_by_name_whichever_way_they_go() {
    let mut spec = RigSpec { secrets: vec![("TOKEN", SECRET), ("DB", "another-long-secret")], ..RigSpec::default() };
    spec.grant.secrets = vec!["TOKEN".into()];
    spec.grant.reveal = true;
    spec.inputs.extend([secret_input("TOKEN", None, &[])]);
    spec.env.push(("DB".into(), EnvText::Secret(SecretText::named("DB"))));
    let rig = spec.build();
    let secret = rig.secret("TOKEN").await;
    rig.desk.call(Request::SecretReveal { secret }).await.expect("granted");
    rig.sh("exit 0").await;
    assert_eq!(rig.told.used(), ["secrets TOKEN", "reveal TOKEN", "exec sh", "secrets DB"]);
}

#[tokio::test]
async fn a_sandbox_cannot_say_what_was_used_and_a_name_is_no_way_around_the_redactor() {
    let rig = RigSpec { secrets: vec![("TOKEN", SECRET)], ..RigSpec::default() }.build();
    rig.desk.note(vec![Note::GrantUsed { capability: Capability::Targets, what: "web1".into() }]);
    assert_eq!(rig.told.used(), Vec::<String>::new());
    let mut command = sh("exit 0");
    command.program = format!("no-such-{SECRET}");
    let _ = start(&*rig.desk, command).await;
    assert_eq!(rig.told.used(), ["exec no-such-***"]);
}
