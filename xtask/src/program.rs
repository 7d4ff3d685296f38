//! Other programs: started in the open, waited for, their failures told with what was called.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Says what happens next.
pub(crate) fn heading(text: &str) {
    println!("\n== {text}");
}

/// Runs it where everybody sees it.
///
/// # Errors
///
/// When it cannot be started or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    match status(command)? {
        0 => Ok(()),
        code => Err(Failure::failed(format!("`{}` ended with {code}", line(command)))),
    }
}

/// Runs it where everybody sees it, and returns its exit code; -1 when a signal ended it.
///
/// # Errors
///
/// When it cannot be started.
pub(crate) fn status(command: &mut Command) -> Result<i32, Failure> {
    println!("$ {}", line(command));
    let status = command.stdin(Stdio::null()).status().map_err(|error| not_started(command, &error))?;
    Ok(status.code().unwrap_or(-1))
}

/// Runs it where everybody sees it, and returns whether it succeeded and the lines of its standard output.
///
/// # Errors
///
/// When it cannot be started.
pub(crate) fn watched(command: &mut Command) -> Result<(bool, Vec<String>), Failure> {
    let (is_good, lines) = read(command, |text| println!("{text}"))?;
    Ok((is_good, lines.into_iter().map(|(_, text)| text).collect()))
}

/// Runs it, and returns whether it succeeded and the lines of its standard output, each with when it came; they are not printed.
///
/// # Errors
///
/// When it cannot be started.
pub(crate) fn heard(command: &mut Command) -> Result<(bool, Vec<(Duration, String)>), Failure> {
    read(command, |_| {})
}

fn read(command: &mut Command, told: impl Fn(&str)) -> Result<(bool, Vec<(Duration, String)>), Failure> {
    println!("$ {}", line(command));
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| not_started(command, &error))?;
    let (started, mut lines) = (Instant::now(), Vec::new());
    let output = BufReader::new(child.stdout.take().expect("it was asked for just above"));
    for bytes in output.split(b'\n').map_while(Result::ok) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        told(&text);
        lines.push((started.elapsed(), text));
    }
    let status = child.wait().map_err(|error| not_started(command, &error))?;
    Ok((status.success(), lines))
}

/// Its standard output, read quietly.
///
/// # Errors
///
/// When it cannot be started or does not succeed; with what it said about it.
pub(crate) fn answer(command: &mut Command) -> Result<String, Failure> {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).trim_end().to_owned());
    }
    let said = String::from_utf8_lossy(&stderr);
    Err(Failure::failed(format!("`{}`: {}", line(command), said.trim())))
}

/// Where `name` is, in `PATH` and where Debian keeps what is root's.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// `PATH` with `folder` first.
pub(crate) fn path_with(folder: &Path) -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap_or(path)
}

/// What was called, as one would type it.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure::failed(format!("`{}` could not be run: {error}", line(command)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_called_can_be_typed_again() {
        let mut command = Command::new("/usr/bin/env");
        command.args(["A=1", "two words", "it's"]);
        assert_eq!(line(&command), r"env A=1 'two words' 'it'\''s'");
    }

    #[test]
    fn a_failure_names_the_call_and_what_it_said() {
        let failure = answer(Command::new("sh").args(["-c", "echo no >&2; exit 3"])).unwrap_err();
        assert_eq!(failure.to_string(), "`sh -c 'echo no >&2; exit 3'`: no");
        assert_eq!(status(Command::new("sh").args(["-c", "exit 3"])).unwrap(), 3);
    }

    #[test]
    fn what_is_watched_is_kept_line_by_line() {
        let (succeeded, lines) = watched(Command::new("sh").args(["-c", "echo a; echo b; exit 1"])).unwrap();
        assert_eq!((succeeded, lines), (false, vec!["a".to_owned(), "b".to_owned()]));
    }
}
