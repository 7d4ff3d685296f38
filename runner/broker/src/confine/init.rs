//! The process between the zygote and a program: builds the wall, reaps, kills, reports.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, WaitStatus};

use super::ground::Ground;
use super::order::{End, KILL, Order, Report, SetupStage, TERMINATE, read_order, tell};
use super::wall::Namespaces;
use super::{prison, rights, system};

/// Between two looks for orphans that have ended; the program's own end is seen at once.
const REAP_MS: u64 = 500;
/// How long a subreaper goes on killing what keeps forking.
const ROUNDUP_ROUNDS: usize = 2_000;

/// What the zygote hands to an init.
pub(super) struct Errand {
    pub(super) order: OwnedFd,
    pub(super) control: OwnedFd,
    pub(super) folder: OwnedFd,
    pub(super) streams: [OwnedFd; 3],
    pub(super) namespaces: Namespaces,
    pub(super) user: u32,
    pub(super) group: u32,
}

type Failure = (SetupStage, io::Error);

/// Runs one program to its end. Never returns into the zygote's code.
pub(super) fn run(errand: Errand, system_rights: &rights::System, ground: Option<&Ground>) -> ! {
    let mut control = UnixStream::from(errand.control);
    let init = Init { namespaces: errand.namespaces, rights: system_rights, ground };
    let started = init.start(errand.order, errand.folder, errand.streams, errand.user, errand.group);
    match started {
        Err((stage, error)) => {
            tell(&control, Report::Failed(stage, error.raw_os_error().unwrap_or(libc::EIO)));
            system::exit(1)
        }
        Ok(program) => {
            tell(&control, Report::Started);
            let end = init.follow(program, &mut control);
            init.round_up();
            tell(&control, Report::Ended(end));
            system::exit(0)
        }
    }
}

struct Init<'a> {
    namespaces: Namespaces,
    rights: &'a rights::System,
    ground: Option<&'a Ground>,
}

impl Init<'_> {
    fn start(
        &self,
        order: OwnedFd,
        folder: OwnedFd,
        streams: [OwnedFd; 3],
        user: u32,
        group: u32,
    ) -> Result<Pid, Failure> {
        let at = |stage| move |error: io::Error| (stage, error);
        // Whoever kills the zygote, or the init, kills the program.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(|error| (SetupStage::Limits, error.into()))?;
        prison::settle(self.namespaces, user, group).map_err(at(SetupStage::Namespaces))?;
        let order = read_order(File::from(order)).map_err(at(SetupStage::Order))?;
        prison::furnish(self.namespaces, self.ground, &order.wall).map_err(at(SetupStage::Namespaces))?;
        if self.namespaces == Namespaces::None {
            let own = rustix::process::getpid();
            rustix::process::set_child_subreaper(Some(own)).map_err(|error| (SetupStage::Limits, error.into()))?;
        }
        let (mut failed, fails) = UnixStream::pair().map_err(at(SetupStage::Exec))?;
        let program = match system::fork(0).map_err(at(SetupStage::Exec))? {
            system::Fork::Child => {
                let (stage, error) = self.become_program(&order, &folder, &streams);
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                tell(&fails, Report::Failed(stage, errno));
                system::exit(127)
            }
            system::Fork::Parent(program) => program,
        };
        drop((fails, streams, folder, order));
        let mut report = [0; super::order::REPORT_BYTES];
        // The socket's other end closes by itself when the program is executed.
        match failed.read_exact(&mut report).ok().and_then(|()| Report::decode(report)) {
            Some(Report::Failed(stage, errno)) => Err((stage, io::Error::from_raw_os_error(errno))),
            _ => Ok(program),
        }
    }

    /// Waits for the program's end, reaps orphans, and does what the runner says.
    fn follow(&self, program: Pid, control: &mut UnixStream) -> End {
        let watch = rustix::process::pidfd_open(program, PidfdFlags::empty());
        let mut listens = true;
        loop {
            if let Some(end) = reap(program) {
                return end;
            }
            let mut sources = Vec::with_capacity(2);
            if let Ok(watch) = &watch {
                sources.push(PollFd::new(watch, PollFlags::IN));
            }
            if listens {
                sources.push(PollFd::from_borrowed_fd(control.as_fd(), PollFlags::IN));
            }
            let pause = Duration::from_millis(REAP_MS);
            let pause = Timespec { tv_sec: 0, tv_nsec: i64::from(pause.subsec_nanos()) };
            let _ = poll(&mut sources, Some(&pause));
            let is_told = listens && sources.last().is_some_and(|source| !source.revents().is_empty());
            drop(sources);
            if is_told {
                listens = self.obey(program, control);
            }
        }
    }

    /// Whether there may be more to hear.
    fn obey(&self, program: Pid, control: &mut UnixStream) -> bool {
        let mut word = [0];
        let word = match control.read(&mut word) {
            Ok(1) => word[0],
            _ => KILL,
        };
        match word {
            TERMINATE => self.signal(program, Signal::TERM),
            _ => self.signal(program, Signal::KILL),
        }
        word == TERMINATE
    }

    fn signal(&self, program: Pid, signal: Signal) {
        if self.namespaces == Namespaces::None {
            // The program leads its session and group; what left them is rounded up after its end.
            let _ = rustix::process::kill_process_group(program, signal);
            let _ = rustix::process::kill_process(program, signal);
        } else {
            system::signal_all(signal.as_raw());
        }
    }

    /// Kills everything that is left. A subreaper inherits every orphan, also one that made a session of
    /// its own, so that killing its children until there is none gets everything.
    fn round_up(&self) {
        if self.namespaces != Namespaces::None {
            system::signal_all(libc::SIGKILL);
            while let Ok(Some(_)) = rustix::process::wait(WaitOptions::empty()) {}
            return;
        }
        for _ in 0..ROUNDUP_ROUNDS {
            for child in descendants() {
                let _ = rustix::process::kill_process(child, Signal::KILL);
            }
            match rustix::process::wait(WaitOptions::NOHANG) {
                Err(_) => return,
                Ok(Some(_)) => {}
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// Turns this process into the program; returns only when that failed.
    fn become_program(&self, order: &Order, folder: &OwnedFd, streams: &[OwnedFd; 3]) -> Failure {
        match self.prepare(order, folder, streams) {
            Err(failure) => failure,
            Ok(()) => (SetupStage::Exec, execute(order)),
        }
    }

    fn prepare(&self, order: &Order, folder: &OwnedFd, streams: &[OwnedFd; 3]) -> Result<(), Failure> {
        let at = |stage| move |error: io::Error| (stage, error);
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(|error| (SetupStage::Limits, error.into()))?;
        rustix::process::setsid().map_err(|error| (SetupStage::Limits, error.into()))?;
        enter(&order.folder, folder).map_err(at(SetupStage::Streams))?;
        for (number, stream) in (0..).zip(streams) {
            system::set_stream(stream.as_raw_fd(), number).map_err(at(SetupStage::Streams))?;
        }
        system::close_on_execute(3);
        rights::limit(&order.wall, self.namespaces).map_err(at(SetupStage::Limits))?;
        rights::confine(self.rights, &order.wall, self.namespaces).map_err(at(SetupStage::Landlock))?;
        system::reset_signals();
        rights::limit_memory(&order.wall).map_err(at(SetupStage::Limits))
    }
}

/// Takes what has ended; the program's end, when it is among it.
fn reap(program: Pid) -> Option<End> {
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if pid == program {
            return Some(end_of(status));
        }
    }
    None
}

fn end_of(status: WaitStatus) -> End {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => End::Code(code),
        (None, signal) => End::Signal(signal.unwrap_or(libc::SIGKILL)),
    }
}

/// This process's children, their children, and so on, as the kernel lists them.
fn descendants() -> Vec<Pid> {
    let mut found = vec![rustix::process::getpid()];
    let mut at = 0;
    while let Some(parent) = found.get(at) {
        let parent = parent.as_raw_nonzero();
        let list = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        found.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).filter_map(Pid::from_raw));
        at += 1;
    }
    found.split_off(1)
}

/// Goes to `path`. The descriptor alone would lead to a mount outside the program's own; the path alone, to
/// whatever somebody has put there meanwhile.
fn enter(path: &Path, folder: &OwnedFd) -> io::Result<()> {
    rustix::process::chdir(path)?;
    let (here, expected) = (rustix::fs::stat(".")?, rustix::fs::fstat(folder)?);
    let is_same = here.st_dev == expected.st_dev && here.st_ino == expected.st_ino;
    if is_same { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ESTALE)) }
}

fn execute(order: &Order) -> io::Error {
    let text = |bytes: Vec<u8>| CString::new(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL));
    let words = std::iter::once(&order.program).chain(&order.args).map(|word| text(word.clone().into_bytes()));
    let entries = order.env.iter().map(|(name, value)| text([name.as_bytes(), b"=", value].concat()));
    let (words, entries) = match (words.collect::<Result<Vec<_>, _>>(), entries.collect::<Result<Vec<_>, _>>()) {
        (Ok(words), Ok(entries)) => (words, entries),
        (Err(error), _) | (_, Err(error)) => return error,
    };
    let mut last = io::Error::from_raw_os_error(libc::ENOENT);
    for path in candidates(order) {
        let Ok(path) = text(path.into_bytes()) else {
            continue;
        };
        let error = system::execute(&path, &words, &entries);
        let is_elsewhere = matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR));
        if !is_elsewhere {
            let may_be_elsewhere = error.raw_os_error() == Some(libc::EACCES);
            last = error;
            if !may_be_elsewhere {
                break;
            }
        }
    }
    last
}

/// Where the program may be, in the order of its own `PATH`. Relative folders in it are passed over: they
/// would be looked up in the workspace.
fn candidates(order: &Order) -> Vec<String> {
    if order.program.contains('/') {
        return vec![order.program.clone()];
    }
    let path = order.env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| String::from_utf8_lossy(value));
    let path = path.as_deref().unwrap_or("/usr/local/bin:/usr/bin:/bin");
    let folders = path.split(':').filter(|folder| folder.starts_with('/'));
    folders.map(|folder| format!("{folder}/{}", order.program)).collect()
}
