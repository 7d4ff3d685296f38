//! The run of one scenario: how long it may take, and what ends it before.
//!
//! # Invariants
//!
//! - It ends with this process: the run asks the kernel for that when it starts.
//! - Who stops this process stops the run first, and nothing that it mounted or wrote stays.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use sealock_sandbox::CancellationToken;
use sealock_workspace::View;

use crate::signals;

/// One scenario: a step that loops must not keep its author waiting.
const SCENARIO_SECONDS: u64 = 120;
/// Before it is said which one it is that takes so long.
const QUIET: Duration = Duration::from_secs(3);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);
/// Between asking a run to end and telling it to end at once.
const ASKED: Duration = Duration::from_millis(200);
/// For a run that was told to end at once.
const ENDING: Duration = Duration::from_secs(5);

/// Whoever asks this process to stop.
pub(crate) struct Interrupt {
    asked: CancellationToken,
    _listening: tokio::runtime::Runtime,
}

/// How a run ended.
pub(crate) enum Ended {
    /// By itself, with what it wrote to standard output and standard error.
    Itself(String, String),
    /// Its time was over; what it wrote till then.
    Late(String, String),
    /// Somebody stopped this process.
    Stopped,
}

impl Interrupt {
    /// Listens from here on.
    ///
    /// # Errors
    ///
    /// When there is no thread for it.
    pub(crate) fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (asked, _) = runtime.block_on(async { signals::tokens() });
        Ok(Self { asked, _listening: runtime })
    }

    fn is_asked(&self) -> bool {
        self.asked.is_cancelled()
    }
}

/// Runs `run` to its end, with its state in `folder`; `slow` is told once when it takes a while.
///
/// # Errors
///
/// When it cannot be started or looked at.
pub(crate) fn watch(
    mut run: Command,
    folder: &Path,
    interrupt: &Interrupt,
    slow: impl FnOnce(u64),
) -> io::Result<Ended> {
    let (out, err) = (folder.join("out"), folder.join("err"));
    // A terminal's Ctrl-C reaches this process alone, which passes it on.
    let run = std::os::unix::process::CommandExt::process_group(&mut run, 0);
    let mut child = run.stdout(File::create(&out)?).stderr(File::create(&err)?).spawn()?;
    let (started, mut slow) = (Instant::now(), Some(slow));
    let told = || -> io::Result<(String, String)> { Ok((text(&out)?, text(&err)?)) };
    loop {
        if child.try_wait()?.is_some() {
            return told().map(|(out, err)| Ended::Itself(out, err));
        }
        let is_late = started.elapsed() >= Duration::from_secs(SCENARIO_SECONDS);
        if is_late || interrupt.is_asked() {
            end(&mut child)?;
            // Nothing may be mounted below a folder that is removed.
            let _ = View::sweep(&folder.join("state"));
            return if is_late { told().map(|(out, err)| Ended::Late(out, err)) } else { Ok(Ended::Stopped) };
        }
        if started.elapsed() >= QUIET
            && let Some(slow) = slow.take()
        {
            slow(SCENARIO_SECONDS);
        }
        std::thread::sleep(LOOK);
    }
}

/// Has it end what it started, at once; and ends it, when it does not.
fn end(child: &mut Child) -> io::Result<()> {
    let pid = Pid::from_child(child);
    for _ in 0..2 {
        // One that has ended meanwhile is no error: it is waited for below.
        let _ = kill_process(pid, Signal::INT);
        std::thread::sleep(ASKED);
    }
    let asked = Instant::now();
    while asked.elapsed() < ENDING {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    let _ = kill_process_group(pid, Signal::KILL);
    child.wait().map(drop)
}

fn text(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
}
