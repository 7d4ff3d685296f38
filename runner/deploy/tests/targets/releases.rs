//! Releases, `current`, *previous*, the ledger, and files on targets.

use std::os::unix::fs::PermissionsExt;

use sealock_broker::ssh::SshLimits;
use sealock_contract::Digest;
use sealock_contract::seam::{ReleaseState, Response, TargetsRequest};
use sealock_deploy::{Drift, Outcome, Verifier, status};

use crate::desk::{Counter, TOKEN, script};
use crate::sshd::{SHELLS, Sshd};

fn verifier() -> Verifier {
    Verifier {
        step: "smoke".to_owned(),
        uses: "smoke-test".to_owned(),
        component: Digest::of(b"component"),
        inputs: serde_json::json!({ "url": "http://127.0.0.1/it's ${{ not }} \\ code" }),
    }
}

async fn deploy(sshd: &Sshd, run: &str, targets: &[&str], text: &str) -> Counter {
    let counter = Counter::open(sshd.begin(run, targets).await, targets);
    for name in targets {
        let target = counter.target(name).await;
        let release = counter.stage(target, "app.txt", text).await.expect("staged").id;
        let written = [format!("{name} → {release}"), format!("{name} on {release}")];
        counter.targets(TargetsRequest::SwitchTo { target, release }).await.expect("switched");
        assert!(counter.written.0.lock().unwrap().ends_with(&written), "before and after the switch");
    }
    counter
}

fn end(counter: &Counter) -> std::sync::Arc<sealock_deploy::Deployment> {
    counter.deployment.clone()
}

fn live(sshd: &Sshd, target: &str) -> String {
    std::fs::read_to_string(sshd.directory(target).join("current/app.txt")).unwrap_or_default()
}

#[tokio::test]
async fn a_release_goes_live_is_verified_and_one_goes_back_to_it() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        let first = deploy(&sshd, "run1", &["web1"], "one").await;
        assert_eq!(live(&sshd, "web1"), "one", "{shell}");
        assert_eq!(first.deployment.current("web1").map(|release| release.state), Some(ReleaseState::Switching));
        assert_eq!(first.deployment.previous("web1"), None, "{shell}: nothing has been verified yet");
        end(&first).verified(&[verifier()]).await.expect("recorded");

        let second = deploy(&sshd, "run2", &["web1"], "two").await;
        assert_eq!(second.deployment.release(), "r2");
        assert_eq!(live(&sshd, "web1"), "two", "{shell}");
        let previous = second.deployment.previous("web1").expect("r1 is verified");
        assert_eq!(previous.id, "r1");
        assert_eq!(second.deployment.verifiers("web1", "r1"), [verifier()]);
        let target = second.target("web1").await;
        second.targets(TargetsRequest::SwitchTo { target, release: previous.id }).await.expect("back");
        assert_eq!(live(&sshd, "web1"), "one", "{shell}");
        let deployment = end(&second);
        deployment.record("web1", "r1", Outcome::Verified, &[verifier()], &[]).await.expect("recorded");
        deployment.finish().await;

        let third = sshd.begin("run3", &["web1"]).await;
        assert_eq!(third.release(), "r3", "{shell}: a number is never given twice");
        assert_eq!(third.previous("web1").map(|release| release.id).as_deref(), Some("r1"));
        let state = third.state("web1").expect("held");
        let told: Vec<_> =
            state.ledger.records().iter().map(|record| (record.release.as_str(), record.outcome)).collect();
        let first = [("r1", Outcome::Staged), ("r1", Outcome::Switching), ("r1", Outcome::Verified)];
        let then = [
            ("r2", Outcome::Staged),
            ("r2", Outcome::Switching),
            ("r2", Outcome::RolledBack),
            ("r1", Outcome::Verified),
        ];
        assert_eq!(told, [&first[..], &then[..]].concat(), "{shell}");
        assert!(state.ledger.records().iter().all(|record| record.fence > 0));
    }
}

#[tokio::test]
async fn a_first_release_that_fails_leaves_none_current() {
    let sshd = Sshd::start("dash");
    let counter = deploy(&sshd, "run1", &["web1"], "one").await;
    let target = counter.target("web1").await;
    counter.targets(TargetsRequest::SwitchTo { target, release: String::new() }).await.expect("none");
    assert!(!sshd.directory("web1").join("current").exists());
    assert_eq!(counter.deployment.current("web1"), None);
    let state = counter.deployment.state("web1").expect("held");
    assert_eq!(state.ledger.expected_current(), None);
}

#[tokio::test]
async fn releases_never_change() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        let counter = Counter::open(sshd.begin("run1", &["web1"]).await, &["web1"]);
        let target = counter.target("web1").await;
        counter.stage(target, "app.txt", "one").await.expect("staged");
        counter.stage(target, "app.txt", "one").await.expect("the same again");
        let other = counter.stage(target, "app.txt", "two").await.expect_err("other content");
        assert_eq!(other.code, "E-RELEASE-EXISTS", "{shell}: {other}");
        let file = sshd.directory("web1").join("releases/r1/app.txt");
        assert_eq!(std::fs::read_to_string(&file).expect("staged"), "one");
        assert_eq!(file.metadata().expect("there").permissions().mode() & 0o777, 0o444, "{shell}");
        let missing = TargetsRequest::SwitchTo { target, release: "r7".to_owned() };
        assert_eq!(counter.targets(missing).await.expect_err("not there").code, "E-RELEASE-MISSING");
        for (request, code) in [
            ("releases/r1/app.txt", "E-TARGET-PATH"),
            ("current/app.txt", "E-TARGET-PATH"),
            (".sealock/ledger", "E-TARGET-PATH"),
            ("../x", "E-TARGET-PATH"),
        ] {
            let (local, remote) = ("release/app.txt".to_owned(), request.to_owned());
            let upload = TargetsRequest::Upload { target, local, remote, mode: 0o644 };
            assert_eq!(counter.targets(upload).await.expect_err(request).code, code, "{shell} {request}");
        }
    }
}

#[tokio::test]
async fn files_go_there_and_back_and_secrets_are_for_their_owner() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        let counter = Counter::open(sshd.begin("run1", &["web1"]).await, &["web1"]);
        let target = counter.target("web1").await;
        let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        std::fs::write(counter.workspace.path().join("in.bin"), &bytes).expect("written");
        let (local, remote) = ("in.bin".to_owned(), "shared/deep/in.bin".to_owned());
        let upload = TargetsRequest::Upload { target, local, remote: remote.clone(), mode: 0o640 };
        counter.targets(upload).await.expect("uploaded");
        let local = "out.bin".to_owned();
        counter.targets(TargetsRequest::Download { target, remote, local }).await.expect("downloaded");
        assert!(std::fs::read(counter.workspace.path().join("out.bin")).expect("there") == bytes, "{shell}");
        let missing = TargetsRequest::Download { target, remote: "no".to_owned(), local: "x".to_owned() };
        assert_eq!(counter.targets(missing).await.expect_err("not there").code, "E-TARGET-FILE");

        let value = counter.secret().await;
        let remote = "shared/app.env".to_owned();
        counter.targets(TargetsRequest::WriteSecret { target, remote, mode: 0o400, value }).await.expect("written");
        let file = sshd.directory("web1").join("shared/app.env");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), TOKEN);
        assert_eq!(file.metadata().expect("there").permissions().mode() & 0o777, 0o400, "{shell}");
        assert!(!sshd.log().contains(TOKEN));
    }
}

#[tokio::test]
async fn a_release_is_on_the_disk_before_the_ledger_knows_it() {
    // Busybox has a `dd` of its own, which nobody can listen to.
    for shell in ["dash", "bash"] {
        let sshd = Sshd::start(shell);
        sshd.listen_to(&["dd", "sync"]);
        let counter = Counter::open(sshd.begin("run1", &["web1"]).await, &["web1"]);
        let target = counter.target("web1").await;
        counter.stage(target, "app.txt", "one").await.expect("staged");
        let uses = sshd.uses();
        let synced = uses.find("sync -f targets/web1/.sealock/tmp/release.r1").expect("its files are synced");
        let recorded = uses.find("dd of=targets/web1/.sealock/ledger").expect("the ledger is written");
        assert!(synced < recorded, "{shell}: {uses}");
    }
}

#[tokio::test]
async fn a_full_disk_is_told_before_anything_is_switched() {
    let sshd = Sshd::start("dash");
    end(&deploy(&sshd, "run1", &["web1"], "one").await).verified(&[]).await.expect("recorded");
    let counter = Counter::open(sshd.begin("run2", &["web1"]).await, &["web1"]);
    let target = counter.target("web1").await;
    let release = counter.stage(target, "app.txt", "two").await.expect("staged").id;
    let ledger = sshd.read("web1", "ledger");
    sshd.program("dd", "#!/bin/sh\necho 'dd: error writing: No space left on device' >&2\nexit 1\n");
    let full = counter.targets(TargetsRequest::SwitchTo { target, release }).await.expect_err("full");
    assert_eq!(full.code, "E-TARGET-DISK", "{full}");
    assert_eq!(live(&sshd, "web1"), "one");
    assert_eq!(sshd.read("web1", "ledger"), ledger);
}

#[tokio::test]
async fn a_disk_that_is_full_while_a_release_is_sent_leaves_what_is_live() {
    let sshd = Sshd::start("dash");
    end(&deploy(&sshd, "run1", &["web1"], "one").await).verified(&[]).await.expect("recorded");
    let ledger = sshd.read("web1", "ledger");
    let counter = Counter::open(sshd.begin("run2", &["web1"]).await, &["web1"]);
    let target = counter.target("web1").await;
    sshd.program("tar", "#!/bin/sh\necho 'tar: app.txt: Cannot write: No space left on device' >&2\nexit 2\n");
    let full = counter.stage(target, "app.txt", "two").await.expect_err("full");
    assert_eq!(full.code, "E-TARGET-DISK", "{full}");
    assert_eq!((live(&sshd, "web1").as_str(), sshd.read("web1", "ledger")), ("one", ledger));
    assert_eq!(folders(&sshd), ["r1"], "nothing of the new one is left");
    let left = std::fs::read_dir(sshd.state_file("web1", "tmp")).expect("a folder").count();
    assert_eq!(left, 0, "the space is given back");
}

#[tokio::test]
async fn pruning_keeps_what_runs_and_what_one_goes_back_to() {
    let sshd = Sshd::start("busybox");
    for (run, text) in [("run1", "one"), ("run2", "two"), ("run3", "three")] {
        end(&deploy(&sshd, run, &["web1"], text).await).verified(&[]).await.expect("recorded");
    }
    let counter = deploy(&sshd, "run4", &["web1"], "four").await;
    let target = counter.target("web1").await;
    counter.targets(TargetsRequest::Prune { target, keep: 1 }).await.expect("noted");
    assert_eq!(folders(&sshd), ["r1", "r2", "r3", "r4"], "it is not verified yet");
    end(&counter).verified(&[]).await.expect("recorded");
    assert_eq!(folders(&sshd), ["r3", "r4"]);
    assert_eq!(sshd.read("web1", "lease"), "", "nobody holds it any more");

    let failed = deploy(&sshd, "run5", &["web1"], "five").await;
    let target = failed.target("web1").await;
    failed.targets(TargetsRequest::Prune { target, keep: 1 }).await.expect("noted");
    end(&failed).finish().await;
    assert_eq!(folders(&sshd), ["r3", "r4", "r5"], "what was not verified removes nothing");
}

fn folders(sshd: &Sshd) -> Vec<String> {
    let folder = std::fs::read_dir(sshd.directory("web1").join("releases")).expect("there");
    let mut names: Vec<_> =
        folder.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn status_tells_what_is_live_and_what_somebody_moved() {
    let sshd = Sshd::start("dash");
    end(&deploy(&sshd, "run1", &["web1", "web2"], "one").await).verified(&[]).await.expect("recorded");
    end(&deploy(&sshd, "run2", &["web1"], "two").await).verified(&[]).await.expect("recorded");
    let targets = [sshd.target("web1"), sshd.target("web2")];
    let told = status(&targets, SshLimits::default()).await;
    let [web1, web2] = &told[..] else { panic!("{told:?}") };
    let (web1, web2) = (web1.told.as_ref().expect("told"), web2.told.as_ref().expect("told"));
    assert_eq!(web1.live.as_ref().map(|release| release.id.as_str()), Some("r2"));
    assert!(web1.verified_ms.is_some() && web1.holder.is_none() && web1.drift.is_empty(), "{web1:?}");
    let behind = Drift::Behind { other: "web1".to_owned(), release: "r2".to_owned(), is_usable: false };
    assert_eq!(web2.drift, [behind]);

    let current = sshd.directory("web1").join("current");
    std::fs::remove_file(&current).expect("there");
    std::os::unix::fs::symlink("releases/r1", &current).expect("moved by hand");
    let told = status(&targets[..1], SshLimits::default()).await;
    let drift = &told[0].told.as_ref().expect("told").drift;
    let [Drift::Moved { expected, found, at: Some(_), back }] = &drift[..] else { panic!("{drift:?}") };
    assert_eq!([expected, found, back].map(Option::as_deref), [Some("r2"), Some("r1"), Some("r2")]);
}

#[tokio::test]
async fn a_whole_deployment_takes_at_most_fifteen_round_trips() {
    let sshd = Sshd::start("dash");
    end(&deploy(&sshd, "run1", &["web1"], "one").await).verified(&[]).await.expect("recorded");
    let counter = deploy(&sshd, "run2", &["web1"], "two").await;
    let target = counter.target("web1").await;
    let value = counter.secret().await;
    let remote = "shared/app.env".to_owned();
    counter.targets(TargetsRequest::WriteSecret { target, remote, mode: 0o400, value }).await.expect("written");
    let previous = counter.targets(TargetsRequest::Previous { target }).await.expect("told");
    assert!(matches!(previous, Response::Release(Some(release)) if release.id == "r1"));
    let (exit, ..) = counter.run(script(target, "true")).await;
    assert!(exit.is_ok());
    counter.targets(TargetsRequest::Verify { names: vec!["web1".to_owned()] }).await.expect("verified");
    assert_eq!(*counter.verified.0.lock().unwrap(), [["web1"]]);
    counter.deployment.verified(&[verifier()]).await.expect("recorded");
    let all = counter.deployment.round_trips()[0].1;
    assert!(all <= 15, "{all} round trips");
    println!("{all} round trips");
}
