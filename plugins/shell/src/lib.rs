//! Runs a script that the pipeline's author wrote, in the native wall.
//!
//! `sh` and `bash` are given the script as one argument. Every other program, and one with arguments of its own, is
//! given a file that holds it. Nothing is ever pasted into a script: values reach it through `env`.

use sealock_sdk::process::{Command, Exit};
use sealock_sdk::{Error, Inputs, Outcome, SecretMap, Step, step};

/// Writes its first argument into a file of the step's temporary folder and becomes the rest, with the file's path for
/// `{0}`, or behind everything where no argument holds a `{0}`.
const HAND_OVER: &str = r#"
set -eu
file="$TMPDIR/script"
printf '%s' "$1" > "$file"
shift
is_placed=
for word do
  shift
  case "$word" in
    *'{0}'*) word="${word%%'{0}'*}$file${word#*'{0}'}" is_placed=1 ;;
  esac
  set -- "$@" "$word"
done
[ -n "$is_placed" ] || set -- "$@" "$file"
exec "$@"
"#;

#[derive(Inputs)]
struct Script {
    /// The script.
    #[input(name = "script", script)]
    text: String,
    /// `sh`, `bash`, or a list of another program and its arguments; the script's file replaces `{0}` in them, or
    /// comes last.
    #[input(default = "sh")]
    shell: Vec<String>,
    /// Where the script starts, in the workspace.
    #[input(default = ".")]
    working_directory: String,
    /// The script's environment; values may be secrets.
    env: SecretMap,
}

#[step]
fn run(inputs: Script, _step: &mut Step) -> Result<Outcome, Error> {
    let command = command(&inputs.shell, &inputs.text)?.cwd(&inputs.working_directory);
    let command = inputs.env.iter().fold(command, |command, (name, value)| command.secret_env(name, value));
    Ok(outcome(command.run()?))
}

/// What runs the script; `sh` and `bash` stop at its first error.
fn command(shell: &[String], script: &str) -> Result<Command, Error> {
    let words: Vec<&str> = shell.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["", ..] => Err(Error::new("E-SHELL-EMPTY", "`shell` names no program")),
        ["sh"] => Ok(Command::new("sh").args(["-eu", "-c", script])),
        ["bash"] => Ok(Command::new("bash").args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])),
        words => Ok(Command::new("sh").args(["-c", HAND_OVER, "sh", script]).args(words)),
    }
}

fn outcome(exit: Exit) -> Outcome {
    match exit {
        Exit::Code(0) => Outcome::Success,
        Exit::Code(code) => Outcome::Failed(format!("exit code {code}")),
        Exit::Signal(signal) => Outcome::Failed(format!("ended by signal {signal}")),
    }
}

#[cfg(test)]
mod tests {
    use sealock_sdk::testing::{Kit, Reply};

    use super::*;

    #[test]
    fn a_script_is_one_argument_and_its_secrets_stay_handles() {
        let mut kit = Kit::new();
        kit.input("script", "echo $TOKEN").secret("env.TOKEN", "s3cret").program("sh -eu -c", Reply::default());
        let ended = kit.run(run);
        assert_eq!(ended.outcome(), &Outcome::Success);
        assert_eq!(ended.calls, ["env TOKEN=placeholder-of-env.TOKEN", "exec sh -eu -c echo $TOKEN"]);
    }

    #[test]
    fn how_the_program_ends_is_how_the_step_ends() {
        let mut kit = Kit::new();
        kit.input("script", "exit 3").input("shell", vec!["bash".to_owned()]).program("bash", Reply::exit(3));
        assert_eq!(kit.run(run).outcome(), &Outcome::failed("exit code 3"));
        assert_eq!(kit.input("shell", Vec::<String>::new()).run(run).error().code(), "E-SHELL-EMPTY");
        assert_eq!(kit.input("shell", "zsh").run(run).error().code(), "E-GRANT-EXEC");
    }
}
