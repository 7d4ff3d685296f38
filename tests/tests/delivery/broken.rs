//! Releases that are bad: what is live afterwards.

use e2e::Rig;

use super::support::{SMALL, assert_runs, break_release, release, small};

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
        assert_eq!(target.ledger_tail(SMALL, 2), ["rolled-back r3", "verified r1"], "{}", target.name);
        assert_eq!(target.last_verified(SMALL).as_deref(), Some("r1"), "{}", target.name);
    }
}

#[test]
fn a_deployment_that_is_cancelled_after_a_switch_goes_back_on_every_target() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, sealock) = small(&rig);
    sealock.run(&release("small", "release=one")).expect(0);
    let good = rig.registry().digest("e2e/small", "one");
    let running = sealock.start(&release("small", "release=two"));
    rig.target("web1").wait_for("test \"$(readlink /opt/small/current)\" = releases/r2");
    running.interrupt();
    let ended = running.end().expect(10).saying("r2 was cancelled; rolled back to r1");
    for target in rig.targets() {
        assert_runs(&target, &good, "one");
        assert_eq!(target.current(SMALL).as_deref(), Some("r1"), "{}: {}", target.name, ended.text);
        assert_eq!(target.ledger_end(SMALL), "verified r1", "{}", target.name);
        assert_eq!(target.sh("cat /opt/small/.sealock/lease 2>/dev/null || true"), "", "{} is held", target.name);
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
