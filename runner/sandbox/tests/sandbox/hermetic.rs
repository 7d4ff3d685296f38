//! A hermetic step: the same in every run, whatever was granted.

use sealock_contract::grant::{FileGrant, ImagePattern};
use sealock_contract::seam::{Note, Outcome};
use sealock_contract::{Grant, Value};
use sealock_sandbox::StepCall;

use crate::rig::{FakeDesk, attack, outputs_of, run, said, text};
use crate::steps::defaults;

/// Everything that can be granted.
fn all() -> Grant {
    let mut grant = Grant {
        exec: vec!["*".into()],
        secrets: vec!["token".into()],
        reveal: true,
        targets: vec!["web1".into()],
        files: FileGrant::write_all(),
        network: vec!["api.example.org:443".parse().expect("an entry")],
        ..Grant::default()
    };
    grant.containers.build = true;
    grant.containers.run = vec![ImagePattern("**".into())];
    grant.containers.push = vec![ImagePattern("**".into())];
    grant
}

#[test]
fn clock_and_dice_are_the_same_in_every_run() {
    let readings = || {
        let desk = FakeDesk::closed();
        let inputs = vec![("greeting".to_owned(), text("x")), ("clock".to_owned(), Value::Flag(true))];
        let outputs = Some(outputs_of("guest_polite"));
        let call = StepCall { inputs: defaults(inputs), outputs, hermetic: true, ..StepCall::default() };
        assert_eq!(run("guest_polite", call, &desk), Outcome::Success);
        desk.output("clock-readings").expect("it was set")
    };
    let first = readings();
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(first, readings());
    let Value::Items(items) = first else { panic!("a list") };
    assert_eq!(&items[..2], ["Ok(946684800s)", "0ns"]);
}

#[test]
fn nothing_that_was_granted_reaches_a_hermetic_step() {
    let desk = FakeDesk::closed();
    let call = StepCall { grant: all(), hermetic: true, ..attack("everything", "") };
    let codes = "E-GRANT-EXEC E-GRANT-SECRET E-GRANT-CONTAINERS E-GRANT-CONTAINERS E-GRANT-CONTAINERS \
                 E-GRANT-TARGET E-GRANT-TARGET E-GRANT-FILES E-GRANT-NETWORK";
    assert_eq!(said(run("guest_hostile", call, &desk)), codes);
    let helps = desk.notes().into_iter().filter_map(|note| match note {
        Note::Denied(error) => error.help,
        _ => None,
    });
    assert!(helps.into_iter().all(|help| help.contains("full-step")), "an `allow` line would not help");
}

#[test]
fn facts_are_blank_and_sleep_takes_no_time() {
    let mut call = StepCall { hermetic: true, ..attack("facts", "") };
    call.facts.run = "r1".to_owned();
    call.facts.attempt = 9;
    assert_eq!(said(run("guest_hostile", call, &FakeDesk::closed())), "   1 [None, None, None] false");

    let sleep = StepCall { hermetic: true, ..attack("sleep", "") };
    assert_eq!(run("guest_hostile", sleep, &FakeDesk::closed()), Outcome::Skipped("woken".to_owned()));
}
