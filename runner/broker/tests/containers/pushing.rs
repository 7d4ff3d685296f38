//! Images to registries, judged by what the registries' own API says.

use sealock_contract::seam::{Build, ContainersRequest, Push, Refusal, Response};

use crate::harness::Bench;

async fn image(bench: &Bench) -> String {
    bench.write("Dockerfile", "FROM busybox\nCOPY content /\n");
    bench.write("content", &bench.run);
    bench.build(Build { context: ".".into(), ..Build::default() }).await.expect("built")
}

async fn push(bench: &Bench, request: Push) -> Result<String, Refusal> {
    match bench.call(ContainersRequest::Push(request)).await? {
        Response::Digest(digest) => Ok(digest.to_string()),
        other => panic!("{other:?}"),
    }
}

fn reference(bench: &Bench, registry: &str, tag: &str) -> String {
    format!("{registry}/sealock-test/{}:{tag}", bench.run.to_lowercase())
}

fn manifest(registry: &str, reference: &str) -> String {
    let (repository, tag) = reference.rsplit_once(':').expect("a tag");
    let path = repository.strip_prefix(registry).expect("its registry");
    format!("http://{registry}/v2{path}/manifests/{tag}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tag_has_the_digest_that_came_out() {
    let bench = Bench::new();
    let image = image(&bench).await;
    let (open, closed) = (bench.rig.registry.clone(), bench.rig.login.clone());
    let to: Vec<String> =
        [(&open, "latest"), (&open, "1.2"), (&closed, "latest")].map(|(at, tag)| reference(&bench, at, tag)).to_vec();
    let credentials = vec![bench.login(&closed, "PASSWORD").await];
    let digest = push(&bench, Push { image, to: to.clone(), credentials }).await.expect("pushed");
    for (registry, reference) in [(&open, &to[0]), (&open, &to[1]), (&closed, &to[2])] {
        let head = bench.head(&manifest(registry, reference), registry == &closed);
        assert_eq!(head, ("200".to_owned(), digest.clone()), "{reference}");
    }
    let log = bench.told.log();
    assert!(log.contains("Pushed") && !log.contains(&bench.rig.password), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_refuses_is_told_from_one_that_is_not_there() {
    let bench = Bench::new();
    let image = image(&bench).await;
    let to = vec![reference(&bench, &bench.rig.login, "latest")];
    let wrong = vec![bench.login(&bench.rig.login, "WRONG").await];
    let request = |to: &[String], credentials| Push { image: image.clone(), to: to.to_vec(), credentials };
    let refusal = push(&bench, request(&to, wrong)).await.expect_err("a wrong password");
    assert_eq!(refusal.code, "E-REGISTRY-AUTH", "{}", refusal.message);
    assert!(refusal.message.contains("refused the login"), "{}", refusal.message);
    assert!(!refusal.message.contains("not-the-password"));
    let refusal = push(&bench, request(&to, Vec::new())).await.expect_err("no login");
    assert_eq!(refusal.code, "E-REGISTRY-AUTH", "{}", refusal.message);
    assert!(refusal.message.contains("wants a login"), "{}", refusal.message);
    assert_eq!(bench.head(&manifest(&bench.rig.login, &to[0]), true).0, "404");

    let nowhere = vec!["127.0.0.1:1/web:1".to_owned()];
    let refusal = push(&bench, request(&nowhere, Vec::new())).await.expect_err("nobody there");
    assert_eq!(refusal.code, "E-REGISTRY-UNREACHABLE", "{}", refusal.message);
    assert!(refusal.retryable && refusal.help.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_own_images_go_only_to_granted_places() {
    let bench = Bench::new();
    let own = image(&bench).await;
    let to = |text: &str| vec![text.to_owned()];
    let request = |image: &str, to| Push { image: image.into(), to, credentials: Vec::new() };
    let code = async |request| push(&bench, request).await.expect_err("refused").code;
    assert_eq!(code(request(&own, to("ghcr.io/acme/web:1"))).await, "E-GRANT-CONTAINERS");
    let several = vec![reference(&bench, &bench.rig.registry, "1"), "evil.example/x:1".to_owned()];
    assert_eq!(code(request(&own, several)).await, "E-GRANT-CONTAINERS");
    for bad in ["-v", "Web:1", "a b", "127.0.0.1:1/web:1@sha256:0", ""] {
        assert_eq!(code(request(&own, to(bad))).await, "E-IMAGE-NAME", "{bad}");
    }
    assert_eq!(code(request(&own, Vec::new())).await, "E-IMAGE-NAME");
    let granted = || vec![reference(&bench, &bench.rig.registry, "1")];
    let foreign = bench.docker(&["inspect", "--format", "{{.Id}}", "postgres:15"]);
    assert_eq!(code(request(&foreign, granted())).await, "E-GRANT-CONTAINERS");
    let absent = format!("sha256:{}", "0".repeat(64));
    assert_eq!(code(request(&absent, granted())).await, "E-IMAGE-MISSING");
    assert_eq!(bench.head(&manifest(&bench.rig.registry, &granted()[0]), false).0, "404");
}
