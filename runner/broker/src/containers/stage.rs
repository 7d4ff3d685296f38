//! A stage's `container`: one that stays, and in which its native programs run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::models::{ContainerCreateBody, EndpointSettings, ExecConfig, NetworkingConfig};
use futures_util::future::BoxFuture;
use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError};

use super::engine::Engine;
use super::exec::Activity;
use super::host_config::{HostMount, Logs, confined, environment};
use super::label;
use super::login::Logins;
use super::run::{Pumps, not_started};
use super::scope::{Container, Scope, StageNetwork};
use super::sweep::{FIRST_PROCESS, MARK};
use super::{Tell, pull};
use crate::place::{EnvValue, Launch, Place, Program, Stdin};
use crate::running::{Running, Started};
use crate::step::Step;

/// What a stage's container is to be.
pub struct StageContainerSpec {
    /// A reference; pulled when the engine does not have it.
    pub image: String,
    /// On top of the image's own; what a command is given comes on top of both.
    pub env: Vec<(String, EnvValue)>,
    /// The stage's workspace on the host.
    pub workspace: PathBuf,
    /// Where the container has it.
    pub workspace_at: PathBuf,
    /// What else of the host it sees: the steps' temporary folders.
    pub mounts: Vec<HostMount>,
    /// Its network; none at all without one.
    pub network: Option<StageNetwork>,
    /// By what others on the network know it.
    pub aliases: Vec<String>,
    /// As whom commands run; as the image says without one.
    pub user: Option<String>,
}

/// A container that waits for commands. It goes with its scope, or when it is dropped.
///
/// After each command that ended while no other ran, everything in it but its first process is dead.
pub struct StageContainer {
    container: Container,
    activity: Arc<Activity>,
    workspace_at: PathBuf,
    user: String,
}

impl StageContainer {
    /// Has the image pulled, and starts the container.
    ///
    /// # Errors
    ///
    /// `E-IMAGE-…`, `E-REGISTRY-…`, `E-CONTAINER-SHELL` for an image without `sh` and `sleep`,
    /// `E-CONTAINER-START`, `E-DOCKER-…`.
    pub async fn start(scope: &Arc<Scope>, spec: StageContainerSpec, tell: Tell<'_>) -> Result<Self, Refusal> {
        let engine = scope.engine();
        let image = pull::have(engine, &spec.image, &Logins::default(), tell).await?;
        let user = match &spec.user {
            Some(user) => user.clone(),
            None => user_of(engine, &image).await?,
        };
        let container = scope.create(None, body(&spec, image)?).await?;
        container.start().await.map_err(|error| explain(&spec.image, not_started(engine, &error)))?;
        let activity = Activity::new(engine.clone(), container.id.clone());
        Ok(Self { container, activity, workspace_at: spec.workspace_at, user })
    }

    /// The engine's id of it.
    pub fn id(&self) -> &str {
        &self.container.id
    }

    /// Ends and removes it.
    ///
    /// # Errors
    ///
    /// `E-DOCKER-…`.
    pub async fn remove(self) -> Result<(), Refusal> {
        self.container.remove().await
    }

    async fn launch(&self, launch: Launch) -> Result<Arc<dyn Running>, Refusal> {
        let mark = label::random();
        let (config, program) = self.exec(&launch, &mark)?;
        let exec = self.activity.start(mark, config).await.map_err(|refusal| not_found(refusal, &program))?;
        let (stdout, stderr) = (launch.stdout.capture(), launch.stderr.capture());
        let pumps = Pumps { stdout: launch.stdout, stderr: launch.stderr };
        let stdin = launch.stdin;
        Ok(Started::spawn_listening(launch.timeout, stdout, stderr, |asked, stop| {
            exec.follow(program, stdin, pumps, asked, stop)
        }))
    }

    fn exec(&self, launch: &Launch, mark: &str) -> Result<(ExecConfig, String), Refusal> {
        let program = match &launch.program {
            Program::Named(name) => name.clone(),
            Program::InWorkspace(path) => self.inside(path),
        };
        let mut env = environment(&launch.env)?;
        env.push(format!("{MARK}={mark}"));
        let config = ExecConfig {
            attach_stdin: Some(!matches!(launch.stdin, Stdin::Empty)),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(env),
            cmd: Some(std::iter::once(program.clone()).chain(launch.args.iter().cloned()).collect()),
            user: Some(self.user.clone()),
            working_dir: Some(self.inside(&launch.cwd)),
            ..ExecConfig::default()
        };
        Ok((config, program))
    }

    fn inside(&self, path: &str) -> String {
        let at = if path == "." { self.workspace_at.clone() } else { self.workspace_at.join(path) };
        at.to_string_lossy().into_owned()
    }
}

impl Place for StageContainer {
    fn start<'a>(&'a self, _: &'a Arc<Step>, launch: Launch) -> BoxFuture<'a, Result<Arc<dyn Running>, Refusal>> {
        Box::pin(self.launch(launch))
    }

    fn workspace(&self, _: &Step) -> PathBuf {
        self.workspace_at.clone()
    }
}

async fn user_of(engine: &Engine, image: &str) -> Result<String, Refusal> {
    let found = engine.docker().await?.inspect_image(image).await;
    let found = found.map_err(|error| engine.refusal("look up the stage's image", &error))?;
    let user = found.config.and_then(|config| config.user).unwrap_or_default();
    Ok(if user.is_empty() { "0:0".to_owned() } else { user })
}

/// The first process is root's, whoever commands run as: it does nothing but wait.
fn body(spec: &StageContainerSpec, image: String) -> Result<ContainerCreateBody, Refusal> {
    let workspace = HostMount { from: spec.workspace.clone(), at: spec.workspace_at.clone(), read_only: false };
    let mounts: Vec<HostMount> = std::iter::once(workspace).chain(spec.mounts.iter().cloned()).collect();
    let network = spec.network.as_ref().map(|network| network.name.as_str());
    Ok(ContainerCreateBody {
        image: Some(image),
        entrypoint: Some(["sh", "-c", FIRST_PROCESS].map(str::to_owned).to_vec()),
        cmd: Some(Vec::new()),
        env: Some(environment(&spec.env)?),
        user: Some("0:0".to_owned()),
        working_dir: Some(plain(&spec.workspace_at)),
        host_config: Some(confined(network, &mounts, Logs::None)),
        networking_config: network.map(|name| joined(name, spec.aliases.clone())),
        // The image's own check would start processes that are nobody's.
        healthcheck: Some(bollard::models::HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..bollard::models::HealthConfig::default()
        }),
        ..ContainerCreateBody::default()
    })
}

/// A container's place on `network`.
pub(super) fn joined(network: &str, aliases: Vec<String>) -> NetworkingConfig {
    let endpoint = EndpointSettings { aliases: Some(aliases), ..EndpointSettings::default() };
    NetworkingConfig { endpoints_config: Some([(network.to_owned(), endpoint)].into()) }
}

fn plain(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn explain(image: &str, refusal: Refusal) -> Refusal {
    if !refusal.message.contains("executable file not found") {
        return refusal;
    }
    let message = format!("the image {image} has no `sh`, and a stage's container needs `sh` and `sleep`");
    StepError::new(ErrorKind::Failed, "E-CONTAINER-SHELL", message)
        .help("use an image with a shell, such as a -slim one")
}

/// Some engines say at once that there is no such program, others by an exit code.
fn not_found(refusal: Refusal, program: &str) -> Refusal {
    let is_missing = ["executable file not found", "no such file or directory"];
    if !is_missing.iter().any(|text| refusal.message.contains(text)) {
        return refusal;
    }
    let message = format!("`{program}` is not a program of the stage's container");
    StepError::new(ErrorKind::NotFound, "E-PROCESS-NOT-FOUND", message)
        .help("use an image that has it, or install it in a step before")
}
