//! The child process that compiles: a component on standard input, its compiled code on standard output.

#![expect(clippy::print_stderr, reason = "its parent reads what it says there")]

use std::process::ExitCode;

fn main() -> ExitCode {
    match sealock_sandbox::compile_between(std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
