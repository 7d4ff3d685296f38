//! `cargo xtask`: what people and CI do with this repository.
//!
//! One file a command. What a command needs of the machine is looked for first (`setup.rs`), all of it at once, so that
//! nothing is built for ten minutes before something turns out to be missing.
//!
//! Exit codes: 0 done · 1 something failed · 2 something is missing here, or the request is wrong.

#![expect(clippy::disallowed_methods, reason = "this program is the edge: it reads the environment")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to who called it")]

mod bench;
mod check;
mod checkout;
mod crash;
mod demo;
mod dist;
mod failure;
mod http;
mod program;
mod rig;
mod schema;
mod setup;
mod test;

use std::process::ExitCode;

use checkout::Checkout;
use failure::Failure;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  setup             look for what is missing, get what can be got, list the rest
  demo              a whole delivery on services of its own: good release, bad release, rollback
  test [--fast]     start the rig and run every test; --fast runs what needs no rig
  check             format, lint, documentation, dependencies, shell scripts, workflows, schemas
  schema [--check]  write pipelines/schema.json and docs/events.schema.json, or compare them
  dist              a release's archive for this system, with its line of action/checksums.txt
  crash [--points N] [--seed S]
                    kill runs at their commits to the journal, resume them, and check what happened
  crash --delivery [--points N] [--seed S]
                    the same with a delivery to the rig's targets; at every commit without --points
  crash --faults [--points N] [--seed S]
                    machines, cables, engines, and the registry that fail at the commits of such a delivery
  bench [--quick]   run the benches and write their figures to docs/benchmarks.md
";

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Help,
    Setup,
    Demo,
    Test { is_fast: bool },
    Check,
    Schema { is_check: bool },
    Dist,
    Crash(crash::Sweep),
    Bench { is_quick: bool },
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = request(&arguments).and_then(act);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            failure.exit_code()
        }
    }
}

fn request(arguments: &[String]) -> Result<Request, Failure> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["help" | "--help" | "-h"] => Ok(Request::Help),
        ["setup"] => Ok(Request::Setup),
        ["demo"] => Ok(Request::Demo),
        ["test"] => Ok(Request::Test { is_fast: false }),
        ["test", "--fast"] => Ok(Request::Test { is_fast: true }),
        ["check"] => Ok(Request::Check),
        ["schema"] => Ok(Request::Schema { is_check: false }),
        ["schema", "--check"] => Ok(Request::Schema { is_check: true }),
        ["dist"] => Ok(Request::Dist),
        ["crash", ref options @ ..] => crash::Sweep::asked(options).map(Request::Crash),
        ["bench"] => Ok(Request::Bench { is_quick: false }),
        ["bench", "--quick"] => Ok(Request::Bench { is_quick: true }),
        [] => Err(Failure::usage(format!("expected a command\n\n{USAGE}"))),
        _ => Err(Failure::usage(format!("found `{}`\n\n{USAGE}", words.join(" ")))),
    }
}

fn act(request: Request) -> Result<(), Failure> {
    if request == Request::Help {
        print!("{USAGE}");
        return Ok(());
    }
    let checkout = Checkout::find()?;
    match request {
        Request::Help => Ok(()),
        Request::Setup => setup::everything(&checkout),
        Request::Demo => demo::run(&checkout),
        Request::Test { is_fast } => test::run(&checkout, is_fast),
        Request::Check => check::run(&checkout),
        Request::Schema { is_check } => schema::run(&checkout, is_check),
        Request::Dist => dist::run(&checkout),
        Request::Crash(sweep) => sweep.run(&checkout),
        Request::Bench { is_quick } => bench::run(&checkout, is_quick),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Request, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        request(&words).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_flag_belongs_to_its_command() {
        assert_eq!(asked("test --fast"), Ok(Request::Test { is_fast: true }));
        assert_eq!(asked("bench --quick"), Ok(Request::Bench { is_quick: true }));
        assert!(asked("demo --fast").unwrap_err().starts_with("found `demo --fast`"));
    }

    #[test]
    fn nothing_and_nonsense_get_the_usage() {
        assert!(asked("").unwrap_err().contains("usage: cargo xtask"));
        assert!(asked("tset").unwrap_err().contains("usage: cargo xtask"));
    }
}
