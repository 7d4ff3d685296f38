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

const BLOG: &str = "/opt/blog-creator";

/// What one target says about the blog creator, from inside and from outside.
#[track_caller]
fn assert_blog_runs(target: &Target<'_>, backend: &str, frontend: &str, release: &str) {
    for (service, digest) in [("backend", backend), ("frontend", frontend)] {
        let running = target.running(service);
        assert_eq!(running.into_iter().collect::<Vec<_>>(), [digest], "{} on {}", service, target.name);
    }
    let (status, body) = target.get("/health");
    assert_eq!(status, 200, "{}: {body}", target.name);
    let health: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(health["release"], release, "{}: {body}", target.name);
    let (status, page) = target.get("/");
    assert_eq!(status, 200, "{}: {page}", target.name);
    assert!(page.contains(release), "{}: {page}", target.name);
}

/// The blog creator's pipeline with its application, as one repository.
fn blog_creator() -> Repository {
    let repository = Repository::of("apps/blog-creator");
    let pipeline = e2e::rig::tests_folder().join("../pipelines/blog-creator.yml");
    repository.write("pipelines/blog-creator.yml", &std::fs::read_to_string(pipeline).expect("the pipeline"));
    repository.commit("Deliver it");
    repository
}

#[test]
fn the_blog_creator_is_delivered_and_a_bad_release_is_rolled_back() {
    let rig = Rig::take();
    rig.reset();
    for target in rig.targets() {
        assert_eq!(target.images(), 0, "{} holds images", target.name);
    }
    let repository = blog_creator();
    let sealock = Sealock::new(&rig, repository.path());
    let run = |release: &str| {
        sealock.run(&["blog-creator", "--unconfined-network", "--input", &format!("release={release}")])
    };

    run("good-1").expect(0);
    let registry = rig.registry();
    let backend = registry.digest("acme/blog-backend", "good-1");
    let frontend = registry.digest("acme/blog-frontend", "good-1");
    let mut verified = Vec::new();
    for target in rig.targets() {
        assert_blog_runs(&target, &backend, &frontend, "good-1");
        let end = target.ledger_end(BLOG);
        assert!(end.starts_with("verified "), "{}: {end}", target.name);
        verified.push(target.last_verified(BLOG));
    }

    repository.write("backend/app/fault.txt", "proxy-500\n");
    repository.commit("A bad release");
    run("bad-2").expect(10);
    let bad = registry.digest("acme/blog-backend", "bad-2");
    assert_ne!(bad, backend);
    for (target, last) in rig.targets().iter().zip(&verified) {
        assert_blog_runs(target, &backend, &frontend, "good-1");
        assert!(target.ledger_end(BLOG).starts_with("rolled-back "), "{}", target.ledger_end(BLOG));
        assert_eq!(target.last_verified(BLOG), *last, "{}", target.name);
    }
}

#[test]
fn a_moved_tag_is_not_what_a_rollback_brings_back() {
    let rig = Rig::take();
    rig.reset();
    let (repository, sealock) = small(&rig);
    sealock.run(&release("small", "release=one")).expect(0);
    let registry = rig.registry();
    let good = registry.digest("e2e/small", "one");
    break_release(&repository, "proxy-500");
    sealock.run(&release("small", "release=two")).expect(10);
    let bad = registry.digest("e2e/small", "two");
    registry.move_tag("e2e/small", "one", &bad);
    assert_eq!(registry.digest("e2e/small", "one"), bad, "the tag was not moved");
    for target in rig.targets() {
        // Nothing is left to roll back to but what the registry gives.
        target.sh("docker image prune --all --force >/dev/null");
    }
    sealock.run(&release("small", "release=three")).expect(10);
    for target in rig.targets() {
        assert_runs(&target, &good, "one");
        assert_eq!(target.ledger_end(SMALL), "rolled-back r3", "{}", target.name);
        assert_eq!(target.last_verified(SMALL).as_deref(), Some("r1"), "{}", target.name);
    }
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
    let logins = "journalctl --unit ssh --output cat --no-pager | grep --count deploy || true";
    assert_eq!(web1.sh_root(logins).trim(), "0", "sshd was shown a login");
    assert_nothing_deployed(&rig);
    assert_ne!(web1.sh_root(logins).trim(), "0", "sshd logs no logins");
}

#[test]
fn a_runner_that_was_overtaken_changes_nothing() {
    let rig = Rig::take();
    rig.reset();
    let (repository, slow) = small(&rig);
    slow.run(&release("small", "release=one")).expect(0);
    let overtaken = slow.start(&["small", "--input", "release=two", "--input", "pause=14"]);
    for target in rig.targets() {
        target.wait_for("test -e /opt/small/.sealock/lease");
    }
    let other = Sealock::new(&rig, repository.path());
    for target in rig.targets() {
        // As if its runner had been asleep for a minute.
        target.sh("sed -i 's/^until=.*/until=1/' /opt/small/.sealock/lease");
    }
    other.run(&release("small", "release=three")).expect(0);
    overtaken.end().expect(7);
    let digest = rig.registry().digest("e2e/small", "three");
    for target in rig.targets() {
        assert_runs(&target, &digest, "three");
        let ledger = target.ledger(SMALL);
        let outcomes: Vec<_> = ledger.iter().filter_map(|record| record["outcome"].as_str()).collect();
        assert_eq!(outcomes.last(), Some(&"verified"), "{ledger:?}");
        let fences: Vec<_> = ledger.iter().filter_map(|record| record["fence"].as_u64()).collect();
        assert!(fences.is_sorted(), "{ledger:?}");
    }
}
