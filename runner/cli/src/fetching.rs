//! Tells whoever waits how far a component has come that takes long to fetch.
//!
//! It goes to standard error in every format, as compiling does. On a terminal one line is replaced until it is over;
//! elsewhere there is a line now and then.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sealock_diagnostics::escape;
use sealock_registry::{Fetching, Telling};

use crate::shell::Shell;

/// Between two lines where none is replaced: ten minutes are to be some lines of a log.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Tells nothing where the person wants none of it.
pub(crate) fn telling(shell: &Shell) -> Telling {
    if shell.global.quiet {
        return Telling::default();
    }
    if std::io::stderr().is_terminal() && !shell.global.no_progress {
        return Telling::by(|fetching| {
            let line = if fetching.is_over { String::new() } else { words(fetching) };
            write(&format!("\r\u{1b}[K{line}"));
        });
    }
    let last: Mutex<Option<Instant>> = Mutex::default();
    Telling::by(move |fetching| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if fetching.is_over {
            *last = None;
        } else if last.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
            *last = Some(Instant::now());
            write(&format!("{}\n", words(fetching)));
        }
    })
}

fn words(fetching: &Fetching) -> String {
    let size = fetching.size.div_ceil(1 << 20);
    format!("fetching {}, {} of {size} MiB", escape(&fetching.repository), fetching.came >> 20)
}

fn write(text: &str) {
    // Whoever has closed it does not wait for it either.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
