//! A step that hides an error about its outputs has not succeeded.

use sealock_contract::StepError;
use sealock_contract::seam::{Note, Outcome};

use crate::rig::{FakeDesk, assert_next_step_runs, attack, limit_of, run};

#[test]
fn undeclared_and_malformed_outputs_fail_the_step_that_claims_success() {
    for (name, code) in [
        ("output-unknown", "E-OUTPUT-UNKNOWN"),
        ("output-type", "E-OUTPUT-TYPE"),
        ("output-json", "E-OUTPUT-TYPE"),
        ("summary-huge", "E-SUMMARY-SIZE"),
    ] {
        let desk = FakeDesk::closed();
        let outcome = run("guest_hostile", attack(name, ""), &desk);
        assert!(matches!(&outcome, Outcome::Error(StepError { code: found, .. }) if found == code), "{outcome:?}");
        let is_output = |note: &Note| matches!(note, Note::Output { .. } | Note::Summary { .. });
        assert!(!desk.notes().iter().any(is_output), "{name}");
    }
}

#[test]
fn an_output_that_is_too_long_stops_the_step() {
    let outcome = run("guest_hostile", attack("output-huge", ""), &FakeDesk::closed());
    assert_eq!(limit_of(&outcome), "E-LIMIT-OUTPUTS outputs: 1 MiB");
    assert_next_step_runs();
}
