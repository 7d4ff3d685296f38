//! Tells whoever waits that a plugin is being compiled, and for how long already.
//!
//! It goes to standard error in every format: compiling comes before the run's first event. On a terminal one line counts
//! the seconds and is replaced at the end; elsewhere there is a line before and one after.

use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sealock_diagnostics::escape;

use crate::shell::Shell;

/// Compiling so much takes seconds: whoever waits is told. Such a component carries an interpreter.
const SLOW_BYTES: usize = 4 << 20;
/// Between two looks of the line on a terminal.
const TICK: Duration = Duration::from_millis(200);

/// A line that counts, until it is dropped.
struct Counting {
    stop: Option<Sender<()>>,
    line: Option<JoinHandle<()>>,
}

/// Does `compile` for the plugin `name` of so many `bytes`, and tells of it.
///
/// # Errors
///
/// What `compile` says; then nothing is told of an end.
pub(crate) fn told<T, E>(
    shell: &mut Shell,
    (name, bytes): (&str, usize),
    compile: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    if shell.global.quiet || shell.global.verbose == 0 && bytes < SLOW_BYTES {
        return compile();
    }
    let what = format!("compiling {} ({} MiB), once on this machine", escape(name), bytes.div_ceil(1 << 20));
    let start = Instant::now();
    let counting = if std::io::stderr().is_terminal() && !shell.global.no_progress {
        Some(Counting::start(what, start))
    } else {
        shell.tell(&format!("{what}\n"));
        None
    };
    let result = compile();
    drop(counting);
    if result.is_ok() {
        shell.tell(&format!("compiled {} in {:.1} s\n", escape(name), start.elapsed().as_secs_f64()));
    }
    result
}

impl Counting {
    fn start(what: String, start: Instant) -> Self {
        let (stop, stopped) = channel::<()>();
        let line = std::thread::spawn(move || {
            loop {
                draw(&format!("{what}: {} s", start.elapsed().as_secs()));
                if stopped.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout) {
                    return draw("");
                }
            }
        });
        Self { stop: Some(stop), line: Some(line) }
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        drop(self.stop.take());
        // It ends by itself, and only draws.
        let _ = self.line.take().map(JoinHandle::join);
    }
}

/// In place of what stood on this line.
fn draw(line: &str) {
    let _ = write!(std::io::stderr().lock(), "\r\u{1b}[K{line}");
}
