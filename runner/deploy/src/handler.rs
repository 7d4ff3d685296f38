//! The broker's handler for `targets`.
//!
//! Every request is checked against the step's own grant and the deployment of the step's stage, and every
//! change carries the epoch that the deployment holds the target with.

use std::collections::HashMap;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use sealock_broker::{Handler, Object, Step};
use sealock_contract::grant::Capability;
use sealock_contract::seam::{Answer, Handle, Level, Note, Refusal, Request, Response, TargetsRequest};
use sealock_contract::{ErrorKind, StepError};

use crate::bundle::{self, BUNDLE_BYTES_MAX, is_plain_below};
use crate::deployment::Deployment;
use crate::error::TargetError;
use crate::held::Held;
use crate::pull;
use crate::script;

/// What a file that is copied from a target may have at most.
const DOWNLOAD_BYTES_MAX: u64 = 64 << 20;

/// Runs the verifying steps of a stage against some of its targets, now.
pub trait Verify: Send + Sync {
    /// Runs them.
    ///
    /// # Errors
    ///
    /// The first that failed.
    fn verify(&self, targets: Vec<String>) -> BoxFuture<'_, Result<(), StepError>>;
}

/// Writes down that targets are switched: before, so that a crash in between is known, and after.
pub trait Chronicle: Send + Sync {
    /// `target` is about to be switched to `release`, or to none.
    ///
    /// # Errors
    ///
    /// When it cannot be written down: then nothing is switched.
    fn switching<'a>(&'a self, target: &'a str, release: &'a str) -> BoxFuture<'a, Result<(), StepError>>;

    /// It is.
    ///
    /// # Errors
    ///
    /// When it cannot be written down.
    fn switched<'a>(&'a self, target: &'a str, release: &'a str) -> BoxFuture<'a, Result<(), StepError>>;
}

/// Acts on targets for the steps of stages that deploy.
#[derive(Default)]
pub struct TargetsHandler {
    stages: RwLock<HashMap<String, Arc<StageDeployment>>>,
}

/// A stage's deployment, and how its releases are verified.
struct StageDeployment {
    deployment: Arc<Deployment>,
    verify: Arc<dyn Verify>,
    chronicle: Arc<dyn Chronicle>,
    started: Started,
}

/// How many scripts each desk started on each target: the same ones in the same order when its try is made again.
#[derive(Default)]
struct Started(Mutex<HashMap<(String, u64, String), u64>>);

impl Started {
    fn next(&self, step: &Step, target: &str) -> u64 {
        let desk = (step.name().step.clone(), step.epoch(), target.to_owned());
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(desk).or_default();
        *count += 1;
        *count - 1
    }
}

/// What a handle of a target stands for.
struct OpenTarget {
    name: String,
}

/// Where a request acts.
pub(crate) struct Place<'a> {
    pub(crate) step: &'a Arc<Step>,
    pub(crate) deployment: &'a Arc<Deployment>,
    pub(crate) name: String,
    started: &'a Started,
}

impl Place<'_> {
    pub(crate) fn held(&self) -> Result<&Held, TargetError> {
        self.deployment.held(&self.name)
    }

    /// Of the next script that is started: the same one when the same try is made again after a crash.
    pub(crate) fn next_key(&self) -> String {
        let number = self.started.next(self.step, &self.name);
        format!("{}.{}.{number}", step_key(self.deployment, self.step), self.step.action())
    }
}

impl TargetsHandler {
    /// A handler that knows no stage yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the steps of `stage` act on the targets of `deployment`.
    pub fn begin(
        &self,
        stage: &str,
        deployment: Arc<Deployment>,
        verify: Arc<dyn Verify>,
        chronicle: Arc<dyn Chronicle>,
    ) {
        let begun = Arc::new(StageDeployment { deployment, verify, chronicle, started: Started::default() });
        self.stages.write().unwrap_or_else(PoisonError::into_inner).insert(stage.to_owned(), begun);
    }

    /// Refuses the steps of `stage` from now on.
    pub fn end(&self, stage: &str) {
        self.stages.write().unwrap_or_else(PoisonError::into_inner).remove(stage);
    }

    fn stage(&self, step: &Step) -> Result<Arc<StageDeployment>, Refusal> {
        let stages = self.stages.read().unwrap_or_else(PoisonError::into_inner);
        stages.get(&step.name().stage).cloned().ok_or_else(|| {
            StepError::new(ErrorKind::Invalid, "E-TARGETS-NONE", "the step's stage is not a deployment")
                .help("give the stage an `environment`")
        })
    }

    async fn act(&self, step: &Arc<Step>, request: TargetsRequest) -> Result<Response, Refusal> {
        let stage = self.stage(step)?;
        match request {
            TargetsRequest::Names => Ok(Response::Names(stage.deployment.names())),
            TargetsRequest::Open { name } => open(step, &stage.deployment, name).await,
            TargetsRequest::Verify { names } => {
                names.iter().try_for_each(|name| step.grant().check_target(name))?;
                stage.deployment.check().await?;
                stage.verify.verify(names).await.map(|()| Response::Done)
            }
            TargetsRequest::SwitchTo { target, release } => {
                let place = place(step, &stage, target)?;
                switch(&place, stage.chronicle.as_ref(), &release).await
            }
            other => {
                let place = place(step, &stage, target_of(&other))?;
                on_target(&place, other).await
            }
        }
    }
}

fn place<'a>(step: &'a Arc<Step>, stage: &'a StageDeployment, handle: Handle) -> Result<Place<'a>, Refusal> {
    let target = step.handles().other::<OpenTarget>(handle)?;
    step.grant().check_target(&target.name)?;
    Ok(Place { step, deployment: &stage.deployment, name: target.name.clone(), started: &stage.started })
}

impl Handler for TargetsHandler {
    fn handle<'a>(&'a self, step: &'a Arc<Step>, request: Request) -> Answer<'a> {
        Box::pin(async move {
            match request {
                Request::Targets(request) => self.act(step, request).await,
                _ => Err(StepError::new(ErrorKind::Invalid, "E-TARGETS-NONE", "this is not a request for targets")),
            }
        })
    }
}

/// Begins the names of what a step starts on targets: plain file names there, which say to a person whose they are.
fn step_key(deployment: &Deployment, step: &Step) -> String {
    let plain = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).take(60).collect()
    };
    format!("{}.{}.{}", plain(deployment.run()), plain(&step.name().stage), plain(&step.name().step))
}

fn target_of(request: &TargetsRequest) -> Handle {
    match request {
        TargetsRequest::Upload { target, .. }
        | TargetsRequest::Download { target, .. }
        | TargetsRequest::WriteSecret { target, .. }
        | TargetsRequest::PullImage { target, .. }
        | TargetsRequest::Current { target }
        | TargetsRequest::Previous { target }
        | TargetsRequest::StageRelease { target, .. }
        | TargetsRequest::SwitchTo { target, .. }
        | TargetsRequest::Prune { target, .. } => *target,
        TargetsRequest::Script(script) => script.target,
        TargetsRequest::Names | TargetsRequest::Open { .. } | TargetsRequest::Verify { .. } => Handle(0),
    }
}

async fn open(step: &Arc<Step>, deployment: &Deployment, name: String) -> Result<Response, Refusal> {
    step.grant().check_target(&name)?;
    step.acts_on(Capability::Targets, &name);
    if deployment.is_taken_up() {
        settle(step, deployment, &name).await?;
    }
    let directory = deployment.held(&name)?.state().directory.clone();
    let handle = step.handles().insert(Object::Other(Arc::new(OpenTarget { name: name.clone() })))?;
    Ok(Response::Target { handle, name, directory })
}

/// Waits for the end of what a killed process of the run started for this step and left running on `name`: nobody can
/// say what it did while it does it, and it must not run beside its own second try.
async fn settle(step: &Arc<Step>, deployment: &Deployment, name: &str) -> Result<(), Refusal> {
    let held = deployment.held(name)?;
    let prefix = step_key(deployment, step);
    let mut is_told = false;
    loop {
        let reply = held.link.ask(&["settle", &prefix], Bytes::new()).await?;
        match reply.status.as_str() {
            "ok" => return Ok(()),
            "running" if is_told => {}
            "running" => {
                is_told = true;
                let message = format!("waiting for what the interrupted run still runs on {name}");
                step.tell(vec![Note::Log { level: Level::Info, message }])?;
            }
            other => return Err(held.link.refusal(other, &reply.text).into()),
        }
    }
}

async fn on_target(place: &Place<'_>, request: TargetsRequest) -> Result<Response, Refusal> {
    match request {
        TargetsRequest::Upload { local, remote, mode, .. } => {
            let bytes = read_file(place.step, &local).await?;
            write(place, &remote, mode, bytes).await
        }
        TargetsRequest::Download { remote, local, .. } => download(place, &remote, &local).await,
        TargetsRequest::WriteSecret { remote, mode, value, .. } => {
            let secret = place.step.secret_bytes(&*place.step.handles().secret(value)?)?;
            write(place, &remote, mode, Bytes::copy_from_slice(secret.expose())).await
        }
        TargetsRequest::PullImage { image, username, password, .. } => {
            pull::pull(place, &image, username.as_deref(), password).await.map(Response::Digest)
        }
        TargetsRequest::Current { .. } => Ok(Response::Release(place.deployment.confirmed_current(&place.name).await?)),
        TargetsRequest::Previous { .. } => Ok(Response::Release(place.deployment.previous(&place.name))),
        TargetsRequest::StageRelease { local, images, details, .. } => {
            let archive = archive(place.step, &local).await?;
            let staged = place.deployment.stage(&place.name, archive, images, details).await?;
            Ok(Response::Release(Some(staged)))
        }
        TargetsRequest::Prune { keep, .. } => {
            place.deployment.prune_later(&place.name, keep)?;
            Ok(Response::Done)
        }
        TargetsRequest::Script(asked) => script::start(place, &asked).await,
        TargetsRequest::Names
        | TargetsRequest::Open { .. }
        | TargetsRequest::Verify { .. }
        | TargetsRequest::SwitchTo { .. } => {
            Err(StepError::new(ErrorKind::Invalid, "E-TARGETS-NONE", "this request names no target"))
        }
    }
}

/// A switch that could be refused is refused before anybody writes down that it may have happened.
async fn switch(place: &Place<'_>, chronicle: &dyn Chronicle, release: &str) -> Result<Response, Refusal> {
    place.deployment.check_one(place.held()?).await?;
    chronicle.switching(&place.name, release).await?;
    let to = Some(release).filter(|release| !release.is_empty());
    place.deployment.switch(&place.name, to).await?;
    chronicle.switched(&place.name, release).await?;
    Ok(Response::Done)
}

fn check_remote(remote: &str) -> Result<(), Refusal> {
    if is_plain_below(remote) {
        return Ok(());
    }
    let message = format!("`{}` is not a plain path below the environment's directory", remote.escape_debug());
    Err(StepError::new(ErrorKind::Invalid, "E-TARGET-PATH", message)
        .help("releases and the deployment's own state cannot be written; use a folder such as `shared/`"))
}

async fn write(place: &Place<'_>, remote: &str, mode: u32, bytes: Bytes) -> Result<Response, Refusal> {
    check_remote(remote)?;
    let held = place.held()?;
    place.deployment.check_one(held).await?;
    place.deployment.touch();
    let (mode, size) = (format!("{:04o}", mode & 0o777), bytes.len().to_string());
    place.deployment.change(held, "write", &[remote, &mode, &size], bytes).await?;
    Ok(Response::Done)
}

async fn download(place: &Place<'_>, remote: &str, local: &str) -> Result<Response, Refusal> {
    check_remote(remote)?;
    let held = place.held()?;
    let reply = held.link.ask(&["read", remote, &DOWNLOAD_BYTES_MAX.to_string()], Bytes::new()).await?;
    let (target, path) = (place.name.clone(), remote.to_owned());
    let bytes = match reply.status.as_str() {
        "ok" => reply.file.unwrap_or_default(),
        "missing" => return Err(TargetError::NoFile { target, path }.into()),
        "large" => {
            let found = reply.text.parse().unwrap_or(u64::MAX);
            return Err(TargetError::Large { path, found, limit: DOWNLOAD_BYTES_MAX }.into());
        }
        other => return Err(held.link.refusal(other, &reply.text).into()),
    };
    let mut file = place.step.create_file(local)?;
    std::io::Write::write_all(&mut file, &bytes).map_err(|error| unreadable(local, &error))?;
    Ok(Response::Done)
}

async fn read_file(step: &Arc<Step>, local: &str) -> Result<Bytes, Refusal> {
    let file = step.open_file(local)?;
    let path = local.to_owned();
    off_thread(move || {
        let size = file.metadata().map_err(|error| unreadable(&path, &error))?.len();
        if size > BUNDLE_BYTES_MAX {
            return Err(TargetError::Large { path, found: size, limit: BUNDLE_BYTES_MAX }.into());
        }
        let mut bytes = Vec::new();
        let mut limited = std::io::Read::take(file, BUNDLE_BYTES_MAX);
        std::io::Read::read_to_end(&mut limited, &mut bytes).map_err(|error| unreadable(&path, &error))?;
        Ok(bytes.into())
    })
    .await
}

async fn archive(step: &Arc<Step>, local: &str) -> Result<(Bytes, sealock_contract::Digest), Refusal> {
    let folder = step.open_folder(local)?;
    off_thread(move || {
        // By the descriptor: what the path names may have changed since it was checked.
        let path = PathBuf::from(format!("/proc/self/fd/{}/.", folder.as_raw_fd()));
        bundle::folder(&path).map_err(|error| {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            StepError::new(ErrorKind::Invalid, error.code(), format!("{error}{source}"))
        })
    })
    .await
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let lost = |error: tokio::task::JoinError| StepError::new(ErrorKind::Other, "E-FILE-IO", error.to_string());
    tokio::task::spawn_blocking(work).await.map_err(lost)?
}

fn unreadable(path: &str, error: &std::io::Error) -> StepError {
    StepError::new(ErrorKind::Io, "E-FILE-IO", format!("`{path}` cannot be copied: {error}"))
}
