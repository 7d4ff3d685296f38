//! A command inside a stage's container, to its end.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use futures_util::StreamExt;
use sealock_contract::seam::{Exit, Refusal};
use sealock_contract::{ErrorKind, StepError};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::run::{Output, Pumps};
use super::sweep;
use crate::place::Stdin;

/// Between two looks whether a command has ended whose output something else still holds open.
const LOOK_MS: u64 = 250;
/// For the rest of the output once everything is dead.
const REST_SECONDS: u64 = 5;

/// What runs in one container.
pub(super) struct Activity {
    pub(super) engine: Engine,
    pub(super) container: String,
    /// Commands that run. Held while the container is swept, so that none begins then.
    commands: Mutex<usize>,
}

/// One command that has been started.
pub(super) struct Exec {
    activity: Arc<Activity>,
    id: String,
    mark: String,
    user: String,
    output: Output,
    input: Pin<Box<dyn AsyncWrite + Send>>,
}

impl Activity {
    pub(super) fn new(engine: Engine, container: String) -> Arc<Self> {
        Arc::new(Self { engine, container, commands: Mutex::new(0) })
    }

    /// Starts what `config` says.
    pub(super) async fn start(self: &Arc<Self>, mark: String, config: ExecConfig) -> Result<Exec, Refusal> {
        let mut commands = self.commands.lock().await;
        let docker = self.engine.docker().await?;
        let doing = "run a command in the stage's container";
        let refusal = |error| self.engine.refusal(doing, &error);
        let user = config.user.clone().unwrap_or_default();
        let exec = docker.create_exec(&self.container, config).await.map_err(refusal)?;
        let options = StartExecOptions { output_capacity: Some(64 << 10), ..StartExecOptions::default() };
        match docker.start_exec(&exec.id, Some(options)).await.map_err(refusal)? {
            StartExecResults::Attached { output, input } => {
                *commands += 1;
                Ok(Exec { activity: self.clone(), id: exec.id, mark, user, output, input })
            }
            StartExecResults::Detached => Err(self.engine.lost(doing, &"it was not attached to")),
        }
    }

    /// Ends what the command left: everything, when no other command runs.
    async fn end(&self, user: &str, mark: &str) -> Result<(), Refusal> {
        let mut commands = self.commands.lock().await;
        *commands = commands.saturating_sub(1);
        if *commands == 0 {
            return sweep::everything(&self.engine, &self.container).await;
        }
        sweep::marked(&self.engine, &self.container, user, mark).await;
        Ok(())
    }
}

impl Exec {
    /// Follows the command to its end, and ends what it left running.
    pub(super) async fn follow(
        self,
        program: String,
        stdin: Stdin,
        mut pumps: Pumps,
        asked: CancellationToken,
        stop: CancellationToken,
    ) -> Result<Exit, Refusal> {
        let Self { activity, id, mark, user, mut output, input } = self;
        let feeding = tokio::spawn(feed(stdin, input));
        let asking = async {
            asked.cancelled().await;
            sweep::ask(&activity.engine, &activity.container, &user, &mark).await;
            std::future::pending().await
        };
        let followed = tokio::select! {
            followed = until_end(&activity, &id, &mut output, &mut pumps, &stop) => followed,
            followed = asking => followed,
        };
        let swept = activity.end(&user, &mark).await;
        feeding.abort();
        if let Ok(Ended::Left) = followed {
            rest(&mut output, &mut pumps).await?;
        }
        let exit = match followed? {
            Ended::Stopped => Exit::Signal(9),
            Ended::Closed | Ended::Left => exit(&activity.engine, &id, &program).await?,
        };
        pumps.finish()?;
        swept.map(|()| exit)
    }
}

/// How following a command's output came to its end.
enum Ended {
    Stopped,
    /// The output is at its end.
    Closed,
    /// The command has ended, and something that it left holds its output open.
    Left,
}

async fn until_end(
    activity: &Activity,
    id: &str,
    output: &mut Output,
    pumps: &mut Pumps,
    stop: &CancellationToken,
) -> Result<Ended, Refusal> {
    let mut looks = tokio::time::interval(Duration::from_millis(LOOK_MS));
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    looks.tick().await;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(Ended::Stopped),
            item = output.next() => match item {
                Some(Ok(item)) => pumps.write(&item)?,
                Some(Err(error)) => return Err(activity.engine.refusal("follow a command", &error)),
                None => return Ok(Ended::Closed),
            },
            _ = looks.tick() => {
                if !is_running(&activity.engine, id).await? {
                    return Ok(Ended::Left);
                }
            }
        }
    }
}

/// What was in the pipes when the last writer died.
async fn rest(output: &mut Output, pumps: &mut Pumps) -> Result<(), Refusal> {
    let reading = async {
        while let Some(Ok(item)) = output.next().await {
            pumps.write(&item)?;
        }
        Ok(())
    };
    tokio::time::timeout(Duration::from_secs(REST_SECONDS), reading).await.unwrap_or(Ok(()))
}

async fn is_running(engine: &Engine, id: &str) -> Result<bool, Refusal> {
    let exec = engine.docker().await?.inspect_exec(id).await;
    let exec = exec.map_err(|error| engine.refusal("look at a command", &error))?;
    Ok(exec.running.unwrap_or(false))
}

async fn exit(engine: &Engine, id: &str, program: &str) -> Result<Exit, Refusal> {
    // The output may end a little before the engine knows the exit code.
    const LOOKS: u32 = 200;
    for _ in 0..LOOKS {
        let exec = engine.docker().await?.inspect_exec(id).await;
        let exec = exec.map_err(|error| engine.refusal("look at a command", &error))?;
        match (exec.running.unwrap_or(false), exec.exit_code) {
            (false, Some(code)) => return outcome(code, exec.pid, program),
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    Err(engine.lost("run a command in the stage's container", &"it told no exit code"))
}

/// A command without a process has not been started.
fn outcome(code: i64, pid: Option<i64>, program: &str) -> Result<Exit, Refusal> {
    if pid.unwrap_or(0) == 0 && matches!(code, 126 | 127) {
        let message = format!("`{program}` is not a program of the stage's container");
        let refusal = StepError::new(ErrorKind::NotFound, "E-PROCESS-NOT-FOUND", message);
        return Err(refusal.help("use an image that has it, or install it in a step before"));
    }
    Ok(match code {
        // As shells tell that a signal ended it, and as the engine does.
        129..=192 => Exit::Signal(i32::try_from(code - 128).unwrap_or(9)),
        code => Exit::Code(i32::try_from(code).unwrap_or(i32::MAX)),
    })
}

async fn feed(stdin: Stdin, mut input: Pin<Box<dyn AsyncWrite + Send>>) {
    // A command that does not read to the end is no failure.
    let _ = match stdin {
        Stdin::Empty => Ok(()),
        Stdin::Bytes(bytes) => input.write_all(&bytes).await,
        Stdin::Secret(secret) => input.write_all(secret.expose()).await,
        Stdin::File(file) => {
            let mut file = tokio::fs::File::from_std(file);
            tokio::io::copy(&mut file, &mut input).await.map(|_| ())
        }
    };
    let _ = input.shutdown().await;
    // Dropping it would close the output as well.
    std::future::pending::<()>().await;
}
