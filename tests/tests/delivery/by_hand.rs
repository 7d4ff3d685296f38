//! `rollback`, `status`, and `unlock`, by hand.

use e2e::{Ended, Repository, Rig, Sealock, Target};
use serde_json::Value;

use super::support::{SMALL, assert_runs, break_release, end_leases, release, small};

/// `web1` runs `r1` now: the switch of `web2` is the next.
const SWITCHED: &str = "test \"$(readlink /opt/small/current)\" = releases/r1";

const LEASE: &str = "cat /opt/small/.sealock/lease 2>/dev/null || true";

fn rollback(sealock: &Sealock, words: &[&str]) -> Ended {
    sealock.command(&[&["rollback", "production", "--format", "plain"], words].concat())
}

/// What `status --format json` says of each target.
#[track_caller]
fn status(sealock: &Sealock) -> Vec<Value> {
    let told = sealock.command(&["status", "production", "--format", "json"]).expect(0);
    let object: Value = serde_json::from_str(told.text.trim()).unwrap_or_else(|_| panic!("not JSON: {}", told.text));
    assert_eq!(object["environment"], "production");
    object["targets"].as_array().expect("targets").clone()
}

#[test]
fn one_goes_back_and_forth_by_hand_and_only_to_what_was_verified() {
    let rig = Rig::take();
    rig.reset();
    let (repository, sealock) = small(&rig);
    assert!(status(&sealock).iter().all(|target| target["release"].is_null()));
    rollback(&sealock, &[]).expect(2).saying("E-RELEASE-MISSING");
    for name in ["one", "two"] {
        sealock.run(&release("small", &format!("release={name}"))).expect(0);
    }
    let [one, two] = ["one", "two"].map(|tag| rig.registry().digest("e2e/small", tag));
    for target in status(&sealock) {
        assert_eq!((&target["release"], &target["images"][0][1]), (&"r2".into(), &two.as_str().into()), "{target}");
        assert!(target["verified_ms"].is_u64() && target["held_by"].is_null(), "{target}");
        assert_eq!(target["drift"].as_array().map(Vec::len), Some(0), "{target}");
    }
    let text = sealock.command(&["status", "production"]).expect(0).text;
    assert!(text.contains("no deployment is running") && text.matches("r2").count() == 2, "{text}");

    rollback(&sealock, &[]).expect(0);
    for target in rig.targets() {
        assert_runs(&target, &one, "one");
        assert_eq!(target.ledger_tail(SMALL, 2), ["rolled-back r2", "verified r1"], "{}", target.name);
        assert_eq!(target.sh(LEASE), "", "{} is still held", target.name);
    }
    assert!(status(&sealock).iter().all(|target| target["release"] == "r1" && target["verified_ms"].is_u64()));
    let before = rig.targets().map(|target| target.ledger(SMALL));
    rollback(&sealock, &[]).expect(2).saying("E-RELEASE-MISSING").saying("r2");
    rollback(&sealock, &["--to", "r9"]).expect(2).saying("E-RELEASE-MISSING").saying("r9");
    assert_eq!(rig.targets().map(|target| target.ledger(SMALL)), before, "a refused rollback wrote");

    rollback(&sealock, &["--to", "r2"]).expect(0);
    for target in rig.targets() {
        assert_runs(&target, &two, "two");
        assert_eq!(target.ledger_end(SMALL), "verified r2", "{}", target.name);
    }

    break_release(&repository, "proxy-500");
    sealock.run(&release("small", "release=three")).expect(10);
    let before = rig.targets().map(|target| target.ledger(SMALL));
    rollback(&sealock, &["--to", "r3"]).expect(2).saying("E-RELEASE-UNVERIFIED").saying("r3");
    // Only one target lost the image: neither is touched.
    let web2 = rig.target("web2");
    web2.sh(&format!("docker image ls --digests --format '{{{{.Repository}}}}@{{{{.Digest}}}}' | grep {one} | xargs docker image rm --force"));
    rollback(&sealock, &["--to", "r1"]).expect(2).saying("E-RELEASE-IMAGES").saying("web2");
    assert_eq!(rig.targets().map(|target| target.ledger(SMALL)), before, "a refused rollback wrote");
    for target in rig.targets() {
        assert_runs(&target, &two, "two");
        assert_eq!(target.sh(LEASE), "", "{} is still held", target.name);
    }
}

#[test]
fn status_tells_what_somebody_moved_and_what_does_not_answer() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, sealock) = small(&rig);
    for name in ["one", "two"] {
        sealock.run(&release("small", &format!("release={name}"))).expect(0);
    }
    let [web1, web2] = rig.targets();
    web1.sh("ln -sfn releases/r1 /opt/small/current");
    let told = sealock.command(&["status", "production"]).expect(0);
    let told = told.saying("somebody moved `current` by hand to r1").saying("the ledger says r2");
    told.saying("sealock rollback production --to r2");
    let drift = status(&sealock)[0]["drift"].to_string();
    assert!(drift.contains("sealock rollback production --to r2") && !drift.contains("ENVIRONMENT"), "{drift}");
    // Nobody knows which of both is meant: nothing is deployed over it, and both ways to go on are named.
    let refused = sealock.run(&release("small", "release=three")).expect(5);
    refused.saying("E-TARGET-MOVED").saying("rollback production --to r2").saying("rollback production --to r1");
    // Each by itself would go back to another release: neither does.
    let before = rig.targets().map(|target| target.ledger(SMALL));
    let refused = rollback(&sealock, &[]).expect(2).saying("E-RELEASE-MIXED").saying("web1 runs r1 (before it: none)");
    refused.saying("web2 runs r2 (before it: r1)").saying("sealock rollback production --to r2");
    assert_eq!(rig.targets().map(|target| target.ledger(SMALL)), before, "a refused rollback wrote");
    assert_eq!(web1.current(SMALL).as_deref(), Some("r1"));
    assert_eq!(web1.sh(LEASE), "", "web1 is still held");
    web2.power("cut");
    let told = sealock.command(&["status", "production", "--format", "json"]);
    web2.power("mend");
    let told = told.expect(6);
    let object: Value = serde_json::from_str(told.text.trim()).unwrap_or_else(|_| panic!("not JSON: {}", told.text));
    assert_eq!(object["targets"][0]["release"], "r1", "{object}");
    assert!(object["targets"][1]["error"]["code"].as_str().is_some_and(|code| code.starts_with("E-SSH-")), "{object}");
}

/// Both targets on the second release, after the first.
fn on_the_second(rig: &Rig) -> (Repository, Sealock) {
    rig.reset();
    let (repository, sealock) = small(rig);
    for name in ["one", "two"] {
        sealock.run(&release("small", &format!("release={name}"))).expect(0);
    }
    (repository, sealock)
}

/// What a rollback that could not switch `web2` is told as, and that `web1` is on its old release again, verified.
#[track_caller]
fn assert_undone(rig: &Rig, ended: Ended) -> Ended {
    let ended = ended.expect(11).saying("E-ROLLBACK-FAILED").saying("sealock rollback production --to r1");
    assert!(!ended.text.contains("nothing was changed"), "{}", ended.text);
    let web1 = rig.target("web1");
    assert_runs(&web1, &rig.registry().digest("e2e/small", "two"), "two");
    assert_eq!(web1.current(SMALL).as_deref(), Some("r2"), "{}", ended.text);
    assert_eq!(web1.ledger_end(SMALL), "verified r2");
    assert_eq!(web1.sh(LEASE), "", "web1 is still held");
    ended
}

/// What was told to be typed brings both targets to the first release.
#[track_caller]
fn assert_put_right(rig: &Rig, sealock: &Sealock) {
    rollback(sealock, &["--to", "r1"]).expect(0);
    let digest = rig.registry().digest("e2e/small", "one");
    for target in rig.targets() {
        assert_runs(&target, &digest, "one");
        assert_eq!(target.ledger_end(SMALL), "verified r1", "{}", target.name);
    }
}

#[test]
fn a_rollback_by_hand_that_cannot_switch_every_target_switches_none() {
    let rig = Rig::take();
    let (_repository, sealock) = on_the_second(&rig);
    let web2 = rig.target("web2");
    web2.sh("chmod a-w /opt/small/.sealock/ledger");
    let ended = assert_undone(&rig, rollback(&sealock, &[])).saying("every target is on what it ran before");
    assert_eq!(web2.current(SMALL).as_deref(), Some("r2"), "{}", ended.text);
    assert_runs(&web2, &rig.registry().digest("e2e/small", "two"), "two");
    assert_eq!(web2.ledger_end(SMALL), "verified r2");
    web2.sh("chmod u+w /opt/small/.sealock/ledger");
    assert_put_right(&rig, &sealock);
}

/// A target on which a link is made five seconds late, so that something can happen to it in between.
struct Slow<'rig>(Target<'rig>);

impl<'rig> Slow<'rig> {
    fn new(target: Target<'rig>) -> Self {
        let script = "#!/bin/sh\nsleep 5\nexec /bin/ln \"$@\"\n";
        target.sh_root(&format!("printf '{script}' >/usr/local/bin/ln && chmod a+rx /usr/local/bin/ln"));
        Self(target)
    }

    /// Comes back when no link is being made any more, nor will be so late.
    fn end(self) {
        self.0.wait_for("! pgrep -f '^/bin/sh /usr/local/bin/ln' >/dev/null");
    }
}

impl Drop for Slow<'_> {
    fn drop(&mut self) {
        self.0.sh_root("rm -f /usr/local/bin/ln");
    }
}

#[test]
fn a_target_that_is_cut_off_in_the_middle_of_a_rollback_by_hand_leaves_the_other_on_what_it_ran() {
    let rig = Rig::take();
    let (_repository, sealock) = on_the_second(&rig);
    let slow = Slow::new(rig.target("web2"));
    let running = sealock.start_command(&["rollback", "production", "--format", "plain"]);
    rig.target("web1").wait_for(SWITCHED);
    slow.0.power("cut");
    let ended = running.end();
    slow.0.power("mend");
    let ended = assert_undone(&rig, ended).saying("web2");
    assert!(ended.text.contains("not every target could be put back"), "{}", ended.text);
    slow.end();
    end_leases(&rig);
    assert_put_right(&rig, &sealock);
}

#[test]
fn a_rollback_by_hand_that_is_killed_is_made_again_by_the_command_that_is_told() {
    let rig = Rig::take();
    let (_repository, sealock) = on_the_second(&rig);
    let again = "was interrupted: sealock rollback production --to r1";
    let slow = Slow::new(rig.target("web2"));
    let running = sealock.start_command(&["rollback", "production", "--format", "plain"]);
    rig.target("web1").wait_for(SWITCHED);
    running.kill();
    slow.end();
    end_leases(&rig);
    let told = sealock.runs(&[]).expect(0).saying(again);
    assert!(!told.text.contains("sealock resume"), "{}", told.text);
    // Without a name it is no run that can be resumed; with one it says what to type, and `--to` is not lost.
    sealock.resume(&[]).expect(2).saying("E-RUN-UNKNOWN").saying("sealock rollback production --to r1");
    sealock.resume(&["latest"]).expect(2).saying("E-RUN-FINISHED").saying("sealock rollback production --to r1");
    rollback(&sealock, &["--to", "r1"]).expect(0).saying(again);
    let digest = rig.registry().digest("e2e/small", "one");
    for target in rig.targets() {
        assert_runs(&target, &digest, "one");
        assert_eq!(target.ledger_end(SMALL), "verified r1", "{}", target.name);
    }
    let told = sealock.runs(&[]).expect(0);
    assert!(!told.text.contains("was interrupted:"), "it is over, and still told: {}", told.text);
}

#[test]
fn only_a_stale_lock_is_unlocked_by_hand() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, sealock) = small(&rig);
    let running = sealock.start(&["small", "--input", "release=one", "--input", "pause=60"]);
    for target in rig.targets() {
        target.wait_for("test -e /opt/small/.sealock/lease");
    }
    let locked = sealock.command(&["unlock", "production"]).expect(7).saying("E-TARGET-LOCKED").saying("web1");
    locked.saying("sealock unlock production");
    let held = status(&sealock);
    assert!(held[0]["held_by"]["left_seconds"].is_u64(), "{held:?}");
    let run = held[0]["held_by"]["run"].as_str().unwrap_or_else(|| panic!("{held:?}")).to_owned();
    assert!(rig.target("web1").sh(LEASE).contains(&format!("run={run}\n")));
    drop(running);
    end_leases(&rig);
    let told = sealock.command(&["status", "production"]).expect(0).saying("no deployment is running");
    told.saying("left a stale lock on web1").saying("sealock unlock production");
    assert!(status(&sealock)[0]["held_by"]["left_seconds"].is_null());
    sealock.command(&["unlock", "production"]).expect(0).saying("took over the stale lock").saying(&run);
    for target in rig.targets() {
        assert_eq!(target.sh(LEASE), "", "{} is still held", target.name);
    }
    sealock.run(&release("small", "release=two")).expect(0);
}
