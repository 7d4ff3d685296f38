//! Deliveries to real machines, judged from outside: by the registry's API, each target's own ssh, HTTP, and exit codes.

use e2e::{Repository, Rig, Sealock, Target};

const SMALL: &str = "/opt/small";

/// The small delivery: its repository, and a Sealock for it.
fn small(rig: &Rig) -> (Repository, Sealock) {
    let repository = Repository::of("scenarios/small");
    let sealock = Sealock::new(rig, repository.path());
    (repository, sealock)
}

fn release<'a>(pipeline: &'a str, assignment: &'a str) -> [&'a str; 3] {
    [pipeline, "--input", assignment]
}

/// Asserts that a target runs this digest of the small delivery, and that HTTP says which release it is.
#[track_caller]
fn assert_runs(target: &Target<'_>, digest: &str, release: &str) {
    assert_eq!(target.running("app").into_iter().collect::<Vec<_>>(), [digest], "{}", target.name);
    let (status, body) = target.get("/health");
    assert_eq!(status, 200, "{}: {body}", target.name);
    assert!(body.contains(&format!("\"release\":\"{release}\"")), "{}: {body}", target.name);
}

#[track_caller]
fn assert_nothing_deployed(rig: &Rig) {
    for target in rig.targets() {
        assert_eq!(target.containers(), 0, "{} has containers", target.name);
        assert_eq!(target.current(SMALL), None, "{} has a release", target.name);
    }
}

/// Breaks the small delivery in the way of this word, as a commit.
fn break_release(repository: &Repository, word: &str) {
    repository.write("app/fault.txt", word);
    repository.commit("A bad release");
}

#[test]
fn a_release_that_never_gets_healthy_is_rolled_back() {
    let rig = Rig::take();
    rig.reset();
    let (repository, sealock) = small(&rig);
    sealock.run(&release("small", "release=one")).expect(0);
    let good = rig.registry().digest("e2e/small", "one");
    break_release(&repository, "never-healthy");
    sealock.run(&release("small", "release=two")).expect(10);
    assert_ne!(rig.registry().digest("e2e/small", "two"), good);
    for target in rig.targets() {
        assert_runs(&target, &good, "one");
    }
}

#[test]
fn a_first_deployment_that_fails_leaves_nothing() {
    let rig = Rig::take();
    rig.reset();
    let (repository, sealock) = small(&rig);
    break_release(&repository, "proxy-500");
    sealock.run(&release("small", "release=one")).expect(10);
    for target in rig.targets() {
        assert_eq!(target.sh("docker ps --quiet"), "", "{} still runs something", target.name);
        assert_eq!(target.current(SMALL), None, "{} has a release", target.name);
        assert_eq!(target.get("/health").0, 502, "{}", target.name);
        let ledger = target.ledger(SMALL);
        assert!(ledger.iter().all(|record| record["outcome"] != "verified"), "{ledger:?}");
        assert!(target.ledger_end(SMALL).starts_with("rolled-back "), "{ledger:?}");
    }
}

#[test]
fn a_missing_secret_is_told_before_anything_starts() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, mut sealock) = small(&rig);
    sealock.unset_secret("APP_TOKEN");
    sealock.run(&release("small", "release=one")).expect(2).saying("E-SECRET-MISSING").saying("APP_TOKEN");
    assert_nothing_deployed(&rig);
}

#[test]
fn uncommitted_changes_are_deployed_only_when_asked_for() {
    let rig = Rig::take();
    rig.reset();
    let (repository, sealock) = small(&rig);
    repository.write("notes.txt", "not committed");
    sealock.run(&release("small", "release=one")).expect(3).saying("E-DEPLOY-DIRTY");
    assert_nothing_deployed(&rig);
    sealock.run(&["small", "--input", "release=one", "--allow-dirty"]).expect(0);
    for target in rig.targets() {
        let last = target.ledger(SMALL).pop().expect("a ledger");
        assert_eq!(last["dirty"], true, "{last}");
    }
}

#[test]
fn an_unreachable_registry_is_told_and_nothing_is_deployed() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, mut sealock) = small(&rig);
    sealock.set_variable("REGISTRY", "127.0.0.1:9");
    sealock.run(&release("small", "release=one")).expect(6).saying("E-REGISTRY-UNREACHABLE");
    assert_nothing_deployed(&rig);
}

#[test]
fn a_wrong_registry_password_is_told_and_nothing_is_deployed() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, mut sealock) = small(&rig);
    sealock.set_secret("REGISTRY_PASSWORD", "canary-wrong-password-77");
    sealock.run(&release("small", "release=one")).expect(6).saying("E-REGISTRY-AUTH");
    assert_nothing_deployed(&rig);
}

#[test]
fn a_changed_host_key_is_refused_before_any_credential_is_sent() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, mut sealock) = small(&rig);
    let web1 = rig.target("web1");
    sealock.set_variable("WEB1_HOST_KEY", &rig.setting("WEB2_HOST_KEY"));
    sealock.run(&release("small", "release=one")).expect(6).saying("E-SSH-HOSTKEY-CHANGED");
    let log = web1.sh_root("journalctl --unit ssh --output cat --no-pager");
    let ours: Vec<_> = log.lines().filter(|line| line.contains("deploy")).collect();
    assert!(ours.is_empty(), "sshd was shown a login: {ours:?}");
    assert_nothing_deployed(&rig);
}
