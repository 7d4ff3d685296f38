//! The process that all native programs come from.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::OnceLock;

use rustix::fs::{MemfdFlags, Mode, OFlags};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, socketpair};
use rustix::process::{DumpableBehavior, Signal, WaitOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::ground::{Grounds, Wanted};
use super::init::{self, Errand};
use super::order::{End, HostSpec, KILL, LaunchFailure, Order, REPORT_BYTES, Report, SetupStage, TERMINATE};
use super::wall::{Namespaces, Wall};
use super::{descriptors, prison, rights, system};

/// An order's words without a ground.
const NO_GROUND: &[u8] = b"o";
/// Most bytes of the words beside an order. A message of the kernel's holds more; what is longer goes without.
const WORDS_BYTES_MAX: usize = 64 << 10;

/// The process that all native programs come from: forked before the runner had threads and secrets.
///
/// It ends when this value, and with it the runner, is gone; so does everything that it started.
pub struct Zygote {
    socket: OwnedFd,
    wall: OnceLock<Wall>,
}

/// Why there is no zygote.
#[derive(Debug, thiserror::Error)]
pub enum ZygoteError {
    /// A fork of a process with several threads is a process with broken locks.
    #[error("the process that native programs come from must be started before there are threads; found {found}")]
    Threads {
        /// How many there are.
        found: usize,
    },
    /// The operating system refused.
    #[error("the process that native programs come from cannot be started")]
    System(#[from] io::Error),
}

/// The three streams of a program, as it gets them.
pub struct Streams {
    /// To read from.
    pub stdin: OwnedFd,
    /// To write to.
    pub stdout: OwnedFd,
    /// To write to.
    pub stderr: OwnedFd,
}

impl Zygote {
    /// Forks it. To be called at the very top of `main`.
    ///
    /// # Errors
    ///
    /// When there are threads already, or the operating system refuses.
    pub fn start() -> Result<Self, ZygoteError> {
        Self::start_at_most(Namespaces::Privileged)
    }

    /// As [`start`](Self::start), with no more than `most`, whatever the machine offers: to see what other
    /// machines get.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_at_most(most: Namespaces) -> Result<Self, ZygoteError> {
        let found = std::fs::read_dir("/proc/self/task")?.count();
        if found != 1 {
            return Err(ZygoteError::Threads { found });
        }
        let (here, there) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(io::Error::from)?;
        match system::fork(0)? {
            system::Fork::Parent(_) => Ok(Self { socket: here, wall: OnceLock::new() }),
            system::Fork::Child => {
                drop(here);
                // Nothing may unwind into the code of the runner that this process is a copy of.
                let served = std::panic::catch_unwind(|| serve(&there, most));
                system::exit(i32::from(!matches!(served, Ok(Ok(())))))
            }
        }
    }

    /// The wall that its programs run behind. Waits for the zygote to have tried it, the first time.
    pub fn wall(&self) -> Wall {
        *self.wall.get_or_init(|| {
            let mut word = [0];
            let received = rustix::net::recv(&self.socket, &mut word, RecvFlags::empty());
            let namespaces = match (received, word) {
                (Ok(_), [b'p']) => Namespaces::Privileged,
                (Ok(_), [b'u']) => Namespaces::User,
                _ => Namespaces::None,
            };
            Wall::new(system::landlock_version(), namespaces)
        })
    }

    /// Starts a program in `folder`; returns when it has been executed.
    ///
    /// # Errors
    ///
    /// When the wall could not be built, or the program is not there or cannot be executed.
    pub async fn spawn(
        &self,
        order: &Order,
        folder: BorrowedFd<'_>,
        streams: Streams,
    ) -> Result<Channel, LaunchFailure> {
        let failed = |stage| move |error| LaunchFailure { stage, error };
        let (here, there) = StdUnixStream::pair().map_err(failed(SetupStage::Streams))?;
        here.set_nonblocking(true).map_err(failed(SetupStage::Streams))?;
        let here = UnixStream::from_std(here).map_err(failed(SetupStage::Streams))?;
        let words = self.words(&order.wall.host);
        let order = write_order(order).map_err(failed(SetupStage::Order))?;
        let streams_and_all = [
            order.as_fd(),
            there.as_fd(),
            folder,
            streams.stdin.as_fd(),
            streams.stdout.as_fd(),
            streams.stderr.as_fd(),
        ];
        descriptors::send(&self.socket, &words, &streams_and_all).map_err(failed(SetupStage::Order))?;
        // The ends that the program has must not stay open here.
        drop((there, streams));
        Channel { socket: here }.until_started().await
    }

    /// What is said beside an order: the ground that its wall stands on.
    fn words(&self, host: &HostSpec) -> Vec<u8> {
        let has_ground = self.wall().namespaces == Namespaces::Privileged;
        let wanted = has_ground.then(|| postcard::to_stdvec(&Wanted::now(host)).ok()).flatten();
        wanted.filter(|words| words.len() <= WORDS_BYTES_MAX).unwrap_or_else(|| NO_GROUND.to_vec())
    }
}

/// The order in a file without a name: the zygote passes it on unread.
fn write_order(order: &Order) -> io::Result<OwnedFd> {
    let bytes = zeroize::Zeroizing::new(postcard::to_stdvec(order).map_err(io::Error::other)?);
    let file = rustix::fs::memfd_create("order", MemfdFlags::CLOEXEC)?;
    let mut written = 0;
    while written < bytes.len() {
        written += rustix::io::pwrite(&file, &bytes[written..], written as u64)?;
    }
    Ok(file)
}

/// The runner's end of one program.
pub struct Channel {
    socket: UnixStream,
}

impl Channel {
    async fn until_started(mut self) -> Result<Self, LaunchFailure> {
        let gone = || LaunchFailure { stage: SetupStage::Namespaces, error: io::ErrorKind::ConnectionAborted.into() };
        match self.report().await {
            Some(Report::Started) => Ok(self),
            Some(Report::Failed(stage, errno)) => {
                Err(LaunchFailure { stage, error: io::Error::from_raw_os_error(errno) })
            }
            Some(Report::Ended(_)) | None => Err(gone()),
        }
    }

    async fn report(&mut self) -> Option<Report> {
        let mut report = [0; REPORT_BYTES];
        self.socket.read_exact(&mut report).await.ok()?;
        Report::decode(report)
    }

    /// Waits for the end; everything that the program started is dead then. `None` when its init is gone,
    /// which takes everything along as well.
    pub async fn end(&mut self) -> Option<End> {
        match self.report().await {
            Some(Report::Ended(end)) => Some(end),
            _ => None,
        }
    }

    /// Asks everything in there to stop.
    pub async fn terminate(&mut self) {
        let _ = self.socket.write_all(&[TERMINATE]).await;
    }

    /// Kills everything in there. Dropping this value does, too.
    pub async fn kill(&mut self) {
        let _ = self.socket.write_all(&[KILL]).await;
    }
}

/// The zygote's whole life.
fn serve(socket: &OwnedFd, most: Namespaces) -> io::Result<()> {
    settle()?;
    let rights = rights::System::open()?;
    let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let namespaces = prison::available(most);
    let word = match namespaces {
        Namespaces::Privileged => b'p',
        Namespaces::User => b'u',
        Namespaces::None => b'n',
    };
    rustix::net::send(socket, &[word], SendFlags::NOSIGNAL)?;
    if namespaces != Namespaces::User {
        rights::drop_capabilities();
    }
    let (mut words, mut grounds) = (vec![0; WORDS_BYTES_MAX], Grounds::default());
    while let Some((length, descriptors)) = descriptors::receive(socket, &mut words)? {
        let words = Some(&words[..length]).filter(|words| *words != NO_GROUND);
        let ground = words.and_then(|words| grounds.of(words));
        let [order, control, folder, stdin, stdout, stderr] = descriptors::exactly(descriptors)?;
        let errand = Errand { order, control, folder, streams: [stdin, stdout, stderr], namespaces, user, group };
        match system::fork(prison::flags(namespaces, ground)) {
            Ok(system::Fork::Child) => init::run(errand, &rights, ground),
            Ok(system::Fork::Parent(_)) => {}
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EAGAIN);
                let control = StdUnixStream::from(errand.control);
                super::order::tell(&control, Report::Failed(SetupStage::Namespaces, errno));
            }
        }
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
    }
    Ok(())
}

/// Nothing of the runner stays: no terminal, no streams, no environment, no dump.
fn settle() -> io::Result<()> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    system::forget_environment();
    rustix::process::setsid()?;
    rustix::thread::set_name(c"sealock-zygote")?;
    rights::limit_for_good()?;
    let nowhere = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    for stream in 0..3 {
        system::set_stream(std::os::fd::AsRawFd::as_raw_fd(&nowhere), stream)?;
    }
    Ok(())
}
