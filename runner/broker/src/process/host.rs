//! Native programs on this machine, behind its wall.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rustix::fs::{Mode, OFlags};
use sealock_contract::seam::{Exit, Refusal};
use sealock_contract::{ErrorKind, StepError};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio_util::sync::CancellationToken;

use crate::confine::{Channel, End, HostSpec, LaunchFailure, Order, SetupStage, Streams, Wall, WallSpec, Zygote};
use crate::output::OutputPump;
use crate::place::{Launch, Place, Program, Stdin};
use crate::running::{Running, Started};
use crate::step::Step;

/// Between SIGTERM and SIGKILL: a program that was told to stop may put its files in order, and one that
/// ignores it must not hold the run.
pub const KILL_GRACE_MS: u64 = 2_000;

/// The process that kept a program's processes together is gone, which the kernel has them follow.
const LOST: &str = "E-PROCESS-LOST";

/// This machine.
pub struct Host {
    zygote: Arc<Zygote>,
    spec: HostSpec,
    home: Option<PathBuf>,
}

impl Host {
    /// Programs are started by `zygote`.
    pub fn new(zygote: Arc<Zygote>, spec: HostSpec) -> Self {
        Self { zygote, spec, home: None }
    }

    /// This machine for the programs of one stage, which may write `home`, too.
    #[must_use]
    pub fn at_home(&self, home: PathBuf) -> Self {
        Self { zygote: self.zygote.clone(), spec: self.spec.clone(), home: Some(home) }
    }

    /// The wall that they run behind.
    pub fn wall(&self) -> Wall {
        self.zygote.wall()
    }

    fn order(&self, step: &Step, launch: &mut Launch, folder: PathBuf) -> Order {
        let workspace = step.workspace().path();
        let program = match &launch.program {
            Program::Named(name) => name.clone(),
            Program::InWorkspace(path) => workspace.join(path).to_string_lossy().into_owned(),
        };
        let args = std::mem::take(&mut launch.args);
        let mut env: Vec<_> = launch.env.iter().map(|(name, value)| (name.clone(), value.bytes().to_vec())).collect();
        if !env.iter().any(|(name, _)| name == "TMPDIR") {
            env.push(("TMPDIR".to_owned(), step.temporary().as_os_str().as_encoded_bytes().to_vec()));
        }
        let (mut readable, mut writable) = (Vec::new(), vec![step.temporary().to_owned()]);
        writable.extend(self.home.clone());
        // Where the grant is narrower than the workspace, a native program may at least not write it.
        if step.grant().files.writes_all() { &mut writable } else { &mut readable }.push(workspace.to_owned());
        let (file_bytes_max, memory_bytes_max) = (step.limits().written_bytes, step.limits().process_memory_bytes);
        let wall = WallSpec { host: self.spec.clone(), readable, writable, file_bytes_max, memory_bytes_max };
        Order { program, args, env, folder, wall }
    }

    async fn launch(&self, step: &Arc<Step>, mut launch: Launch) -> Result<Arc<dyn Running>, Refusal> {
        let folder = step.open_cwd(&launch.cwd)?;
        let path = path_of(&folder).map_err(|error| no_streams(&error))?;
        let order = self.order(step, &mut launch, path);
        let (stdin, feed) = open_stdin(launch.stdin).map_err(|error| no_streams(&error))?;
        let (stdout, out) = open_output(&launch.stdout).map_err(|error| no_streams(&error))?;
        let (stderr, err) = open_output(&launch.stderr).map_err(|error| no_streams(&error))?;
        let streams = Streams { stdin, stdout, stderr };
        let spawned = self.zygote.spawn(&order, folder.as_fd(), streams).await;
        let channel = spawned.map_err(|failure| not_started(&order.program, &failure))?;
        let (captured_out, captured_err) = (launch.stdout.capture(), launch.stderr.capture());
        let outputs = [(launch.stdout, out), (launch.stderr, err)];
        let step = step.clone();
        let follow = |asked, stop| async move {
            let ended = follow(channel, feed, outputs, asked, stop).await;
            if ended.as_ref().is_err_and(|refusal| refusal.code == LOST) {
                step.lose_account();
            }
            ended
        };
        Ok(Started::spawn_listening(launch.timeout, captured_out, captured_err, follow))
    }
}

impl Place for Host {
    fn start<'a>(&'a self, step: &'a Arc<Step>, launch: Launch) -> BoxFuture<'a, Result<Arc<dyn Running>, Refusal>> {
        Box::pin(self.launch(step, launch))
    }

    fn workspace(&self, step: &Step) -> PathBuf {
        step.workspace().path().to_owned()
    }
}

/// Bytes that are still to be written to a program.
type Feed = Option<(pipe::Sender, Stdin)>;

fn open_stdin(stdin: Stdin) -> std::io::Result<(OwnedFd, Feed)> {
    match stdin {
        Stdin::Empty => Ok((nowhere()?, None)),
        Stdin::File(file) => {
            rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
            Ok((file.into(), None))
        }
        bytes @ (Stdin::Bytes(_) | Stdin::Secret(_)) => {
            let (reader, writer) = std::io::pipe()?;
            Ok((reader.into(), Some((pipe::Sender::from_owned_fd(writer.into())?, bytes))))
        }
    }
}

fn open_output(pump: &OutputPump) -> std::io::Result<(OwnedFd, Option<pipe::Receiver>)> {
    if pump.discards() {
        return Ok((nowhere()?, None));
    }
    let (reader, writer) = std::io::pipe()?;
    Ok((writer.into(), Some(pipe::Receiver::from_owned_fd(reader.into())?)))
}

fn path_of(folder: &OwnedFd) -> std::io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd()))
}

fn nowhere() -> std::io::Result<OwnedFd> {
    Ok(rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

/// Follows a program to its end, and its streams to theirs: they end with it, because nothing that could
/// hold them outlives it.
async fn follow(
    mut channel: Channel,
    feed: Feed,
    outputs: [(OutputPump, Option<pipe::Receiver>); 2],
    asked: CancellationToken,
    stop: CancellationToken,
) -> Result<Exit, Refusal> {
    let feeding = tokio::spawn(write_stdin(feed));
    // A stream that may take no more ends the program.
    let full = CancellationToken::new();
    let [stdout, stderr] = outputs.map(|(pump, reader)| drain(pump, reader, full.clone()));
    let ending = async {
        tokio::select! {
            end = channel.end() => return end,
            () = asked.cancelled() => channel.terminate().await,
            () = stop.cancelled() => {}
            () = full.cancelled() => {}
        }
        let end = tokio::select! {
            end = channel.end() => return end,
            () = stop.cancelled() => stop_softly(&mut channel).await,
            () = full.cancelled() => None,
        };
        if end.is_some() {
            return end;
        }
        channel.kill().await;
        channel.end().await
    };
    let (end, stdout, stderr) = tokio::join!(ending, stdout, stderr);
    feeding.abort();
    stdout.and(stderr)?;
    match end {
        Some(End::Code(code)) => Ok(Exit::Code(code)),
        Some(End::Signal(signal)) => Ok(Exit::Signal(signal)),
        None => Err(StepError::new(ErrorKind::Other, LOST, "the process that held the program is gone")),
    }
}

async fn stop_softly(channel: &mut Channel) -> Option<End> {
    channel.terminate().await;
    tokio::time::timeout(Duration::from_millis(KILL_GRACE_MS), channel.end()).await.unwrap_or(None)
}

async fn drain(pump: OutputPump, reader: Option<pipe::Receiver>, full: CancellationToken) -> Result<(), Refusal> {
    let drained = match reader {
        Some(reader) => pump.drain(reader).await,
        None => pump.finish(),
    };
    if drained.is_err() {
        full.cancel();
    }
    drained
}

async fn write_stdin(feed: Feed) {
    if let Some((mut to, stdin)) = feed {
        // A program that does not read to the end is free to.
        let _ = match stdin {
            Stdin::Bytes(bytes) => to.write_all(&bytes).await,
            Stdin::Secret(secret) => to.write_all(secret.expose()).await,
            Stdin::Empty | Stdin::File(_) => Ok(()),
        };
    }
}

fn no_streams(error: &std::io::Error) -> Refusal {
    StepError::new(ErrorKind::Io, "E-PROCESS-START", format!("the program's streams cannot be opened: {error}"))
}

fn not_started(program: &str, failure: &LaunchFailure) -> Refusal {
    let LaunchFailure { stage, error } = failure;
    let not_found = *stage == SetupStage::Exec && error.kind() == std::io::ErrorKind::NotFound;
    if not_found {
        let message = format!("the program `{program}` is not there");
        return StepError::new(ErrorKind::NotFound, "E-PROCESS-NOT-FOUND", message)
            .help("install it, or add its folder to `PATH`");
    }
    StepError::new(ErrorKind::Io, "E-PROCESS-START", format!("`{program}` cannot be started: {stage} failed: {error}"))
}
