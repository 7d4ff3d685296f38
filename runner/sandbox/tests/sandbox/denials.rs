//! For each interface: what was not granted is denied with the line that would grant it, and no desk hears of it;
//! what was granted reaches the desk whole.

use std::sync::Arc;

use sealock_contract::grant::{FileGrant, ImagePattern, Pattern};
use sealock_contract::seam::{
    Build, ContainerCommand, ContainersRequest, Exit, Handle, Outcome, Push, Release, ReleaseState, Request, Response,
    Stdio, TargetsRequest,
};
use sealock_contract::{Digest, ErrorKind, Grant};
use sealock_sandbox::StepCall;

use crate::rig::{FakeDesk, attack, denial, refuse, run, said};

fn with(grant: Grant, name: &str, at: &str) -> StepCall {
    StepCall { grant, ..attack(name, at) }
}

/// Nothing granted: denied, told as an event, and nobody asked.
fn denied(name: &str, at: &str, code: &str, line: &str) {
    let desk = FakeDesk::closed();
    let outcome = run("guest_hostile", attack(name, at), &desk);
    assert_eq!(denial(outcome), (code.to_owned(), line.to_owned()), "{name}");
    assert_eq!(desk.denials(), [code], "{name}");
}

/// A desk that knows a secret, and hands everything else to `script`.
fn desk(script: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Arc<FakeDesk> {
    FakeDesk::new(move |request| {
        Ok(match request {
            Request::SecretOpen { input } => Response::Secret { handle: Handle(7), name: input.to_uppercase() },
            Request::Drop { .. } | Request::Kill { .. } | Request::SecretMask { .. } => Response::Done,
            Request::Wait { .. } => Response::Exit(Some(Exit::Code(3))),
            other => script(other),
        })
    })
}

#[test]
fn programs() {
    denied("exec", "npm", "E-GRANT-EXEC", "allow: { exec: [npm] }");

    let desk = desk(|request| match request {
        Request::Start(_) => Response::Running(Handle(4)),
        _ => Response::Bytes(Vec::new()),
    });
    let grant = Grant { exec: vec!["npm".to_owned()], ..Grant::default() };
    assert_eq!(said(run("guest_hostile", with(grant, "exec", "npm"), &desk)), "code 3: ");
    let requests = desk.requests();
    let Request::Start(command) = &requests[0] else { panic!("{requests:?}") };
    assert_eq!((command.program.as_str(), command.args.as_slice()), ("npm", ["one".to_owned()].as_slice()));
    assert_eq!((command.env.as_slice(), command.cwd.as_str()), ([("NAME".into(), "value".into())].as_slice(), "sub"));
    assert_eq!((&command.stdout, &command.stderr), (&Stdio::Capture, &Stdio::Capture));
    assert_eq!(requests.last(), Some(&Request::Drop { handle: Handle(4) }), "a handle that is dropped is forgotten");
}

#[test]
fn secrets_are_handles_that_the_desk_gives_or_not() {
    let closed = FakeDesk::new(|_| Err(refuse(ErrorKind::Denied, "E-GRANT-SECRET")));
    let outcome = run("guest_hostile", attack("secret", "token"), &closed);
    assert_eq!(denial(outcome).0, "E-GRANT-SECRET");
    assert_eq!(closed.denials(), ["E-GRANT-SECRET"]);

    let desk = desk(|_| Response::Running(Handle(9)));
    let grant = Grant { exec: vec!["login".to_owned()], secrets: vec!["TOKEN".to_owned()], ..Grant::default() };
    assert_eq!(said(run("guest_hostile", with(grant, "secret", "token"), &desk)), "TOKEN");
    let Request::Start(command) = &desk.requests()[2] else { panic!("{:?}", desk.requests()) };
    assert_eq!(command.secret_env, [("TOKEN".to_owned(), Handle(7))]);
    assert_eq!(command.stdin_secret, Some(Handle(7)));
}

#[test]
fn bytes_of_secrets() {
    let open = || desk(|_| Response::Bytes(b"hunter2-hunter2".to_vec()));
    let desk = open();
    let outcome = run("guest_hostile", attack("reveal", "token"), &desk);
    assert_eq!(denial(outcome), ("E-GRANT-REVEAL".into(), "allow: { reveal: true }".into()));
    assert!(!desk.requests().iter().any(|request| matches!(request, Request::SecretReveal { .. })));

    let grant = Grant { reveal: true, ..Grant::default() };
    assert_eq!(said(run("guest_hostile", with(grant, "reveal", "token"), &open())), "hunter2-hunter2");
}

#[test]
fn images() {
    let entry = "allow: { containers: { build: true } }";
    denied("build", "backend", "E-GRANT-CONTAINERS", entry);
    let mut grant = Grant { files: FileGrant::read_all(), ..Grant::default() };
    grant.containers.build = true;
    let built = desk(|_| Response::Image("sha256:image".to_owned()));
    assert_eq!(said(run("guest_hostile", with(grant, "build", "backend"), &built)), "sha256:image");
    let expected = Build {
        context: "backend".into(),
        file: Some("Dockerfile.prod".into()),
        target: Some("runtime".into()),
        args: vec![("VERSION".into(), "1".into())],
        labels: vec![("org.example".into(), "x".into())],
        platform: Some("linux/amd64".into()),
        cache_from: vec!["registry.example/cache".into()],
        cache_to: vec!["registry.example/cache".into()],
        network: true,
        no_cache: true,
        pull: true,
        ..Build::default()
    };
    assert_eq!(built.requests(), [Request::Containers(ContainersRequest::Build(expected))]);

    denied(
        "push",
        "ghcr.io/acme/web:1",
        "E-GRANT-CONTAINERS",
        "allow: { containers: { push: [\"ghcr.io/acme/web:1\"] } }",
    );
    let mut grant = Grant::default();
    grant.containers.push = vec![ImagePattern("ghcr.io/acme/*".into())];
    let pushed = desk(|_| Response::Digest(Digest::of(b"manifest")));
    let digest = said(run("guest_hostile", with(grant, "push", "ghcr.io/acme/web:1"), &pushed));
    assert_eq!(digest, Digest::of(b"manifest").to_string());
    let push = Push { image: "sha256:abc".into(), to: vec!["ghcr.io/acme/web:1".into()], credentials: Vec::new() };
    assert_eq!(pushed.requests(), [Request::Containers(ContainersRequest::Push(push))]);
}

#[test]
fn containers() {
    denied("container", "postgres:15", "E-GRANT-CONTAINERS", "allow: { containers: { run: [\"postgres:15\"] } }");
    let mut grant = Grant::default();
    grant.containers.run = vec![ImagePattern("postgres:15".into())];
    let without_files = desk(|_| Response::Running(Handle(5)));
    let outcome = run("guest_hostile", with(grant.clone(), "container", "postgres:15"), &without_files);
    assert_eq!(denial(outcome).0, "E-GRANT-FILES", "a mount is a read");

    grant.files = FileGrant { read: vec![Pattern("src/**".into()), Pattern("src".into())], write: Vec::new() };
    let desk = desk(|_| Response::Running(Handle(5)));
    assert_eq!(said(run("guest_hostile", with(grant, "container", "postgres:15"), &desk)), "Exit::Code(3)");
    let Request::Containers(ContainersRequest::Run(container)) = &desk.requests()[0] else {
        panic!("{:?}", desk.requests())
    };
    let ContainerCommand { entrypoint, workdir, user, network, timeout_ms, mounts, .. } = container;
    assert_eq!(entrypoint.as_deref(), Some("/bin/tool"));
    assert_eq!((workdir.as_deref(), user.as_deref()), (Some("/src"), Some("1000")));
    assert_eq!((*network, *timeout_ms, mounts.len()), (false, Some(1_000), 1));
}

fn release(id: &str) -> Release {
    let (run, state) = ("r0".to_owned(), ReleaseState::Verified);
    Release { id: id.to_owned(), run, created_ms: 1, state, images: Vec::new(), details: Vec::new() }
}

fn machine(request: &Request) -> Response {
    match request {
        Request::Targets(TargetsRequest::Names) => Response::Names(vec!["web1".to_owned()]),
        Request::Targets(TargetsRequest::Open { name }) => {
            Response::Target { handle: Handle(11), name: name.clone(), directory: "/srv/app".to_owned() }
        }
        Request::Targets(TargetsRequest::StageRelease { .. }) => Response::Release(Some(release("r42"))),
        Request::Targets(TargetsRequest::Current { .. }) => Response::Release(Some(release("r41"))),
        Request::Targets(TargetsRequest::Script(_)) => Response::Running(Handle(12)),
        Request::ReadOutput { .. } => Response::Bytes(Vec::new()),
        _ => Response::Done,
    }
}

#[test]
fn targets() {
    denied("target", "web1", "E-GRANT-TARGET", "allow: { targets: [web1] }");
    denied("script", "web1", "E-GRANT-TARGET", "allow: { targets: [web1] }");

    let grant = Grant { targets: vec!["web1".into()], files: FileGrant::write_all(), ..Grant::default() };
    let desk = desk(machine);
    let told = said(run("guest_hostile", with(grant.clone(), "target", "web1"), &desk));
    assert_eq!(told, r#"["web1"] web1 /srv/app r41"#);
    let kinds: Vec<_> = desk.requests().iter().map(kind).collect();
    let expected =
        ["names", "open", "upload", "download", "stage-release", "switch-to", "prune", "verify", "current", "drop"];
    assert_eq!(kinds, expected);

    let outcome = run("guest_hostile", with(grant, "target", "web2"), &self::desk(machine));
    assert_eq!(denial(outcome).1, "allow: { targets: [web2] }", "its neighbour is not granted");
}

#[test]
fn scripts() {
    let grant = Grant { targets: vec!["web1".into()], ..Grant::default() };
    let desk = desk(machine);
    assert_eq!(said(run("guest_hostile", with(grant, "script", "web1"), &desk)), "");
    let Request::Targets(TargetsRequest::Script(script)) = &desk.requests()[1] else { panic!("{:?}", desk.requests()) };
    assert_eq!((script.target, script.text.as_str(), script.cwd.as_str()), (Handle(11), "uptime", "current"));
    assert_eq!(script.args, ["one"]);
    assert_eq!(script.user.as_deref(), Some("www-data"));
    assert_eq!(script.stdin_bytes.as_deref(), Some(b"input".as_slice()));
}

fn kind(request: &Request) -> String {
    let json = serde_json::to_value(request).expect("plain data");
    let name = |value: &serde_json::Value| match value {
        serde_json::Value::Object(map) => map.keys().next().cloned().unwrap_or_default(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    match &json["targets"] {
        serde_json::Value::Null => name(&json),
        inner => name(inner),
    }
}

#[test]
fn products() {
    denied("produce", "dist", "E-GRANT-FILES", "allow: { files: { read: [\"dist\"] } }");
    let grant = Grant { files: FileGrant::read_all(), ..Grant::default() };
    let desk = desk(|_| Response::Digest(Digest::of(b"dist")));
    let digest = said(run("guest_hostile", with(grant, "produce", "dist"), &desk));
    assert_eq!(digest, Digest::of(b"dist").to_string());
}

#[test]
fn everything_at_once_with_no_grant_answers_denied_everywhere_and_reaches_no_desk() {
    assert_nothing_reached("guest_hostile");
}

/// Runs every attack of `component` at once, with no grant.
pub(crate) fn assert_nothing_reached(component: &str) {
    let desk = FakeDesk::new(|request| match request {
        Request::SecretOpen { .. } => Err(refuse(ErrorKind::Denied, "E-GRANT-SECRET")),
        other => panic!("the desk was asked: {other:?}"),
    });
    let codes = "E-GRANT-EXEC E-GRANT-SECRET E-GRANT-CONTAINERS E-GRANT-CONTAINERS E-GRANT-CONTAINERS \
                 E-GRANT-TARGET E-GRANT-TARGET E-GRANT-FILES E-GRANT-NETWORK";
    assert_eq!(said(run(component, attack("everything", ""), &desk)), codes);
    assert_eq!(desk.denials().join(" "), codes);
}

#[test]
fn a_handle_that_was_never_given_names_nothing() {
    let outcome = run("guest_hostile", attack("guess-handle", ""), &FakeDesk::closed());
    assert!(matches!(&outcome, Outcome::Trapped(text) if text.contains("handle")), "{outcome:?}");
}

#[test]
fn interfaces_of_later_versions_say_so() {
    let codes = said(run("guest_hostile", attack("not-yet", ""), &FakeDesk::closed()));
    assert_eq!(codes, ["E-NOT-YET"; 5].join(" "));
}
