//! Every limit has a guest that hits it; its name and code are told, and the next step runs in the same process.

use std::time::{Duration, Instant};

use sealock_contract::seam::{Note, Outcome, StopCause};
use sealock_contract::{StepLimits, limits};
use sealock_sandbox::{CancellationToken, StepCall};

use crate::rig::{FakeDesk, assert_next_step_runs, attack, compiled, limit_of, run, run_at, run_until};

/// Runs an attack to its limit.
fn hit(name: &str, limits: StepLimits) -> (String, std::sync::Arc<FakeDesk>) {
    let desk = FakeDesk::closed();
    let outcome = run("guest_hostile", StepCall { limits, ..attack(name, "") }, &desk);
    let limit = limit_of(&outcome);
    assert_next_step_runs();
    (limit, desk)
}

fn quick() -> StepLimits {
    StepLimits { wall_ms: 300, ..StepLimits::default() }
}

#[test]
fn endless_loops_storms_of_calls_and_sleeps_end_when_the_time_is_up() {
    for name in ["loop", "storm", "sleep", "thread-sleep"] {
        let started = Instant::now();
        let (limit, _) = hit(name, quick());
        assert_eq!(limit, "E-PLUGIN-TIMEOUT wall time: 300ms", "{name}");
        assert!(started.elapsed() < Duration::from_secs(20), "{name} took {:?}", started.elapsed());
    }
}

#[test]
fn memory_is_limited_over_all_and_the_hosts_stays_flat() {
    let before = resident_bytes();
    let (limit, _) = hit("memory", StepLimits { memory_bytes: 64 << 20, ..StepLimits::default() });
    assert_eq!(limit, "E-LIMIT-MEMORY memory: 64 MiB");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 256 << 20, "the host grew by {grown} bytes");
}

/// Of this process.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    pages * 4096
}

#[test]
fn tables_are_limited() {
    let program = compiled(
        &wat::parse_str(
            r#"(component
                (core module $m
                    (table $t 1 funcref)
                    (func (export "run") (result i32)
                        (loop $more
                            (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1))))
                        unreachable))
                (core instance $i (instantiate $m))
                (func $run (result (result)) (canon lift (core func $i "run")))
                (instance (export "wasi:cli/run@0.2.0") (export "run" (func $run))))"#,
        )
        .expect("a component"),
    );
    let outcome = run_at(&program, StepCall::default(), FakeDesk::closed(), CancellationToken::new());
    assert_eq!(limit_of(&outcome), "E-LIMIT-TABLE table elements: 100000");
    assert_next_step_runs();
}

#[test]
fn a_component_of_hundreds_of_instances_does_not_start() {
    let instances = "(core instance (instantiate $m))".repeat(500);
    let program = compiled(
        &wat::parse_str(format!(
            r#"(component
                (core module $m (func (export "run") (result i32) (i32.const 0)))
                {instances}
                (core instance $i (instantiate $m))
                (func $run (result (result)) (canon lift (core func $i "run")))
                (instance (export "wasi:cli/run@0.2.0") (export "run" (func $run))))"#,
        ))
        .expect("a component"),
    );
    let outcome = run_at(&program, StepCall::default(), FakeDesk::closed(), CancellationToken::new());
    assert_eq!(limit_of(&outcome), "E-LIMIT-INSTANCES instances: 64");
    assert_next_step_runs();
}

#[test]
fn handles_are_limited() {
    assert_eq!(hit("handles", StepLimits::default()).0, "E-LIMIT-HANDLES handles: 4096");
}

#[test]
fn one_call_carries_so_much_and_so_does_a_request_that_is_built_by_many() {
    for name in ["huge-string", "drafts", "random"] {
        assert_eq!(hit(name, StepLimits::default()).0, "E-LIMIT-HOST-CALL bytes per host call: 16 MiB", "{name}");
    }
}

#[test]
fn deep_recursion_hits_the_stack() {
    assert_eq!(hit("stack", StepLimits::default()).0, "E-LIMIT-STACK call stack: 512 KiB");
}

#[test]
fn a_log_ends_at_its_limit_whatever_it_is_made_of() {
    for name in ["log-flood", "empty-lines", "stdout-flood"] {
        let (limit, desk) = hit(name, StepLimits { log_bytes: 1 << 20, ..StepLimits::default() });
        assert_eq!(limit, "E-LIMIT-LOG log: 1 MiB", "{name}");
        let told: usize = desk.lines().iter().map(String::len).sum();
        assert!(told <= 1 << 20, "{name}: {told} bytes");
        assert!(desk.notes().len() <= (1 << 20) / 32, "{name}: {} notes", desk.notes().len());
    }
}

#[test]
fn a_line_without_end_is_split_and_what_is_not_utf8_is_replaced() {
    let desk = FakeDesk::closed();
    assert_eq!(run("guest_hostile", attack("one-line", ""), &desk), Outcome::Success);
    let lengths: Vec<usize> = desk.lines().iter().map(String::len).collect();
    assert!(lengths.iter().all(|&length| length <= limits::LOG_LINE_BYTES), "{lengths:?}");
    assert_eq!(lengths.iter().sum::<usize>(), 200_000);
    assert!(lengths.len() <= 5, "{lengths:?}");

    let desk = FakeDesk::closed();
    assert_eq!(run("guest_hostile", attack("bad-utf8", ""), &desk), Outcome::Success);
    assert_eq!(desk.lines(), ["ok \u{fffd}\u{fffd} \u{1b}]52;c;AAAA\u{7} ::set-env name=LD_PRELOAD::x"]);
}

#[test]
fn annotations_past_the_limit_are_counted() {
    let desk = FakeDesk::closed();
    assert_eq!(run("guest_hostile", attack("annotations", ""), &desk), Outcome::Success);
    let kept = desk.notes().iter().filter(|note| matches!(note, Note::Annotation(_))).count();
    assert_eq!(kept, 1_000);
    assert_eq!(desk.lines(), ["500 more annotations were not kept; 1000 are the most"]);
}

#[test]
fn a_step_that_ignores_being_asked_to_stop_is_stopped_after_its_grace() {
    for name in ["ignore-cancel", "loop", "thread-sleep"] {
        let (desk, stop) = (FakeDesk::closed(), CancellationToken::new());
        stop.cancel();
        let started = Instant::now();
        let outcome = run_until("guest_hostile", attack(name, ""), &desk, stop);
        assert_eq!(outcome, Outcome::Stopped(StopCause::Cancelled), "{name}");
        assert!(started.elapsed() >= Duration::from_millis(100), "{name} had its grace");
    }
    assert_next_step_runs();
}

#[test]
fn a_trap_names_the_functions_it_was_in_and_its_words_go_to_the_log() {
    let desk = FakeDesk::closed();
    let outcome = run("guest_hostile", attack("trap", "hunter2-hunter2"), &desk);
    let Outcome::Trapped(text) = outcome else { panic!("expected a trap, found {outcome:?}") };
    let expected = "wasm trap: wasm `unreachable` instruction executed, in guest_hostile::memory::trap < ";
    assert!(text.starts_with(expected), "{text}");
    assert!(!text.contains("hunter2"), "what the guest wrote goes through the redactor with the log: {text}");
    assert!(desk.lines().iter().any(|line| line.contains("the secret is hunter2-hunter2")));
    assert_next_step_runs();
}

#[test]
fn a_step_that_exits_has_failed_with_its_code() {
    let outcome = run("guest_hostile", attack("exit", "7"), &FakeDesk::closed());
    assert_eq!(outcome, Outcome::Failed("exit code 1".to_owned()));
}
