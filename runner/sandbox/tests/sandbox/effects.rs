//! Steps with effects: `probe` and `rollback` in instances of their own.

use sealock_contract::StepError;
use sealock_contract::StepLimits;
use sealock_contract::seam::{EffectState, Outcome};
use sealock_sandbox::{Entry, ProgramKind, StepCall};

use crate::rig::{FakeDesk, limit_of, probe, program, run, text};

fn call(state: &str) -> StepCall {
    let mut call = StepCall { inputs: vec![("state".to_owned(), text(state))], ..StepCall::default() };
    call.facts.idempotency_key = Some("key-1".to_owned());
    call
}

#[test]
fn probe_answers_how_far_the_effect_got() {
    assert_eq!(program("guest_effect").kind(), ProgramKind::EffectStep);
    let desk = FakeDesk::closed();
    assert_eq!(probe("guest_effect", call("applied"), &desk), Ok(EffectState::Applied));
    assert_eq!(probe("guest_effect", call("not-applied"), &desk), Ok(EffectState::NotApplied));
    assert_eq!(probe("guest_effect", call("partly"), &desk), Ok(EffectState::Partly("one of two".to_owned())));
    assert_eq!(desk.lines()[0], "probe Some(\"key-1\")");

    let unsure = probe("guest_effect", call("?"), &desk).expect_err("it cannot say");
    assert!(matches!(unsure, Outcome::Error(StepError { code, .. }) if code == "E-GUEST"));
    let limits = StepLimits { wall_ms: 200, ..StepLimits::default() };
    let endless = probe("guest_effect", StepCall { limits, ..call("loop") }, &desk).expect_err("it loops");
    assert!(limit_of(&endless).starts_with("E-PLUGIN-TIMEOUT"));
}

#[test]
fn rollback_runs_with_the_inputs_that_run_had() {
    let rollback = |state| StepCall { entry: Entry::Rollback, ..call(state) };
    let desk = FakeDesk::closed();
    assert_eq!(run("guest_effect", call("applied"), &desk), Outcome::Success);
    assert_eq!(run("guest_effect", rollback("applied"), &desk), Outcome::Success);
    assert_eq!(desk.lines(), ["run Some(\"key-1\")", "rollback of applied"]);
    assert!(matches!(run("guest_effect", rollback("stuck"), &desk), Outcome::Error(error) if error.code == "E-GUEST"));
}

#[test]
fn an_effect_that_was_built_against_0_1_0_runs_is_probed_and_rolled_back() {
    let kept = "0.1.0/effect";
    let desk = FakeDesk::closed();
    assert_eq!(program(kept).kind(), ProgramKind::EffectStep);
    assert_eq!(run(kept, call("applied"), &desk), Outcome::Success);
    assert_eq!(probe(kept, call("partly"), &desk), Ok(EffectState::Partly("one of two".to_owned())));
    assert_eq!(run(kept, StepCall { entry: Entry::Rollback, ..call("applied") }, &desk), Outcome::Success);
    assert_eq!(desk.lines(), ["run Some(\"key-1\")", "probe Some(\"key-1\")", "rollback of applied"]);
}

#[test]
fn a_step_without_effects_has_neither() {
    let desk = FakeDesk::closed();
    let rollback = StepCall { entry: Entry::Rollback, ..call("applied") };
    let ended = [run("guest_polite", rollback, &desk), probe("guest_polite", call(""), &desk).expect_err("no probe")];
    for outcome in ended {
        assert!(matches!(&outcome, Outcome::Error(error) if error.code == "E-PLUGIN-ENTRY"), "{outcome:?}");
    }
}
