//! A target that another run holds, or held.

use e2e::{Rig, Sealock};

use super::support::{SMALL, assert_runs, end_leases, release, small};

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
    end_leases(&rig);
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

#[test]
fn a_second_run_waits_for_the_first_says_for_whom_and_not_for_ever() {
    let rig = Rig::take();
    rig.reset();
    let (repository, first) = small(&rig);
    let holding = first.start(&["small", "--input", "release=one", "--input", "pause=20"]);
    for target in rig.targets() {
        target.wait_for("test -e /opt/small/.sealock/lease");
    }
    let lease = rig.target("web1").sh("cat /opt/small/.sealock/lease");
    let holder = lease.lines().find_map(|line| line.strip_prefix("run=")).expect("a holder").to_owned();
    let second = Sealock::new(&rig, repository.path());
    let third = Sealock::new(&rig, repository.path());
    let waiting = second.start(&release("small", "release=two"));
    let given_up = third.run(&["small", "--input", "release=three", "--input", "patience=4s"]);
    given_up.expect(7).saying("E-TARGET-LOCKED").saying(&holder);
    holding.end().expect(0);
    waiting.end().expect(0).saying(&holder);
    let digest = rig.registry().digest("e2e/small", "two");
    for target in rig.targets() {
        assert_runs(&target, &digest, "two");
        let verified: Vec<_> =
            target.ledger_tail(SMALL, 20).into_iter().filter(|end| end.starts_with("verified")).collect();
        assert_eq!(verified, ["verified r1", "verified r2"], "{}", target.name);
    }
}
