//! Programs that look from outside: run to their end, with what they printed.

use std::process::{Command, Stdio};

/// What a program printed, and whether it succeeded.
#[derive(Debug)]
pub struct Answer {
    /// Whether it ended with 0.
    pub good: bool,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

/// Runs the program to its end.
///
/// # Panics
/// When it cannot be started.
pub fn ask(command: &mut Command) -> Answer {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Answer {
        good: output.status.success(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What a program printed that has to succeed.
///
/// # Panics
/// When it fails.
pub fn must(command: &mut Command) -> String {
    let answer = ask(command);
    assert!(answer.good, "{command:?} failed: {}{}", answer.out, answer.err);
    answer.out
}
