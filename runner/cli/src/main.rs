//! Sealock's command line: arguments, environment, exit codes, wiring.
//!
//! # Invariants
//!
//! - The zygote that starts native commands is forked before there are threads and before a secret is read.
//! - Standard output carries the answer, standard error the telling.
//! - Only this crate reads the environment and ends the process.

mod args;
mod at_commit;
mod audit;
mod catalogue;
mod changes;
mod commands;
mod compiling;
mod content;
mod environment;
mod event;
mod exit_code;
mod failure;
mod fetching;
mod file;
mod flaws;
mod lock;
mod machine;
mod native;
mod output;
mod password;
mod planning;
mod policy;
mod programs;
mod project;
mod refusals;
mod scaffold;
mod scenario;
mod secrets;
mod shell;
mod signals;
mod targets;
mod usage;
mod wall;
mod workflow;

use std::process::ExitCode;

use clap::Parser;
use sealock_broker::confine::Zygote;

use args::{Cli, Command};
use environment::Process;
use failure::Failure;
use shell::Shell;
use workflow::Workflow;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unread(error),
    };
    match start(cli) {
        Ok(exit) => ExitCode::from(exit),
        Err((mut shell, failure)) => {
            match &mut shell {
                Some(shell) => shell.failed(&failure),
                None => anstream::eprint!("{}", failure.text()),
            }
            ExitCode::from(failure.exit())
        }
    }
}

/// Arguments that cannot be read, which a step of a workflow tells on its page too; or the help that was asked for.
fn unread(mut error: clap::Error) -> ExitCode {
    // It would show options that the environment gives as if they had to be there.
    if error.use_stderr() {
        error.remove(clap::error::ContextKind::Usage);
    }
    // Whoever does not read what is printed reads the exit code.
    let _ = error.print();
    if error.use_stderr() && Workflow::read(variable).is_some() {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        anstream::print!("{}", failure::annotation("sealock", first));
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(exit_code::USAGE))
}

fn start(cli: Cli) -> Result<u8, (Option<Box<Shell>>, Failure)> {
    let mut shell = Shell::new(cli.global, variable).map_err(|failure| (None, failure))?;
    let result = act(cli.command, &mut shell);
    result.map_err(|failure| (Some(Box::new(shell)), failure))
}

fn act(command: Command, shell: &mut Shell) -> Result<u8, Failure> {
    match command {
        Command::Check(check) => check.run(shell),
        Command::Plan(plan) => plan.run(shell, &process()?),
        Command::Run(run) => run.run(shell, process()?),
        Command::Doctor(doctor) => doctor.run(shell),
        Command::Cancel(cancel) => cancel.run(shell),
        Command::Resume(resume) => resume.run(shell, process()?),
        Command::Eval(eval) => eval.run(shell),
        Command::Allow(allow) => allow.run(shell),
        Command::Runs(runs) => runs.run(shell),
        Command::Show(show) => show.run(shell),
        Command::Status(status) => status.run(shell, &process()?),
        Command::Rollback(rollback) => rollback.run(shell, process()?),
        Command::Unlock(unlock) => unlock.run(shell, &process()?),
        Command::Lock(lock) => lock.run(shell),
        Command::Update(update) => update.run(shell),
        Command::Fetch(fetch) => fetch.run(shell),
        Command::Plugin(plugin) => plugin.run(shell),
        Command::Explain(explain) => explain.run(shell),
        Command::Completions(completions) => Ok(completions.run(shell)),
        Command::Man(man) => man.run(shell),
        Command::Version(version) => Ok(version.run(shell, &process()?)),
        Command::Compile(compile) => compile.run(),
    }
}

/// The process, with its zygote forked.
fn process() -> Result<Process, Failure> {
    let zygote = Zygote::start().map_err(|error| Failure::new("E-WALL", failure::chain(&error)))?;
    Ok(Process::new(zygote))
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Variables that would say something to a Sealock started here.
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
fn sealock_variables() -> impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)> {
    let speaks = |name: &str| ["SEALOCK_", "GITHUB_"].iter().any(|start| name.starts_with(start));
    std::env::vars_os().filter(move |(name, _)| name.to_str().is_some_and(speaks))
}
