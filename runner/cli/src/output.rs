//! Which sink shows a run.

use std::io;

use sealock_diagnostics::render::Colour;
use sealock_events::Sink;
use sealock_sinks::{JsonLines, Plain, PlainOptions, Terminal, TerminalOptions};
use sealock_workspace::Warning;

use crate::commands::run::Format;
use crate::shell::Shell;

/// The sink for a run that goes on.
pub fn sink(shell: &Shell, format: Format) -> Box<dyn Sink> {
    if format.is_live(shell) {
        let options = TerminalOptions { colour: shell.colour_out() == Colour::Ansi, quiet: shell.global.quiet, verbose: shell.global.verbose };
        return Box::new(Terminal::live(io::stdout(), options, width, now_ms));
    }
    still(shell, format)
}

/// The sink for a run that is over.
pub fn replay(shell: &Shell, format: Format) -> Box<dyn Sink> {
    still(shell, format)
}

fn still(shell: &Shell, format: Format) -> Box<dyn Sink> {
    match format {
        Format::Jsonl => Box::new(JsonLines::new(io::stdout())),
        Format::Auto | Format::Plain => {
            let colour = shell.colour_out() == Colour::Ansi;
            Box::new(Plain::new(io::stdout(), PlainOptions { colour, quiet: shell.global.quiet, verbose: shell.global.verbose }))
        }
    }
}

/// Columns of the terminal; 80 where nobody says.
fn width() -> usize {
    const COLUMNS: usize = 80;
    rustix::termios::tcgetwinsize(io::stdout()).map_or(COLUMNS, |size| usize::from(size.ws_col).max(1))
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// What the user should know of a checkout.
pub fn warning(warning: &Warning) -> String {
    match warning {
        Warning::LfsPointer(path) => format!("{} is a pointer of Git LFS: its content is not there", path.display()),
        Warning::MissingSubmodule(path) => format!("the submodule {} is not checked out", path.display()),
        Warning::LeavingLink(path) => format!("the link {} leaves the repository; nothing here follows it", path.display()),
        Warning::NestedRepository(path) => format!("{} is a repository of its own and is left out", path.display()),
    }
}
