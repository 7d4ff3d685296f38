//! Runs one container for a step, to its end.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{AttachContainerOptionsBuilder, WaitContainerOptionsBuilder};
use futures_util::{Stream, StreamExt};
use sealock_contract::grant::{self, Capability, denied};
use sealock_contract::seam::{ContainerCommand, Exit, Mount, Refusal};
use sealock_contract::{ErrorKind, StepError};
use tokio_util::sync::CancellationToken;

use super::engine::{Engine, refused};
use super::host_config::{HostMount, Logs, confined, environment, place};
use super::scope::{Container, Scope};
use crate::output::OutputPump;
use crate::running::{Running, Started};
use crate::step::Step;

/// What the engine gives of a container's output.
pub(super) type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>;

/// Where a container with a network is when its stage has none.
const DEFAULT_NETWORK: &str = "bridge";

/// Both streams of a program.
pub(super) struct Pumps {
    pub(super) stdout: OutputPump,
    pub(super) stderr: OutputPump,
}

impl Pumps {
    pub(super) fn write(&mut self, output: &LogOutput) -> Result<(), Refusal> {
        match output {
            LogOutput::StdErr { message } => self.stderr.write(message),
            LogOutput::StdOut { message } | LogOutput::Console { message } => self.stdout.write(message),
            LogOutput::StdIn { .. } => Ok(()),
        }
    }

    pub(super) fn finish(self) -> Result<(), Refusal> {
        self.stdout.finish().and(self.stderr.finish())
    }
}

/// Starts `command` from `image`, the id of a granted image.
///
/// # Errors
///
/// `E-GRANT-…`, `E-CONTAINER-INVALID`, `E-CONTAINER-START`, `E-DOCKER-…`.
pub(super) async fn start(
    scope: &Arc<Scope>,
    step: &Arc<Step>,
    image: String,
    command: ContainerCommand,
) -> Result<Arc<dyn Running>, Refusal> {
    let pumps =
        Pumps { stdout: OutputPump::new(step, &command.stdout)?, stderr: OutputPump::new(step, &command.stderr)? };
    let timeout = command.timeout_ms.map(Duration::from_millis);
    let (stdout, stderr) = (pumps.stdout.capture(), pumps.stderr.capture());
    let body = body(step, image, command)?;
    let container = scope.create(Some(step.name()), body).await?;
    let output = attach(&container).await?;
    container.start().await.map_err(|error| not_started(&container.engine, &error))?;
    Ok(Started::spawn(timeout, stdout, stderr, |stop| follow(container, output, pumps, stop)))
}

fn body(step: &Step, image: String, command: ContainerCommand) -> Result<ContainerCreateBody, Refusal> {
    if command.network && step.grant().network.is_empty() {
        return Err(denied(Capability::Network, "of containers", "network: [\"host:port\"]"));
    }
    let mounts = command.mounts.iter().map(|mount| resolve(step, mount)).collect::<Result<Vec<_>, _>>()?;
    let network = command.network.then_some(DEFAULT_NETWORK);
    let mut host_config = confined(network, &mounts, Logs::None);
    host_config.init = Some(true);
    let workdir = command.workdir.as_deref().map(place).transpose()?;
    Ok(ContainerCreateBody {
        image: Some(image),
        entrypoint: command.entrypoint.map(|program| vec![program]),
        cmd: (!command.args.is_empty()).then_some(command.args),
        env: Some(own_environment(step, command.env, &command.secret_env)?),
        working_dir: workdir.map(|path| path.to_string_lossy().into_owned()),
        user: command.user.map(check_user).transpose()?,
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(host_config),
        ..ContainerCreateBody::default()
    })
}

/// Only what the step names: a stage's environment is for its native programs, and its `PATH` is not the
/// image's.
fn own_environment(
    step: &Step,
    plain: Vec<(String, String)>,
    secret: &[(String, sealock_contract::seam::Handle)],
) -> Result<Vec<String>, Refusal> {
    let named: std::collections::BTreeSet<String> =
        plain.iter().map(|(name, _)| name).chain(secret.iter().map(|(name, _)| name)).cloned().collect();
    let mut all = step.environment(plain, secret)?;
    all.retain(|(name, _)| named.contains(name));
    environment(&all)
}

fn check_user(user: String) -> Result<String, Refusal> {
    let is_user_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':');
    if !user.is_empty() && user.chars().all(is_user_char) && !user.starts_with('-') {
        return Ok(user);
    }
    let message = format!("`{}` is no user of a container", user.escape_debug());
    Err(StepError::new(ErrorKind::Invalid, "E-CONTAINER-INVALID", message))
}

/// Resolves a mount as the kernel does, below the workspace, and gives the engine the path that came out.
/// Somebody who could exchange a folder of it for a link between the two runs in the workspace already.
fn resolve(step: &Step, mount: &Mount) -> Result<HostMount, Refusal> {
    let files = &step.grant().files;
    if mount.read_only {
        files.check_read(&mount.path)?;
    } else {
        files.check_write(&mount.path)?;
    }
    let path = grant::plain(&mount.path)?;
    let found = step.workspace().locate(&path, step.reading_links())?;
    let real = std::os::fd::AsRawFd::as_raw_fd(&found);
    let real = std::fs::read_link(format!("/proc/self/fd/{real}"))
        .map_err(|error| StepError::new(ErrorKind::Io, "E-FILE-IO", format!("`{path}` cannot be found: {error}")))?;
    Ok(HostMount { from: real, at: place(&mount.at)?, read_only: mount.read_only })
}

async fn attach(container: &Container) -> Result<Output, Refusal> {
    let options = AttachContainerOptionsBuilder::new().stream(true).stdout(true).stderr(true).build();
    let attached = container.engine.docker().await?.attach_container(&container.id, Some(options)).await;
    attached.map(|attached| attached.output).map_err(|error| container.engine.refusal("follow a container", &error))
}

/// What the engine says of a container that does not start.
pub(super) fn not_started(engine: &Engine, error: &Error) -> Refusal {
    let Error::DockerResponseServerError { message, .. } = error else {
        return engine.refusal("start a container", error);
    };
    let message = format!("the container does not start: {}", message.trim());
    StepError::new(ErrorKind::Failed, "E-CONTAINER-START", message)
        .help("check the program, the working directory, and the user that the image is to start with")
}

async fn follow(
    container: Container,
    mut output: Output,
    mut pumps: Pumps,
    stop: CancellationToken,
) -> Result<Exit, Refusal> {
    let followed = loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break Ok(Some(Exit::Signal(9))),
            item = output.next() => match item {
                Some(Ok(item)) => if let Err(refusal) = pumps.write(&item) { break Err(refusal) },
                Some(Err(error)) => break Err(container.engine.refusal("follow a container", &error)),
                None => break Ok(None),
            },
        }
    };
    let ended = match followed {
        Ok(Some(exit)) => Ok(exit),
        Ok(None) => tokio::select! {
            () = stop.cancelled() => Ok(Exit::Signal(9)),
            exit = exit(&container) => exit,
        },
        Err(refusal) => Err(refusal),
    };
    let removed = container.remove().await;
    let exit = ended?;
    pumps.finish()?;
    removed.map(|()| exit)
}

async fn exit(container: &Container) -> Result<Exit, Refusal> {
    let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
    let mut waiting = container.engine.docker().await?.wait_container(&container.id, Some(options));
    let code = match waiting.next().await {
        Some(Ok(ended)) => ended.status_code,
        Some(Err(Error::DockerContainerWaitError { error, code })) if error.is_empty() => code,
        Some(Err(Error::DockerContainerWaitError { error, .. })) => return Err(refused("run a container", &error)),
        Some(Err(error)) => return Err(container.engine.refusal("wait for a container", &error)),
        None => return Err(container.engine.lost("wait for a container", &"it told no exit code")),
    };
    Ok(Exit::Code(i32::try_from(code).unwrap_or(i32::MAX)))
}
