//! What a stage has while it runs: workspace, container, services, and a deployment's locks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sealock_broker::containers::{
    HostMount, Scope, ServiceSpec, Services, StageContainer, StageContainerSpec, StageNetwork,
};
use sealock_broker::place::Place;
use sealock_broker::{EnvText, StepDesk, WorkspaceDir};
use sealock_contract::grant::FileGrant;
use sealock_contract::seam::{Level, Note, Refusal};
use sealock_contract::{Grant, SecretText, StepLimits};
use sealock_deploy::Deployment;
use sealock_events::{Cause, EventKind, LogLevel, ServiceState};
use sealock_plan::PlannedStage;
use sealock_workspace::{FOLDER_DEPTH_MAX, LinkRules, Selection, View};
use serde_json::{Map, Value as Json};
use tokio::sync::mpsc;

use crate::attempt::{self, disk};
use crate::groups::Held;
use crate::known::Files;
use crate::machine::{Input, StageId};
use crate::scripts::Taken;
use crate::shared::Shared;
use crate::stage_spec::StageSpec;
use crate::try_folder::SpareFolders;
use crate::verifying::Ready;

/// A stage's own things. Dropped, all of them end.
pub(crate) struct Room {
    pub(crate) id: StageId,
    pub(crate) stage: String,
    workspace: Mutex<Arc<WorkspaceDir>>,
    pub(crate) place: Arc<dyn Place>,
    /// `needs`, settled when the stage started.
    pub(crate) needs: Map<String, Json>,
    /// `stage` of expressions: services, workspace.
    pub(crate) context: Map<String, Json>,
    /// What the environment gives to the release's services.
    pub(crate) environment_secrets: Vec<(String, SecretText)>,
    pub(crate) deployment: OnceLock<Arc<Deployment>>,
    plan: Arc<PlannedStage>,
    pub(crate) spare_folders: SpareFolders,
    /// Why the workspace of a stage that goes on is not as its last finished step left it.
    fresh: Option<String>,
    verifiers: Mutex<Vec<Ready>>,
    handed_on: Mutex<HandedOn>,
    env: Vec<(String, EnvText)>,
    in_container: bool,
    /// Of native commands of the host.
    home: PathBuf,
    view: View,
    /// The stage's containers and network go with it.
    scope: Arc<Scope>,
    services: Option<Services>,
    inputs: mpsc::UnboundedSender<Input>,
    /// How often the stage was started again from its first step.
    pub(crate) generation: u32,
    _held: Vec<Held>,
}

/// What scripts gave to later steps.
#[derive(Clone, Default)]
pub(crate) struct HandedOn {
    pub(crate) env: Vec<(String, String)>,
    pub(crate) path: Vec<String>,
}

impl Room {
    /// Gets everything that the stage needs before its first step, but for locks.
    ///
    /// # Errors
    ///
    /// What could not be had; nothing of it is left.
    pub(crate) async fn open(
        shared: &Arc<Shared>,
        spec: StageSpec,
        held: Vec<Held>,
        inputs: mpsc::UnboundedSender<Input>,
    ) -> Result<Self, Cause> {
        let (view, fresh) = open_view(shared, &spec)?;
        let workspace = Mutex::new(Arc::new(WorkspaceDir::open(view.path()).map_err(|error| disk(&error))?));
        let home = shared.home_folder(&spec.stage);
        std::fs::create_dir_all(&home).map_err(|error| disk(&error))?;
        let scope = Scope::new(&shared.engine, shared.run.clone());
        if spec.container.is_some() || !spec.services.is_empty() {
            shared.reap().await;
        }
        let network = open_network(&scope, &spec).await?;
        let services = open_services(shared, &scope, &spec, network.as_ref()).await?;
        let container = open_container(shared, &scope, &spec, &view, network).await?;
        let in_container = container.is_some();
        let generation = spec.generation;
        let kept = spec.goes_on.filter(|_| fresh.is_none()).map(|own| own.handed_on).unwrap_or_default();
        let room = Self {
            id: spec.id,
            context: context(&view, services.as_ref()),
            place: match container {
                Some(container) => Arc::new(container),
                None => Arc::new(shared.host.at_home(home.clone())),
            },
            home,
            stage: spec.stage,
            workspace,
            needs: spec.needs,
            environment_secrets: spec.environment_secrets,
            deployment: OnceLock::new(),
            plan: spec.plan,
            spare_folders: SpareFolders::default(),
            fresh,
            verifiers: Mutex::default(),
            handed_on: Mutex::default(),
            env: spec.env,
            in_container,
            view,
            scope,
            services,
            inputs,
            generation,
            _held: held,
        };
        for taken in kept {
            room.keep(taken);
        }
        Ok(room)
    }

    /// Ends container and services, after a last look at the workspace where one is wanted.
    pub(crate) async fn close(mut self, shared: &Shared) {
        if let Some(look) = &shared.last_look {
            look(self.view.path());
        }
        let services = self.services.take();
        for service in services.iter().flat_map(Services::services) {
            shared.recorder.tell(service_event(&self.stage, &service.name, ServiceState::Stopped, None));
        }
        drop((services, self.place));
        if let Err(error) = self.scope.close().await {
            tracing::warn!(%error, stage = self.stage, "containers of the stage were not removed");
        }
    }

    /// Why the workspace of a stage that goes on is not as its last finished step left it.
    pub(crate) fn fresh(&self) -> Option<String> {
        self.fresh.clone()
    }

    /// The workspace, as it is mounted now.
    pub(crate) fn workspace(&self) -> Arc<WorkspaceDir> {
        self.workspace.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what steps wrote so far apart from what the next one writes.
    pub(crate) fn before_writing(&self, shared: &Shared, step: &str, number: u32) -> Result<(), Cause> {
        let step = writer(step, number);
        let is_new = self.view.before_step(&shared.checkout, &step, self.in_container).map_err(|error| disk(&error))?;
        if is_new {
            let opened = WorkspaceDir::open(self.view.path()).map_err(|error| disk(&error))?;
            *self.workspace.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(opened);
        }
        Ok(())
    }

    /// Leaves the workspace for whoever resumes the run.
    pub(crate) fn keep_workspace(&self) {
        self.view.keep();
    }

    /// How long its locks are waited for: as long as the stage itself may take.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(self.plan.timeout_ms)
    }

    /// The stage's verifiers, as far as their inputs are known.
    pub(crate) fn verifiers(&self) -> Vec<Ready> {
        self.verifiers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_verifiers(&self, ready: Vec<Ready>) {
        *self.verifiers.lock().unwrap_or_else(PoisonError::into_inner) = ready;
    }

    /// What a step of the stage may touch.
    pub(crate) fn grant_of(&self, shared: &Shared, step: &str) -> Grant {
        shared.grant(&self.plan, step)
    }

    pub(crate) fn limits_of(&self, step: &str) -> StepLimits {
        self.plan.steps.iter().find(|own| own.key == step).map(|own| own.limits).unwrap_or_default()
    }

    /// Whether native commands of its steps run on this machine itself.
    pub(crate) fn is_on_host(&self) -> bool {
        !self.in_container
    }

    /// Whether a step is planned behind `step`.
    pub(crate) fn has_step_after(&self, step: &str) -> bool {
        self.plan.steps.last().is_some_and(|last| last.key != step)
    }

    /// The stage's step called `step` when it is one of `plugin`, else its first step that is.
    pub(crate) fn step_like(&self, step: &str, plugin: &str) -> Option<String> {
        let mut alike = self.plan.steps.iter().filter(|own| own.plugin == plugin);
        let same = self.plan.steps.iter().find(|own| own.plugin == plugin && own.key == step);
        same.or_else(|| alike.next()).map(|own| own.key.clone())
    }

    pub(crate) fn environment(&self) -> Option<&str> {
        self.plan.environment.as_deref()
    }

    /// The release that the stage's deployment makes.
    pub(crate) fn release(&self) -> Option<String> {
        self.deployment.get().map(|deployment| deployment.release().to_owned())
    }

    /// What native commands are given before their step's own `env`: facts, what earlier steps handed on, the
    /// pipeline's and the stage's entries.
    pub(crate) fn base_env(&self, shared: &Shared) -> Vec<(String, EnvText)> {
        let mut env: BTreeMap<String, EnvText> = BTreeMap::new();
        let handed_on = self.handed_on();
        if !self.in_container {
            env.extend(shared.host_env.iter().map(|(name, value)| (name.clone(), EnvText::Plain(value.clone()))));
            env.insert("HOME".to_owned(), EnvText::Plain(self.home.display().to_string()));
            if let Some(EnvText::Plain(path)) = env.get("PATH").filter(|_| !handed_on.path.is_empty()) {
                let path = format!("{}:{path}", handed_on.path.join(":"));
                env.insert("PATH".to_owned(), EnvText::Plain(path));
            }
        }
        env.extend(shared.fact_env());
        env.insert("GITHUB_WORKSPACE".to_owned(), EnvText::Plain(self.view.path().display().to_string()));
        env.extend(self.env.iter().cloned());
        env.extend(handed_on.env.into_iter().map(|(name, value)| (name, EnvText::Plain(value))));
        env.into_iter().collect()
    }

    pub(crate) fn handed_on(&self) -> HandedOn {
        self.handed_on.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what a script handed on for the steps behind it.
    pub(crate) fn keep(&self, taken: Taken) {
        let mut handed_on = self.handed_on.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, value) in taken.env {
            handed_on.env.retain(|(own, _)| *own != name);
            handed_on.env.push((name, value));
        }
        handed_on.path.splice(0..0, taken.path);
    }

    pub(crate) fn open_workspace(&self, writable: bool) -> std::io::Result<OwnedFd> {
        match self.view.read_only_fd().filter(|_| !writable) {
            Some(folder) => Ok(folder),
            None => attempt::open(self.view.path()),
        }
    }

    /// Copies of what the step was granted, as an open folder that lives as long as the selection.
    pub(crate) fn select(&self, files: &FileGrant) -> Result<(OwnedFd, Selection), Cause> {
        let selection = self.view.selection(&files.read).map_err(|error| cause(error.code(), &error))?;
        let folder = attempt::open(selection.path()).map_err(|error| disk(&error))?;
        Ok((folder, selection))
    }

    /// Removes links and nodes that leave the workspace; they fail the step.
    pub(crate) fn remove_escapes(&self, desk: &StepDesk) -> Result<(), Cause> {
        let tolerated = ["/usr", "/bin", "/lib", "/lib64", "/etc", "/opt", "/nix"].map(Path::new);
        let rules = LinkRules { names: &[], tolerated: &tolerated };
        let found = self.view.escaping_links(&rules).map_err(|error| unseen(&error))?;
        let failing: Vec<String> = found
            .iter()
            .filter(|escape| escape.kind.fails_step())
            .map(|escape| escape.path.display().to_string())
            .collect();
        if failing.is_empty() {
            return Ok(());
        }
        let message = format!("removed from the workspace, because it leaves it: {}", failing.join(", "));
        let _ = desk.step().tell(vec![Note::Log { level: Level::Error, message }]);
        Err(Cause {
            code: "E-WORKSPACE-LINK".into(),
            message: format!("the step left what leads out of the workspace: {}", failing.join(", ")),
            help: Some("make links relative, and let them stay inside".into()),
            exit: 3,
        })
    }

    pub(crate) fn fence(&self) -> Option<u64> {
        self.deployment.get().map(|deployment| highest_epoch(deployment))
    }

    /// Whether an effect may be started: every target is still ours.
    pub(crate) async fn check_effect(&self) -> Result<(), Cause> {
        match self.deployment.get() {
            Some(deployment) => deployment.check().await.map_err(crate::outcome::cause_of),
            None => Ok(()),
        }
    }

    /// Tells the machine that the deployment is a saga from here on.
    pub(crate) fn effect_began(&self) {
        let _ = self.inputs.send(Input::EffectBegan { stage: self.id });
    }
}

impl Files for Room {
    fn hash(&self, patterns: &[String]) -> Result<String, String> {
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        self.view.hash_files(&patterns).map_err(|error| error.to_string())
    }
}

/// What a try is called where it is noted who wrote into the workspace.
pub(crate) fn writer(step: &str, number: u32) -> String {
    format!("{step}/{number}")
}

/// The stage's workspace; in a stage that goes on the one that it had, or why it could not be that.
fn open_view(shared: &Shared, spec: &StageSpec) -> Result<(View, Option<String>), Cause> {
    let reopened = spec.goes_on.as_ref().map(|own| {
        let is_finished = |writer: &str| own.finished.iter().any(|step| step == writer);
        let reopened = View::reopen(&shared.checkout, &shared.folder, &spec.stage, is_finished);
        reopened.ok_or_else(|| "its workspace, as its last finished step left it, is not there any more".to_owned())
    });
    match reopened {
        Some(Ok(view)) => Ok((view, None)),
        fresh => {
            let view = View::create(&shared.checkout, &shared.folder, &spec.stage);
            Ok((view.map_err(|error| cause(error.code(), &error))?, fresh.and_then(Result::err)))
        }
    }
}

/// Why a workspace cannot be looked through.
fn unseen(error: &std::io::Error) -> Cause {
    if error.kind() != std::io::ErrorKind::InvalidFilename {
        return disk(error);
    }
    Cause {
        code: "E-WORKSPACE-DEEP".into(),
        message: format!("the step left folders nested more than {FOLDER_DEPTH_MAX} deep, or a path that is too long"),
        help: None,
        exit: 3,
    }
}

/// The highest epoch that a target is held with: what the run's record names.
pub(crate) fn highest_epoch(deployment: &Deployment) -> u64 {
    deployment.names().iter().filter_map(|name| deployment.epoch(name)).max().unwrap_or(0)
}

async fn open_network(scope: &Arc<Scope>, spec: &StageSpec) -> Result<Option<StageNetwork>, Cause> {
    let is_needed = !spec.services.is_empty() || (spec.container.is_some() && spec.outside_network);
    if !is_needed {
        return Ok(None);
    }
    // Ports of an internal network cannot be published: only a stage whose steps are on it can do without the world.
    let made = if spec.outside_network || spec.container.is_none() {
        scope.network().await
    } else {
        scope.internal_network().await
    };
    made.map(Some).map_err(crate::outcome::cause_of)
}

async fn open_services(
    shared: &Arc<Shared>,
    scope: &Arc<Scope>,
    spec: &StageSpec,
    network: Option<&StageNetwork>,
) -> Result<Option<Services>, Cause> {
    let Some(network) = network.filter(|_| !spec.services.is_empty()) else {
        return Ok(None);
    };
    let told = |name: &str, state, detail| shared.recorder.tell(service_event(&spec.stage, name, state, detail));
    spec.services.iter().for_each(|service| told(&service.name, ServiceState::Starting, None));
    let specs: Vec<ServiceSpec> =
        spec.services.iter().map(|service| service.resolve(&shared.broker)).collect::<Result<_, _>>()?;
    let tell = |line: String| tell_stage(shared, &spec.stage, &line);
    let started = Services::start(scope, network, specs, &tell).await;
    let services = started.map_err(|error| {
        let cause = refused(shared, error);
        spec.services.iter().for_each(|service| told(&service.name, ServiceState::Failed, None));
        cause
    })?;
    for service in services.services() {
        let ports: Vec<_> = service.ports.iter().map(|(inner, host)| format!("{inner} at 127.0.0.1:{host}")).collect();
        told(&service.name, ServiceState::Healthy, Some(ports.join(", ")));
    }
    Ok(Some(services))
}

async fn open_container(
    shared: &Arc<Shared>,
    scope: &Arc<Scope>,
    spec: &StageSpec,
    view: &View,
    network: Option<StageNetwork>,
) -> Result<Option<StageContainer>, Cause> {
    let Some(own) = &spec.container else {
        return Ok(None);
    };
    let steps = shared.steps_folder(&spec.stage);
    std::fs::create_dir_all(&steps).map_err(|error| disk(&error))?;
    let container = StageContainerSpec {
        image: own.image.clone(),
        env: own.resolve(&shared.broker)?,
        workspace: view.path().to_owned(),
        workspace_at: view.path().to_owned(),
        mounts: vec![HostMount { from: steps.clone(), at: steps, read_only: false }],
        network,
        aliases: Vec::new(),
        user: None,
    };
    let tell = |line: String| tell_stage(shared, &spec.stage, &line);
    StageContainer::start(scope, container, &tell).await.map(Some).map_err(|error| refused(shared, error))
}

/// What a container said before it failed belongs to no step, whose desk would have redacted it.
fn refused(shared: &Shared, error: Refusal) -> Cause {
    let mut cause = crate::outcome::cause_of(error);
    cause.message = shared.broker.vault().redactor().redact_text(&cause.message).into_owned();
    cause
}

/// What containers tell while they start belongs to no step.
fn tell_stage(shared: &Shared, stage: &str, line: &str) {
    let text = shared.broker.vault().redactor().redact_text(line).into_owned();
    let (stage, step) = (stage.to_owned(), String::new());
    shared.recorder.tell(EventKind::Log { stage, step, level: LogLevel::Info, text });
}

fn service_event(stage: &str, name: &str, state: ServiceState, detail: Option<String>) -> EventKind {
    EventKind::Service {
        stage: stage.to_owned(),
        name: name.to_owned(),
        state,
        detail: detail.filter(|text| !text.is_empty()),
    }
}

/// The `stage` context.
fn context(view: &View, services: Option<&Services>) -> Map<String, Json> {
    let mut context = Map::new();
    context.insert("workspace".into(), view.path().display().to_string().into());
    let services = services.into_iter().flat_map(Services::services);
    let listed: Map<String, Json> = services
        .map(|service| {
            let ports: Map<String, Json> =
                service.ports.iter().map(|(inner, host)| (inner.to_string(), host.to_string().into())).collect();
            (service.name.clone(), serde_json::json!({ "ports": ports }))
        })
        .collect();
    context.insert("services".into(), listed.into());
    context
}

pub(crate) fn cause(code: &str, error: &(dyn std::error::Error + 'static)) -> Cause {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let _ = write!(message, ": {inner}");
        source = inner.source();
    }
    Cause { code: code.to_owned(), message, help: None, exit: sealock_diagnostics::codes::exit(code) }
}
