//! A component that was built against 0.1.0 and imports every interface of it: each still answers as it did.
//!
//! It is the guest `hostile` of that day, kept as it was built (docs/design/stability.md).

use sealock_contract::grant::{FileGrant, ImagePattern};
use sealock_contract::seam::{
    ContainersRequest, Exit, Handle, Note, Outcome, Release, ReleaseState, Request, Response, TargetsRequest,
};
use sealock_contract::{Digest, Grant};
use sealock_sandbox::StepCall;

use crate::denials::assert_nothing_reached;
use crate::guests;
use crate::rig::{FakeDesk, attack, run, said};

const KEPT: &str = "0.1.0/everything";

/// Everything that its attacks ask for.
fn all() -> Grant {
    let mut grant = Grant {
        exec: vec!["npm".to_owned(), "login".to_owned()],
        secrets: vec!["TOKEN".to_owned()],
        targets: vec!["web1".to_owned()],
        files: FileGrant::write_all(),
        reveal: true,
        ..Grant::default()
    };
    grant.containers.build = true;
    grant.containers.run = vec![ImagePattern("postgres:15".to_owned())];
    grant.containers.push = vec![ImagePattern("ghcr.io/acme/*".to_owned())];
    grant
}

fn answer(request: &Request) -> Response {
    match request {
        Request::SecretOpen { input } => Response::Secret { handle: Handle(7), name: input.to_uppercase() },
        Request::SecretReveal { .. } => Response::Bytes(b"hunter2-hunter2".to_vec()),
        Request::Start(_) => Response::Running(Handle(4)),
        Request::Wait { .. } => Response::Exit(Some(Exit::Code(3))),
        Request::ReadOutput { .. } => Response::Bytes(Vec::new()),
        Request::Produce { .. } => Response::Digest(Digest::of(b"dist")),
        Request::Containers(ContainersRequest::Build(_)) => Response::Image("sha256:image".to_owned()),
        Request::Containers(ContainersRequest::Push(_)) => Response::Digest(Digest::of(b"manifest")),
        Request::Containers(ContainersRequest::Run(_)) => Response::Running(Handle(5)),
        Request::Targets(own) => target(own),
        _ => Response::Done,
    }
}

fn target(request: &TargetsRequest) -> Response {
    let release = |id: &str| {
        let (run, state) = ("r0".to_owned(), ReleaseState::Verified);
        Response::Release(Some(Release {
            id: id.to_owned(),
            run,
            created_ms: 1,
            state,
            images: Vec::new(),
            details: Vec::new(),
        }))
    };
    match request {
        TargetsRequest::Names => Response::Names(vec!["web1".to_owned()]),
        TargetsRequest::Open { name } => {
            Response::Target { handle: Handle(11), name: name.clone(), directory: "/srv/app".to_owned() }
        }
        TargetsRequest::StageRelease { .. } => release("r42"),
        TargetsRequest::Current { .. } => release("r41"),
        TargetsRequest::Script(_) => Response::Running(Handle(12)),
        _ => Response::Done,
    }
}

#[test]
fn it_imports_every_interface_that_0_1_0_has() {
    let imports = sealock_sandbox::inspect(&guests::bytes(KEPT)).expect("a component").imports;
    let interface = include_str!("../../../../plugins/wit/step.wit");
    let since = interface.split("@since(version = 0.1.0)\ninterface ").skip(1);
    let names: Vec<&str> = since.filter_map(|text| text.split_once(" {")).map(|(name, _)| name).collect();
    assert!(names.len() >= 14, "{names:?}");
    for name in names.into_iter().filter(|name| !matches!(*name, "step" | "effect")) {
        assert!(imports.contains(&format!("sealock:step/{name}@0.1.0")), "{name}: {imports:?}");
    }
}

#[test]
fn each_interface_answers_it_as_it_did() {
    let (manifest, dist) = (Digest::of(b"manifest").to_string(), Digest::of(b"dist").to_string());
    let not_yet = ["E-NOT-YET"; 5].join(" ");
    let answers = [
        ("exec", "npm", "code 3: "),
        ("secret", "token", "TOKEN"),
        ("reveal", "token", "hunter2-hunter2"),
        ("build", "backend", "sha256:image"),
        ("push", "ghcr.io/acme/web:1", &manifest),
        ("container", "postgres:15", "Exit::Code(3)"),
        ("target", "web1", r#"["web1"] web1 /srv/app r41"#),
        ("script", "web1", ""),
        ("produce", "dist", &dist),
        ("not-yet", "", &not_yet),
        ("facts", "", r#"r1 test (3.11) 2 3 [Some("key"), None, None] true"#),
    ];
    for (name, at, expected) in answers {
        let desk = FakeDesk::new(|request| Ok(answer(request)));
        let mut call = StepCall { grant: all(), ..attack(name, at) };
        call.facts.run = "r1".to_owned();
        call.facts.stage = "test (3.11)".to_owned();
        call.facts.step = "2".to_owned();
        call.facts.attempt = 3;
        call.facts.idempotency_key = Some("key".to_owned());
        assert_eq!(said(run(KEPT, call, &desk)), expected, "{name}");
        assert_eq!(desk.denials(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn its_log_and_annotations_arrive() {
    let desk = FakeDesk::closed();
    assert_eq!(run(KEPT, attack("annotations", ""), &desk), Outcome::Success);
    assert!(desk.notes().iter().any(|note| matches!(note, Note::Annotation(_))));
}

#[test]
fn nothing_granted_is_nothing_reached() {
    assert_nothing_reached(KEPT);
}
