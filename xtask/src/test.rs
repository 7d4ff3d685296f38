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
    if is_fast {
        setup::for_build(checkout)?;
    } else {
        setup::for_rig(checkout)?;
    }
    let rig = if is_fast { None } else { Some(Rig::up(checkout)?) };
    build(checkout, is_fast)?;
    program::heading("tests");
    let told = |mut call: Command| {
        call.env("SEALOCK_BINARY", checkout.sealock());
        rig.iter().try_for_each(|rig| rig.tell(&mut call)).map(|()| call)
    };
    let beside = if is_fast { None } else { Some(told(deliveries(checkout))?) };
    let calls = if is_fast { fast(checkout) } else { others(checkout) };
    let calls: Vec<Command> = calls.into_iter().map(told).collect::<Result<_, _>>()?;
    let Said { lines, passed } = watch_all(calls, beside)?;
    drop(rig);
    close(&lines, passed, started)
}

/// What test runners said.
struct Said {
    lines: Vec<String>,
    passed: bool,
}

/// Runs `calls`, one after the other, and `beside` while they run: its lines are printed when all have ended.
fn watch_all(calls: Vec<Command>, beside: Option<Command>) -> Result<Said, Failure> {
    let beside = beside.map(|mut call| std::thread::spawn(move || program::heard(&mut call)));
    let mut said = Said { lines: Vec::new(), passed: true };
    for mut call in calls {
        let (passed, lines) = program::watched(&mut call)?;
        said.passed &= passed;
        said.lines.extend(lines);
    }
    if let Some(beside) = beside {
        let (passed, lines) =
            beside.join().map_err(|_| Failure::failed("the scenarios were not watched to their end"))??;
        program::heading("tests that ran beside the others");
        // One after the other has the machines: when a line came says how long its scenario took.
        for (at, line) in &lines {
            println!("{:>6.0} s  {line}", at.as_secs_f64());
        }
        said.passed &= passed;
        said.lines.extend(lines.into_iter().map(|(_, line)| line));
    }
    Ok(said)
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

/// Scenarios on the rig's machines: they mostly wait, so that all else runs beside them. The same packages as in
/// `others`, so that nothing is built twice.
fn deliveries(checkout: &Checkout) -> Command {
    checkout.cargo(&["test", "--workspace", "--locked", "--no-fail-fast", "--test", "delivery"])
}

/// Everything but the deliveries.
fn others(checkout: &Checkout) -> Vec<Command> {
    let mut most = checkout.cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    most.args(["--", "--skip", "delivery::"]);
    vec![most, with_all(plugins(checkout))]
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
    fn what_runs_beside_counts_as_the_rest() {
        let say = |line: &str, code: u8| {
            let mut call = Command::new("sh");
            call.args(["-c", &format!("echo '{line}'; exit {code}")]);
            call
        };
        let said = watch_all(vec![say("one", 0)], Some(say("two", 1))).unwrap();
        assert_eq!((said.lines, said.passed), (vec!["one".to_owned(), "two".to_owned()], false));
        assert!(watch_all(vec![say("one", 0)], None).unwrap().passed);
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
