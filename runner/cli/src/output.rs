//! Which sink shows a run.

use std::io::{self, IsTerminal};

use sealock_events::Sink;
use sealock_sinks::{Drawing, JsonLines, Options, Plain, Screen, Size, Terminal};
use sealock_workspace::Warning;

use crate::commands::run::Format;
use crate::shell::Shell;

/// The sink for a run that goes on.
pub(crate) fn sink(shell: &Shell, format: Format) -> Box<dyn Sink> {
    chosen(shell, format, if shell.global.no_progress { Drawing::Finished } else { Drawing::Live })
}

/// The sink for a run that is over.
pub(crate) fn replay(shell: &Shell, format: Format) -> Box<dyn Sink> {
    chosen(shell, format, Drawing::Finished)
}

fn chosen(shell: &Shell, format: Format, drawing: Drawing) -> Box<dyn Sink> {
    let options = Options { quiet: shell.global.quiet, verbose: shell.global.verbose, colour: shell.colour_out() };
    match format {
        Format::Jsonl => Box::new(JsonLines::new(io::stdout())),
        Format::Auto if io::stdout().is_terminal() => {
            let screen = Screen { drawing, size: Box::new(size), clock: Box::new(now_ms) };
            Box::new(Terminal::new(io::stdout(), options, screen))
        }
        Format::Auto | Format::Plain => Box::new(Plain::new(io::stdout(), options)),
    }
}

/// The terminal's size, now.
fn size() -> Size {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size { columns: size.ws_col, rows: size.ws_row },
        _ => Size::USUAL,
    }
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
