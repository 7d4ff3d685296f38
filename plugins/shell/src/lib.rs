//! Runs a script that the pipeline's author wrote, in the native wall.
//!
//! The script is one argument of the shell: nothing is ever pasted into it. Values reach it through `env`.

use sealock_sdk::process::{Command, Exit};
use sealock_sdk::{Error, Inputs, Outcome, SecretMap, Step, step};

#[derive(Inputs)]
struct Script {
    /// The script.
    #[input(name = "script")]
    text: String,
    /// `sh`, `bash`, or another program and its arguments, separated by spaces; the script is the last one.
    #[input(default = "sh")]
    shell: String,
    /// Where the script starts, in the workspace.
    #[input(default = ".")]
    working_directory: String,
    /// The script's environment; values may be secrets.
    env: SecretMap,
}

#[step]
fn run(inputs: Script, _step: &mut Step) -> Result<Outcome, Error> {
    let mut words = inputs.shell.split_whitespace();
    let program = words.next().ok_or_else(|| Error::new("E-SHELL-EMPTY", "`shell` names no program"))?;
    let command = Command::new(program).args(options(program)).args(words).args(script_option(&inputs.shell));
    let command = command.arg(&inputs.text).cwd(&inputs.working_directory);
    let command = inputs.env.iter().fold(command, |command, (name, value)| command.secret_env(name, value));
    Ok(outcome(command.run()?))
}

/// What makes a script stop at its first error.
fn options(program: &str) -> &'static [&'static str] {
    match program {
        "sh" => &["-eu"],
        "bash" => &["--noprofile", "--norc", "-eo", "pipefail"],
        _ => &[],
    }
}

/// A shell without arguments of its own takes the script after `-c`; one with arguments says itself how it does.
fn script_option(shell: &str) -> Option<&'static str> {
    (shell.split_whitespace().count() == 1).then_some("-c")
}

fn outcome(exit: Exit) -> Outcome {
    match exit {
        Exit::Code(0) => Outcome::Success,
        Exit::Code(code) => Outcome::Failed(format!("exit code {code}")),
        Exit::Signal(signal) => Outcome::Failed(format!("ended by signal {signal}")),
    }
}
