//! A network cable that is pulled in the middle of a deployment.

use std::time::{Duration, Instant};

use e2e::{Rig, Target};

use super::support::{SMALL, assert_runs, end_leases, release, small};

/// From the pulled cable to the end of the run: noticing it, trying to come back, taking the other target back.
const END_SECONDS: u64 = 60;

/// Pulls the cable of `web2` when `moment` has come, and judges what is left on both.
fn pull(rig: &Rig, moment: impl Fn(&Target<'_>, &Target<'_>)) {
    rig.reset();
    let (_repository, sealock) = small(rig);
    sealock.run(&release("small", "release=one")).expect(0);
    let good = rig.registry().digest("e2e/small", "one");
    let [web1, web2] = rig.targets();
    let running = sealock.start(&release("small", "release=two"));
    moment(&web1, &web2);
    web2.power("cut");
    let pulled = Instant::now();
    let ended = running.end();
    let took = pulled.elapsed();
    web2.power("mend");
    let ended = ended.expect(11).saying("web2: the connection to target `web2` was lost").saying("verify r1 on web1");
    assert!(took < Duration::from_secs(END_SECONDS), "it took {took:?}: {}", ended.text);
    // The first target is back, verified, and free.
    assert_runs(&web1, &good, "one");
    assert_eq!(web1.current(SMALL).as_deref(), Some("r1"));
    assert_eq!(web1.ledger_tail(SMALL, 2), ["rolled-back r2", "verified r1"]);
    assert_eq!(web1.sh("cat /opt/small/.sealock/lease 2>/dev/null || true"), "", "web1 is still held");
    // The other one is as its own ledger says: the new release was never verified there.
    let current = web2.current(SMALL).expect("it lost its release");
    let end = web2.ledger_end(SMALL);
    match current.as_str() {
        "r1" => {
            assert_ne!(end, "switching r2");
            assert_runs(&web2, &good, "one");
        }
        _ => assert_eq!(end, "switching r2"),
    }
    assert_eq!(web2.last_verified(SMALL).as_deref(), Some("r1"));
    // Once its lease has ended, the next deployment puts both right.
    end_leases(rig);
    sealock.run(&release("small", "release=three")).expect(0);
    let three = rig.registry().digest("e2e/small", "three");
    for target in rig.targets() {
        assert_runs(&target, &three, "three");
        assert_eq!(target.ledger_end(SMALL), "verified r3", "{}", target.name);
    }
}

#[test]
fn pulled_before_its_target_is_switched_the_others_go_back() {
    let rig = Rig::take();
    pull(&rig, |web1, _| web1.wait_for("test \"$(readlink /opt/small/current)\" = releases/r2"));
}

#[test]
fn pulled_after_its_target_was_switched_the_others_go_back() {
    let rig = Rig::take();
    pull(&rig, |_, web2| web2.wait_for("test \"$(readlink /opt/small/current)\" = releases/r2"));
}

#[test]
fn pulled_after_the_smoke_test_what_is_live_stays_and_resume_writes_that_it_is_verified() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, sealock) = small(&rig);
    sealock.run(&release("small", "release=one")).expect(0);
    let [web1, web2] = rig.targets();
    let running = sealock.start(&["small", "--input", "release=two", "--input", "linger=8"]);
    running.wait_for("▸ linger");
    web2.power("cut");
    let ended = running.end();
    web2.power("mend");
    let ended = ended.expect(12).saying("E-NEEDS-RECOVERY").saying("r2 is live and verified").saying("sealock resume");
    assert!(!ended.text.contains("nothing was changed"), "{}", ended.text);
    let two = rig.registry().digest("e2e/small", "two");
    for target in [&web1, &web2] {
        assert_runs(target, &two, "two");
        assert_eq!(target.current(SMALL).as_deref(), Some("r2"), "{}", target.name);
    }
    assert_eq!([web1.ledger_end(SMALL), web2.ledger_end(SMALL)], ["verified r2", "switching r2"]);
    sealock.resume(&[]).expect(0);
    for target in [&web1, &web2] {
        assert_runs(target, &two, "two");
        assert_eq!(target.ledger_end(SMALL), "verified r2", "{}", target.name);
    }
}

#[test]
fn plugged_in_again_at_once_nothing_is_lost() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, sealock) = small(&rig);
    sealock.run(&release("small", "release=one")).expect(0);
    let [web1, web2] = rig.targets();
    let running = sealock.start(&release("small", "release=two"));
    web1.wait_for("test \"$(readlink /opt/small/current)\" = releases/r2");
    web2.power("cut");
    std::thread::sleep(Duration::from_secs(8));
    web2.power("mend");
    running.end().expect(0);
    let two = rig.registry().digest("e2e/small", "two");
    for target in [&web1, &web2] {
        assert_runs(target, &two, "two");
        assert_eq!(target.ledger_tail(SMALL, 3), ["staged r2", "switching r2", "verified r2"], "{}", target.name);
    }
}
