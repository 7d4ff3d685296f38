//! `cargo xtask test`: every test there is, on services of its own.

use std::process::Command;
use std::time::Instant;

use crate::checkout::Checkout;
use crate::failure::Failure;
use crate::program;
use crate::rig::Rig;
use crate::setup;

/// Packages with tests that need the rig or its packages, and what of each needs none.
const RIG_PACKAGES: [(&str, &[&str]); 3] = [
    ("e2e", &["--lib", "--test", "architecture", "--test", "codes", "--test", "local"]),
    ("sealock-broker", &["--lib", "--test", "broker"]),
    ("sealock-deploy", &["--lib"]),
];

/// What the runner of one suite, or of all, said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    suites: usize,
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Sets up, starts the rig, builds, and runs every test; with `is_fast` only those that need no rig.
///
/// # Errors
///
/// What is missing, what does not build, or that a test failed.
pub(crate) fn run(checkout: &Checkout, is_fast: bool) -> Result<(), Failure> {
    let started = Instant::now();
    let calls = if is_fast { fast(checkout) } else { all(checkout) };
    if is_fast {
        setup::for_build(checkout)?;
    } else {
        setup::for_rig(checkout)?;
    }
    let rig = if is_fast { None } else { Some(Rig::up(checkout)?) };
    build(checkout, is_fast)?;
    program::heading("tests");
    let mut lines = Vec::new();
    let mut all_passed = true;
    for mut call in calls {
        if let Some(rig) = &rig {
            rig.tell(&mut call)?;
        }
        let (passed, said) = program::watched(call.env("SEALOCK_BINARY", checkout.sealock()))?;
        all_passed &= passed;
        lines.extend(said);
    }
    drop(rig);
    close(&lines, all_passed, started)
}

/// Once, before the first test: the program that scenarios run, and the tests.
fn build(checkout: &Checkout, is_fast: bool) -> Result<(), Failure> {
    program::heading("build");
    program::run(&mut checkout.cargo(&["build", "--locked", "--package", "sealock-cli"]))?;
    if is_fast {
        return Ok(());
    }
    program::run(&mut checkout.cargo(&["test", "--workspace", "--locked", "--no-run"]))?;
    program::run(plugins(checkout).arg("--no-run"))
}

fn all(checkout: &Checkout) -> Vec<Command> {
    vec![checkout.cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]), with_all(plugins(checkout))]
}

fn fast(checkout: &Checkout) -> Vec<Command> {
    let mut most = checkout.cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    most.args(RIG_PACKAGES.iter().flat_map(|(package, _)| ["--exclude", package]));
    let parts = RIG_PACKAGES.iter().map(|(package, parts)| {
        let mut part = checkout.cargo(&["test", "--locked", "--no-fail-fast", "--package", package]);
        part.args(*parts);
        part
    });
    std::iter::once(most).chain(parts).chain([with_all(plugins(checkout))]).collect()
}

fn with_all(mut command: Command) -> Command {
    command.arg("--no-fail-fast");
    command
}

/// The plugins' own tests run on this machine, not in the sandbox; in a target folder of their own.
fn plugins(checkout: &Checkout) -> Command {
    let mut command = checkout.cargo(&["test", "--locked", "--manifest-path", "plugins/Cargo.toml"]);
    command.env("CARGO_TARGET_DIR", checkout.target().join("plugins-host"));
    command
}

/// The closing lines: every suite's result, what failed, and the sum.
fn close(lines: &[String], all_passed: bool, started: Instant) -> Result<(), Failure> {
    program::heading("results");
    let results = lines
        .iter()
        .filter(|line| line.starts_with("test result:") && !line.contains(" 0 passed; 0 failed; 0 ignored;"));
    results.for_each(|line| println!("{line}"));
    lines
        .iter()
        .filter(|line| line.starts_with("test ") && line.ends_with("... FAILED"))
        .for_each(|line| println!("{line}"));
    let Tally { suites, passed, failed, ignored } = tally(lines);
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    println!("{suites} suites: {passed} passed, {failed} failed, {ignored} ignored, in {minutes:.1} min");
    if all_passed && failed == 0 && passed > 0 {
        return Ok(());
    }
    Err(Failure::failed("tests failed"))
}

fn tally(lines: &[String]) -> Tally {
    let results = lines.iter().filter_map(|line| line.strip_prefix("test result: "));
    results.fold(Tally::default(), |sum, line| Tally {
        suites: sum.suites + 1,
        passed: sum.passed + count(line, "passed"),
        failed: sum.failed + count(line, "failed"),
        ignored: sum.ignored + count(line, "ignored"),
    })
}

/// The number in front of `word`.
fn count(line: &str, word: &str) -> u64 {
    let part = line.split([';', '.']).map(str::trim).find_map(|part| part.strip_suffix(word));
    part.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_over_every_suite() {
        let lines = [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s",
            "test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s",
        ];
        let expected = Tally { suites: 2, passed: 15, failed: 2, ignored: 1 };
        assert_eq!(tally(&lines.map(str::to_owned)), expected);
    }

    #[test]
    fn a_run_without_a_single_test_is_no_success() {
        assert!(close(&[], true, Instant::now()).is_err());
    }

    #[test]
    fn the_fast_tests_name_what_needs_no_rig() {
        let checkout = Checkout::find().unwrap();
        let calls = fast(&checkout);
        let words: Vec<_> = calls[0].get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert!(words.windows(2).any(|pair| pair == ["--exclude", "e2e"]), "{words:?}");
        assert_eq!(calls.len(), RIG_PACKAGES.len() + 2);
    }
}
