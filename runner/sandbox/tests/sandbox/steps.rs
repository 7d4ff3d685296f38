//! A step that behaves.

use std::time::Duration;

use sealock_contract::manifest::InputType;
use sealock_contract::seam::{Annotation, Level, Note, Outcome};
use sealock_contract::{StepError, Value};
use sealock_sandbox::{CancellationToken, ProgramKind, StepCall, inspect};

use crate::guests;
use crate::rig::{FakeDesk, attack, outputs_of, program, run, run_until, said, text};

/// What the plan would fill in for `guest-polite`.
pub(crate) fn defaults(given: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let defaults = [
        ("times", Value::Integer(1)),
        ("ratio", Value::Number(80.5)),
        ("clock", Value::Flag(false)),
        ("pause", Value::Integer(2_000)),
        ("size", Value::Integer(1_024)),
        ("volume", text("quiet")),
    ];
    let is_given = |name: &str| given.iter().any(|(given, _)| given == name);
    let missing: Vec<_> = defaults.into_iter().filter(|(name, _)| !is_given(name)).collect();
    given.into_iter().chain(missing.into_iter().map(|(name, value)| (name.to_owned(), value))).collect()
}

fn polite(inputs: Vec<(&str, Value)>) -> StepCall {
    let inputs = inputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let outputs = Some(outputs_of("guest_polite"));
    StepCall { inputs: defaults(inputs), outputs, hermetic: true, ..StepCall::default() }
}

#[test]
fn inputs_go_in_and_outputs_logs_annotations_and_summaries_come_out_in_order() {
    let desk = FakeDesk::closed();
    let names = Value::Items(vec!["Ada".to_owned(), "Grace".to_owned()]);
    let outcome = run("guest_polite", polite(vec![("greeting", text("hello")), ("names", names)]), &desk);

    assert_eq!(outcome, Outcome::Success);
    let log = |message: &str| Note::Log { level: Level::Info, message: message.to_owned() };
    let location = sealock_contract::seam::Location {
        file: "src/lib.rs".to_owned(),
        line: 3,
        column: None,
        end_line: None,
        end_column: None,
    };
    let expected = [
        Note::GroupStart { group: 1, title: "greetings".to_owned() },
        log("hello, Ada"),
        log("hello, Grace"),
        Note::GroupEnd { group: 1 },
        Note::Annotation(Annotation {
            level: Level::Warning,
            message: "look here".to_owned(),
            title: Some("Here".to_owned()),
            location: Some(location),
        }),
        Note::Progress { done: 1, total: Some(2), message: "half".to_owned() },
        Note::Summary { markdown: "| greeted |\n".to_owned() },
        log("1 80.5 2s 1024 quiet"),
        Note::Output { name: "said".to_owned(), value: text("hello") },
        Note::Output { name: "count".to_owned(), value: Value::Integer(1) },
    ];
    assert_eq!(desk.notes(), expected);
    // One, and another for each pause that a busy machine makes.
    let batches = *desk.batches.lock().expect("no poison");
    assert!(batches * 2 < expected.len(), "{batches} batches: notes go over together");
}

#[test]
fn a_step_that_says_no_has_failed_and_one_that_could_not_start_is_an_error() {
    let desk = FakeDesk::closed();
    let nobody = polite(vec![("greeting", text("hello")), ("times", Value::Integer(0))]);
    assert_eq!(said(run("guest_polite", nobody, &desk)), "nobody was greeted");

    let missing = run("guest_polite", polite(vec![]), &desk);
    assert!(matches!(missing, Outcome::Error(StepError { code, .. }) if code == "E-INPUT-MISSING"));
    let wrong = run("guest_polite", polite(vec![("greeting", Value::Flag(true))]), &desk);
    assert!(matches!(wrong, Outcome::Error(StepError { code, .. }) if code == "E-INPUT-TYPE"));
}

#[test]
fn the_struct_is_the_manifest() {
    let inspection = inspect(&guests::bytes("guest_polite")).expect("a component");
    assert_eq!(inspection.kind, ProgramKind::Step);
    let manifest = inspection.manifest.expect("a manifest");
    assert!(manifest.is_hermetic());
    assert_eq!((manifest.name.as_str(), manifest.description.as_str()), ("polite", "Data in, data out"));

    let inputs = &manifest.inputs;
    assert_eq!(inputs["greeting"].kind, InputType::String);
    assert!(inputs["greeting"].required && !inputs["times"].required && !inputs["names"].required);
    assert_eq!((inputs["times"].minimum, inputs["times"].maximum), (Some(0.0), Some(10.0)));
    assert_eq!((inputs["size"].minimum, inputs["size"].maximum), (Some(1.0), None));
    assert_eq!(inputs["pause"].kind, InputType::Duration);
    assert_eq!(inputs["pause"].default, Some("2s".into()));
    assert_eq!(inputs["volume"].kind, InputType::Choice);
    assert_eq!(inputs["volume"].options, ["quiet", "loud"]);
    assert_eq!(inputs["file"].kind, InputType::Path);
    assert_eq!(inputs["file"].description, "A file of the workspace.");
    assert_eq!(manifest.outputs["clock-readings"].kind, InputType::List);
    assert_eq!(program("guest_polite").kind(), ProgramKind::Step);
}

#[test]
fn a_step_that_is_asked_to_stop_wakes_and_ends_by_itself() {
    let (desk, stop) = (FakeDesk::closed(), CancellationToken::new());
    let later = stop.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(150));
        later.cancel();
    });
    let call = StepCall { grace: Duration::from_secs(20), ..attack("heed-cancel", "") };
    assert_eq!(run_until("guest_hostile", call, &desk, stop), Outcome::Skipped("cancelled".to_owned()));
}

#[test]
fn what_a_sleeping_step_said_is_seen_while_it_sleeps() {
    for sleeper in ["sleep", "thread-sleep", "ignore-cancel"] {
        let (desk, stop) = (FakeDesk::closed(), CancellationToken::new());
        let (watched, later) = (desk.clone(), stop.clone());
        let seen = std::thread::spawn(move || {
            let started = std::time::Instant::now();
            while watched.lines().is_empty() && started.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(5));
            }
            later.cancel();
            watched.lines().len()
        });
        run_until("guest_hostile", attack(sleeper, ""), &desk, stop);
        assert_eq!(seen.join().expect("it looked"), 1, "{sleeper}");
    }
}

#[test]
fn facts_are_those_of_the_call() {
    let mut call = attack("facts", "");
    call.facts.run = "r1".to_owned();
    call.facts.stage = "test (3.11)".to_owned();
    call.facts.step = "2".to_owned();
    call.facts.attempt = 3;
    call.facts.idempotency_key = Some("key".to_owned());
    let told = said(run("guest_hostile", call, &FakeDesk::closed()));
    assert_eq!(told, r#"r1 test (3.11) 2 3 [Some("key"), None, None] true"#);
}
