//! Which sink shows a run.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use sealock_events::Sink;
use sealock_sinks::{Drawing, Github, GithubFiles, JsonLines, Options, Plain, Screen, Size, Terminal};
use sealock_workspace::Warning;

use crate::commands::run::Format;
use crate::shell::Shell;

/// Whether the run is told to GitHub.
pub(crate) fn is_github(shell: &Shell, format: Format) -> bool {
    format == Format::Github || format == Format::Auto && shell.workflow().is_some()
}

/// What stands in the way of a run is told where the run would be.
pub(crate) fn begin(shell: &mut Shell, format: Format) {
    if is_github(shell, format) {
        shell.annotate();
    }
}

/// The sink for a run that goes on.
pub(crate) fn sink(shell: &mut Shell, format: Format) -> Box<dyn Sink> {
    if is_github(shell, format) {
        let files = files(shell);
        return github(shell, where_it_is_kept(shell, files));
    }
    chosen(shell, format, if shell.global.no_progress { Drawing::Finished } else { Drawing::Live })
}

/// The sink for a run that is over.
pub(crate) fn replay(shell: &Shell, format: Format) -> Box<dyn Sink> {
    chosen(shell, format, Drawing::Finished)
}

fn chosen(shell: &Shell, format: Format, drawing: Drawing) -> Box<dyn Sink> {
    let options = options(shell);
    match format {
        format if is_github(shell, format) => github(shell, GithubFiles::default()),
        Format::Jsonl => Box::new(JsonLines::new(io::stdout())),
        Format::Auto if io::stdout().is_terminal() && !shell.is_dumb() => {
            let screen = Screen { drawing, size: Box::new(size), clock: Box::new(now_ms) };
            Box::new(Terminal::new(io::stdout(), options, screen))
        }
        Format::Auto | Format::Plain | Format::Github => Box::new(Plain::new(io::stdout(), options)),
    }
}

fn options(shell: &Shell) -> Options {
    Options { quiet: shell.global.quiet, verbose: shell.global.verbose, colour: shell.colour_out() }
}

fn github(shell: &Shell, files: GithubFiles) -> Box<dyn Sink> {
    Box::new(Github::new(io::stdout(), options(shell), Box::new(token), files).after(shell.annotations()))
}

/// The files of the workflow's step. One that cannot be opened is told, and the run goes on without it.
fn files(shell: &mut Shell) -> GithubFiles {
    let workflow = shell.workflow().cloned().unwrap_or_default();
    let mut open = |path: Option<&Path>| -> Option<Box<dyn Write + Send>> {
        let path = path?;
        match std::fs::OpenOptions::new().append(true).create(true).open(path) {
            Ok(file) => Some(Box::new(file)),
            Err(error) => {
                shell.tell(&format!("warning: {} cannot be written: {error}\n", path.display()));
                None
            }
        }
    };
    GithubFiles { summary: open(workflow.summary.as_deref()), output: open(workflow.output.as_deref()) }
}

/// Later steps of a workflow read where the run is kept, whichever option or variable said so.
fn where_it_is_kept(shell: &Shell, mut files: GithubFiles) -> GithubFiles {
    if let (Some(file), Ok(state)) = (&mut files.output, shell.state()) {
        let end = token();
        // Whoever is not told looks where runs are kept without an option.
        let _ = file.write_all(format!("state<<{end}\n{}\n{end}\n", state.display()).as_bytes());
    }
    files
}

/// Later steps of a workflow read that nothing was run.
pub(crate) fn skipped(shell: &mut Shell) {
    if let Some(mut file) = files(shell).output {
        // Whoever cannot be told reads no result, which is no success either.
        let _ = file.write_all(b"result=skipped\n");
    }
}

/// A word that nobody can guess.
fn token() -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the system has random bytes, or nothing here is safe");
    format!("sealock-{:032x}", u128::from_ne_bytes(random))
}

/// The terminal's size, now.
fn size() -> Size {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size { columns: size.ws_col, rows: size.ws_row },
        _ => Size::USUAL,
    }
}

/// The columns of the terminal that the answer goes to, when it is one.
pub(crate) fn columns() -> Option<usize> {
    io::stdout().is_terminal().then(|| usize::from(size().columns))
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// What the user should know of a checkout.
pub(crate) fn warning(warning: &Warning) -> String {
    match warning {
        Warning::LfsPointer(path) => format!("{} is a pointer of Git LFS: its content is not there", path.display()),
        Warning::MissingSubmodule(path) => format!("the submodule {} is not checked out", path.display()),
        Warning::LeavingLink(path) => {
            format!("the link {} leaves the repository; nothing here follows it", path.display())
        }
        Warning::NestedRepository(path) => format!("{} is a repository of its own and is left out", path.display()),
    }
}
