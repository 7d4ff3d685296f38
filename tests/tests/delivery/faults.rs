//! Machines and programs that go away in the middle of a deployment: the plug, a restart, the engine, the registry, and the runner itself,
//! asleep for longer than its lease. Wherever it happens, both targets end on one release.

use e2e::{Ended, Killed, Rig, Sealock, Target};

use super::support::{SMALL, assert_nothing_deployed, assert_runs, release, small};

/// When `web1` has been switched to the second release, and it is the turn of `web2`.
const MID_SWITCH: &str = "test \"$(readlink /opt/small/current)\" = releases/r2";

/// A run of the second release during which `fault` happens to `web2` in the middle of the switch.
fn struck(sealock: &Sealock, rig: &Rig, fault: impl Fn(&Target<'_>)) -> Ended {
    let running = sealock.start(&release("small", "release=two"));
    rig.target("web1").wait_for(MID_SWITCH);
    fault(&rig.target("web2"));
    running.end()
}

/// Both targets are on the new release, or both on the old one, as the exit code says.
#[track_caller]
fn assert_one_release(rig: &Rig, ended: &Ended) {
    let live = match ended.code {
        0 => "two",
        10 => "one",
        code => panic!("exit {code}\n{}", ended.text),
    };
    let digest = rig.registry().digest("e2e/small", live);
    for target in rig.targets() {
        assert_runs(&target, &digest, live);
        assert!(target.ledger_end(SMALL).starts_with("verified "), "{}: {}", target.name, target.ledger_end(SMALL));
    }
}

/// `web2` went away and could not be taken back: `web1` was, and is verified, and on `web2` what the disk says holds together. The
/// release that `current` names is there, and only the old one was ever verified.
#[track_caller]
fn assert_left_out(rig: &Rig, ended: &Ended, good: &str) {
    let [web1, web2] = rig.targets();
    assert_eq!(ended.code, 11, "{}", ended.text);
    assert!(ended.text.contains("verify r1 on web1"), "{}", ended.text);
    assert_runs(&web1, good, "one");
    assert_eq!(web1.ledger_tail(SMALL, 2), ["rolled-back r2", "verified r1"], "{}", ended.text);
    web2.wait_for("docker info >/dev/null 2>&1");
    let current = web2.current(SMALL).expect("a release");
    assert!(web2.try_sh(&format!("test -d /opt/small/releases/{current}")).good, "{current} is not there");
    assert_eq!(web2.last_verified(SMALL).as_deref(), Some("r1"), "{:?}", web2.ledger(SMALL));
}

/// The next deployment puts right what is left.
#[track_caller]
fn assert_put_right(rig: &Rig, sealock: &Sealock) {
    sealock.run(&release("small", "release=three")).expect(0);
    let digest = rig.registry().digest("e2e/small", "three");
    for target in rig.targets() {
        assert_runs(&target, &digest, "three");
        assert_eq!(target.ledger_end(SMALL), "verified r3", "{}", target.name);
    }
}

#[test]
fn an_engine_that_is_killed_and_a_machine_that_is_restarted_leave_one_release() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, sealock) = small(&rig);
    sealock.run(&release("small", "release=one")).expect(0);
    let ended = struck(&sealock, &rig, |web2| {
        web2.sh_root("kill -s KILL $(pidof dockerd)");
    });
    println!("engine killed: exit {}", ended.code);
    assert_one_release(&rig, &ended);

    rig.reset();
    let (_repository, sealock) = small(&rig);
    sealock.run(&release("small", "release=one")).expect(0);
    let good = rig.registry().digest("e2e/small", "one");
    let ended = struck(&sealock, &rig, |web2| web2.power("reboot"));
    println!("restarted: exit {}", ended.code);
    if ended.code == 11 {
        assert_left_out(&rig, &ended, &good);
    } else {
        assert_one_release(&rig, &ended);
    }
    assert_put_right(&rig, &sealock);
}

#[test]
fn a_machine_without_power_is_left_out_and_put_right_by_the_next_deployment() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, sealock) = small(&rig);
    sealock.run(&release("small", "release=one")).expect(0);
    let good = rig.registry().digest("e2e/small", "one");
    let ended = struck(&sealock, &rig, |web2| web2.power("power-off"));
    rig.target("web2").power("power-on");
    assert_left_out(&rig, &ended, &good);
    assert_put_right(&rig, &sealock);
}

#[test]
fn a_registry_that_is_lost_after_the_push_changes_nothing() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, sealock) = small(&rig);
    let running = sealock.start(&["small", "--input", "release=one", "--input", "pause=4"]);
    rig.target("web2").wait_for("test -e /opt/small/.sealock/lease");
    let registry = Killed::registry(&rig);
    let ended = running.end();
    drop(registry);
    ended.expect(6).saying("E-TARGET-PULL");
    assert_nothing_deployed(&rig);
    sealock.run(&release("small", "release=one")).expect(0);
}

#[test]
fn a_runner_that_sleeps_longer_than_its_lease_wakes_up_fenced() {
    let rig = Rig::take();
    rig.reset();
    let (repository, sleeper) = small(&rig);
    sleeper.run(&release("small", "release=one")).expect(0);
    let asleep = sleeper.start(&["small", "--input", "release=two", "--input", "pause=5"]);
    for target in rig.targets() {
        target.wait_for("test -e /opt/small/.sealock/lease");
    }
    asleep.signal("STOP");
    // Waits for the lease's end, takes over in the open, and deploys.
    let other = Sealock::new(&rig, repository.path());
    other.run(&release("small", "release=three")).expect(0).saying("took over the stale lock of web1");
    asleep.signal("CONT");
    asleep.end().expect(7);
    let digest = rig.registry().digest("e2e/small", "three");
    for target in rig.targets() {
        assert_runs(&target, &digest, "three");
        let ledger = target.ledger(SMALL);
        let fences: Vec<_> = ledger.iter().filter_map(|record| record["fence"].as_u64()).collect();
        assert!(fences.is_sorted(), "{}: {ledger:?}", target.name);
        assert!(target.ledger_end(SMALL).starts_with("verified"), "{}: {ledger:?}", target.name);
    }
}
