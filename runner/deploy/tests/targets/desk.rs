//! A step's desk in a stage that deploys.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use sealock_broker::place::{Launch, Place};
use sealock_broker::{Broker, Family, NoteSink, Running, SecretInput, Step, StepDesk, StepDeskSpec, WorkspaceDir};
use sealock_contract::grant::Pattern;
use sealock_contract::seam::{
    Desk, Exit, Handle, Note, Refusal, Release, Request, Response, Script, Stdio, TargetsRequest,
};
use sealock_contract::{Grant, SecretText, StepError, StepLimits, StepName};
use sealock_deploy::{Chronicle, Deployment, TargetsHandler, Verify};
use sealock_secrets::{SecretBytes, Vault};
use tempfile::TempDir;

/// The value of the secret `TOKEN`.
pub(crate) const TOKEN: &str = "s3cr3t-Tok3n-value";

pub(crate) struct Counter {
    pub(crate) desk: Arc<StepDesk>,
    pub(crate) workspace: TempDir,
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) verified: Arc<Verified>,
    pub(crate) written: Arc<Written>,
    _broker: Broker,
}

#[derive(Default)]
pub(crate) struct Verified(pub(crate) Mutex<Vec<Vec<String>>>);

impl Verify for Verified {
    fn verify(&self, targets: Vec<String>) -> BoxFuture<'_, Result<(), StepError>> {
        self.0.lock().unwrap().push(targets);
        Box::pin(async { Ok(()) })
    }
}

/// What was written down of switches.
#[derive(Default)]
pub(crate) struct Written(pub(crate) Mutex<Vec<String>>);

impl Written {
    fn write(&self, line: String) -> BoxFuture<'_, Result<(), StepError>> {
        self.0.lock().unwrap().push(line);
        Box::pin(async { Ok(()) })
    }
}

impl Chronicle for Written {
    fn switching<'a>(&'a self, target: &'a str, release: &'a str) -> BoxFuture<'a, Result<(), StepError>> {
        self.write(format!("{target} → {release}"))
    }

    fn switched<'a>(&'a self, target: &'a str, release: &'a str) -> BoxFuture<'a, Result<(), StepError>> {
        self.write(format!("{target} on {release}"))
    }
}

struct Nowhere;

impl NoteSink for Nowhere {
    fn note(&self, _step: &StepName, _notes: Vec<Note>) {}
}

impl Place for Nowhere {
    fn start<'a>(&'a self, _step: &'a Arc<Step>, _launch: Launch) -> BoxFuture<'a, Result<Arc<dyn Running>, Refusal>> {
        unreachable!("these steps start no native program")
    }

    fn workspace(&self, _step: &Step) -> PathBuf {
        unreachable!("these steps start no native program")
    }
}

impl Counter {
    /// For a step that is granted `targets`, the secret `TOKEN`, and all files.
    pub(crate) fn open(deployment: Deployment, targets: &[&str]) -> Self {
        Self::open_for(deployment, targets, "run-1")
    }

    /// As [`Self::open`], for an action of this name.
    pub(crate) fn open_for(deployment: Deployment, targets: &[&str], action: &str) -> Self {
        let name = StepName { stage: "deploy".to_owned(), step: "app".to_owned() };
        let mut grant = Grant { secrets: vec!["TOKEN".to_owned()], ..Grant::default() };
        grant.targets = targets.iter().map(|&target| target.to_owned()).collect();
        grant.files.read = vec![Pattern("**".to_owned())];
        grant.files.write = vec![Pattern("**".to_owned())];
        let vault = Vault::new();
        vault.register("TOKEN", SecretBytes::new(TOKEN)).expect("long enough");
        let deployment = Arc::new(deployment);
        let (handler, verified) = (TargetsHandler::new(), Arc::new(Verified::default()));
        let written = Arc::new(Written::default());
        handler.begin("deploy", deployment.clone(), verified.clone(), written.clone());
        let broker =
            Broker::builder([(name.clone(), grant)].into(), vault).handler(Family::Targets, Arc::new(handler)).build();
        let workspace = tempfile::tempdir().expect("a folder");
        let desk = broker.desk(StepDeskSpec { action: action.to_owned(), ..spec(name, &workspace) });
        Self { desk, workspace, deployment, verified, written, _broker: broker }
    }

    pub(crate) async fn targets(&self, request: TargetsRequest) -> Result<Response, Refusal> {
        self.desk.call(Request::Targets(request)).await
    }

    pub(crate) async fn target(&self, name: &str) -> Handle {
        match self.targets(TargetsRequest::Open { name: name.to_owned() }).await.expect("granted") {
            Response::Target { handle, .. } => handle,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn secret(&self) -> Handle {
        match self.desk.call(Request::SecretOpen { input: "token".to_owned() }).await.expect("granted") {
            Response::Secret { handle, .. } => handle,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn stage(&self, target: Handle, file: &str, text: &str) -> Result<Release, Refusal> {
        let folder = self.workspace.path().join("release");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).expect("made");
        std::fs::write(folder.join(file), text).expect("written");
        let local = "release".to_owned();
        let request = TargetsRequest::StageRelease { target, local, images: Vec::new(), details: Vec::new() };
        match self.targets(request).await? {
            Response::Release(Some(release)) => Ok(release),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn start(&self, script: Script) -> Result<Handle, Refusal> {
        match self.targets(TargetsRequest::Script(script)).await? {
            Response::Running(handle) => Ok(handle),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn wait(&self, running: Handle) -> Result<Exit, Refusal> {
        match self.desk.call(Request::Wait { running, timeout_ms: None }).await? {
            Response::Exit(Some(exit)) => Ok(exit),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn output(&self, running: Handle, error: bool) -> String {
        let mut all = Vec::new();
        loop {
            match self.desk.call(Request::ReadOutput { running, error, max: 65_536 }).await.expect("captured") {
                Response::Bytes(bytes) if bytes.is_empty() => return String::from_utf8(all).expect("text"),
                Response::Bytes(bytes) => all.extend(bytes),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Runs a script to its end: its exit, and what it printed.
    pub(crate) async fn run(&self, script: Script) -> (Result<Exit, Refusal>, String, String) {
        let running = match self.start(script).await {
            Ok(running) => running,
            Err(refusal) => return (Err(refusal), String::new(), String::new()),
        };
        let exit = self.wait(running).await;
        (exit, self.output(running, false).await, self.output(running, true).await)
    }
}

pub(crate) fn script(target: Handle, text: &str) -> Script {
    Script {
        target,
        text: text.to_owned(),
        args: Vec::new(),
        env: Vec::new(),
        secret_env: Vec::new(),
        cwd: String::new(),
        user: None,
        stdin_bytes: None,
        stdin_secret: None,
        stdout: Stdio::Capture,
        stderr: Stdio::Capture,
        timeout_ms: None,
    }
}

fn spec(name: StepName, workspace: &TempDir) -> StepDeskSpec {
    let token = SecretInput { text: SecretText::named("TOKEN"), place: None, hosts: Vec::new() };
    StepDeskSpec {
        name,
        epoch: 1,
        action: "run-1".to_owned(),
        limits: StepLimits::default(),
        workspace: Arc::new(WorkspaceDir::open(workspace.path()).expect("a folder")),
        temporary: workspace.path().to_owned(),
        env: Vec::new(),
        secret_inputs: BTreeMap::from([("token".to_owned(), token)]),
        place: Arc::new(Nowhere),
        sink: Arc::new(Nowhere),
    }
}
