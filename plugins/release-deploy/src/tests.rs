//! The whole step, with the inputs that an author writes, in the kit that every plugin is tested with.

use sealock_rollout::testing::changes;
use sealock_sdk::testing::{Kit, Reply};
use sealock_sdk::{EffectState, Outcome, Value};

use crate::script::tests::release;
use crate::{probe, rollback, run};

const PREPARE: &str = include_str!("script/prepare.sh");
const START: &str = include_str!("script/start.sh");
const STATUS: &str = include_str!("script/status.sh");
const READY: &str = "verdict ready \n";

/// Two targets with these releases, and a folder that becomes the next.
fn kit(current: &str, key: &str) -> Kit {
    let mut kit = Kit::new();
    kit.environment("production").file("dist/server.js", "serve()");
    kit.input("source", "dist").input("units", vec!["app@1".to_owned()]);
    for name in ["web1", "web2"] {
        kit.target_with(name, Some(release(current, key)), Some(release("r1", "older")));
    }
    kit.script(PREPARE, Reply::default());
    kit
}

#[test]
fn each_target_is_switched_and_verified_before_the_next() {
    let ended = kit("r1", "older").script(START, Reply::stdout(READY)).run(run);
    assert_eq!(ended.outcome(), &Outcome::Success);
    assert_eq!(ended.output("release"), Some(&Value::Text("made".to_owned())));
    assert_eq!(changes(&ended.calls), ["web1 switch made", "verify web1", "web2 switch made"]);
}

#[test]
fn what_failed_goes_back_newest_first() {
    let ended = kit("made", "key").script(START, Reply::stdout(READY)).rollback(rollback);
    ended.outcome();
    assert_eq!(changes(&ended.calls), ["web2 switch r1", "web1 switch r1"]);
}

#[test]
fn a_probe_knows_its_own_release_by_the_key() {
    let probed = |mut kit: Kit| kit.script(STATUS, Reply::stdout(READY)).probe(probe);
    assert!(matches!(probed(kit("made", "key")).outcome(), EffectState::Applied));
    assert!(matches!(probed(kit("r1", "older")).outcome(), EffectState::NotApplied));
}

#[test]
fn a_unit_that_systemd_cannot_have_asks_nothing_of_a_target() {
    let ended = kit("r1", "older").input("units", vec!["a;b".to_owned()]).run(run);
    assert_eq!(ended.error().code(), "E-UNIT-NAME");
    assert_eq!(ended.calls, [""; 0]);
}
