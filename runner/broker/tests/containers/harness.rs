//! A run with one step, on the rig's engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use sealock_broker::containers::{ContainersHandler, Engine, Scope};
use sealock_broker::place::{Launch, Place};
use sealock_broker::{Broker, Family, NoteSink, Running, SecretInput, Step, StepDesk, StepDeskSpec, WorkspaceDir};
use sealock_contract::grant::{ContainerGrant, FileGrant, ImagePattern};
use sealock_contract::seam::{
    Build, ContainersRequest, Credentials, Desk, Exit, Handle, Note, Refusal, Request, Response,
};
use sealock_contract::{ErrorKind, Grant, GrantTable, SecretText, StepError, StepLimits, StepName};
use sealock_secrets::{SecretBytes, Vault};

/// What `tests/rig/up` printed.
pub(crate) struct Rig {
    pub(crate) host: String,
    pub(crate) registry: String,
    pub(crate) login: String,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Rig {
    pub(crate) fn find() -> Self {
        Self {
            host: variable("DOCKER_HOST"),
            registry: variable("REGISTRY"),
            login: variable("REGISTRY_LOGIN"),
            user: variable("REGISTRY_USER"),
            password: variable("REGISTRY_PASSWORD"),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment where the rig is")]
fn variable(name: &str) -> String {
    let name = format!("SEALOCK_RIG_{name}");
    let help = "start the rig with tests/rig/up and put what it prints into the environment";
    std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set: {help}"))
}

/// What the step told.
#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<Note>>);

impl NoteSink for Told {
    fn note(&self, _: &StepName, notes: Vec<Note>) {
        self.0.lock().expect("not poisoned").extend(notes);
    }
}

impl Told {
    pub(crate) fn notes(&self) -> Vec<Note> {
        self.0.lock().expect("not poisoned").clone()
    }

    pub(crate) fn log(&self) -> String {
        let line = |note: Note| match note {
            Note::Log { message, .. } => Some(message),
            _ => None,
        };
        self.notes().into_iter().filter_map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Nothing runs on this machine in these tests.
pub(crate) struct NoPlace;

impl Place for NoPlace {
    fn start<'a>(&'a self, _: &'a Arc<Step>, _: Launch) -> BoxFuture<'a, Result<Arc<dyn Running>, Refusal>> {
        Box::pin(async { Err(StepError::new(ErrorKind::Other, "E-PROCESS-START", "no place")) })
    }

    fn workspace(&self, step: &Step) -> PathBuf {
        step.workspace().path().to_owned()
    }
}

/// One step of one run.
pub(crate) struct Bench {
    pub(crate) rig: Rig,
    pub(crate) engine: Engine,
    pub(crate) scope: Arc<Scope>,
    pub(crate) desk: Arc<StepDesk>,
    pub(crate) told: Arc<Told>,
    pub(crate) run: String,
    workspace: PathBuf,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// With a grant for everything that the tests do.
    pub(crate) fn new() -> Self {
        Self::granted(Engine::connect(Some(&Rig::find().host)).expect("a place"))
    }

    /// At another engine than the rig's.
    pub(crate) fn at_engine(host: &str) -> Self {
        Self::granted(Engine::connect(Some(host)).expect("a place"))
    }

    /// By this way to an engine.
    pub(crate) fn asking(engine: Engine) -> Self {
        Self::granted(engine)
    }

    /// At the rig's, with its first builder.
    pub(crate) fn without_buildkit() -> Self {
        Self::granted(Engine::connect(Some(&Rig::find().host)).expect("a place").without_buildkit())
    }

    fn granted(engine: Engine) -> Self {
        let rig = Rig::find();
        let containers = ContainerGrant {
            build: true,
            run: vec![ImagePattern("busybox".into()), ImagePattern(format!("{}/absent", rig.registry))],
            push: vec![
                ImagePattern(format!("{}/*/*", rig.registry)),
                ImagePattern(format!("{}/*/*", rig.login)),
                ImagePattern("127.0.0.1:1/*".into()),
            ],
        };
        let secrets = vec!["TOKEN".into(), "PASSWORD".into(), "WRONG".into()];
        let exec = vec!["*".into()];
        let grant = Grant { containers, secrets, exec, files: FileGrant::write_all(), ..Grant::default() };
        let folder = tempfile::tempdir().expect("a folder");
        let workspace = folder.path().join("workspace");
        std::fs::create_dir(&workspace).expect("made");
        Self::at(engine, grant, Arc::new(NoPlace), folder, workspace)
    }

    pub(crate) fn with(grant: Grant, place: Arc<dyn Place>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let workspace = folder.path().join("workspace");
        std::fs::create_dir(&workspace).expect("made");
        let engine = Engine::connect(Some(&Rig::find().host)).expect("a place");
        Self::at(engine, grant, place, folder, workspace)
    }

    /// With a workspace that a container has already.
    pub(crate) fn with_workspace(grant: Grant, place: Arc<dyn Place>, workspace: &Path) -> Self {
        let engine = Engine::connect(Some(&Rig::find().host)).expect("a place");
        Self::at(engine, grant, place, tempfile::tempdir().expect("a folder"), workspace.to_owned())
    }

    fn at(engine: Engine, grant: Grant, place: Arc<dyn Place>, folder: tempfile::TempDir, workspace: PathBuf) -> Self {
        let rig = Rig::find();
        std::fs::create_dir(folder.path().join("temporary")).expect("made");
        let name = StepName { stage: "build".into(), step: "image".into() };
        let vault = Vault::new();
        let values = [("TOKEN", "tok-3n-of-the-build"), ("PASSWORD", &rig.password), ("WRONG", "not-the-password")];
        for (name, value) in values {
            vault.register(name, SecretBytes::new(value)).expect("long enough");
        }
        let run =
            format!("test-{}", folder.path().file_name().expect("a name").to_string_lossy().trim_start_matches('.'));
        let scope = Scope::new(&engine, &run);
        let broker = Broker::builder(GrantTable::from([(name.clone(), grant)]), vault)
            .handler(Family::Containers, Arc::new(ContainersHandler::new(scope.clone())))
            .build();
        let told = Arc::new(Told::default());
        let input = |name: &str| SecretInput { text: SecretText::named(name), place: None, hosts: Vec::new() };
        let secret_inputs = ["TOKEN", "PASSWORD", "WRONG"].map(|name| (name.to_owned(), input(name)));
        let desk = broker.desk(StepDeskSpec {
            name,
            epoch: 1,
            action: "run-1".to_owned(),
            limits: StepLimits::default(),
            workspace: Arc::new(WorkspaceDir::open(&workspace).expect("there")),
            temporary: folder.path().join("temporary"),
            env: Vec::new(),
            secret_inputs: BTreeMap::from(secret_inputs),
            place,
            sink: told.clone(),
        });
        Self { rig, engine, scope, desk, told, run, workspace, _folder: folder }
    }

    /// Writes a file of the workspace.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.workspace().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    pub(crate) fn workspace(&self) -> PathBuf {
        self.workspace.clone()
    }

    pub(crate) async fn call(&self, request: ContainersRequest) -> Result<Response, Refusal> {
        self.desk.call(Request::Containers(request)).await
    }

    pub(crate) async fn build(&self, build: Build) -> Result<String, Refusal> {
        match self.call(ContainersRequest::Build(build)).await? {
            Response::Image(id) => Ok(id),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn secret(&self, input: &str) -> Handle {
        match self.desk.call(Request::SecretOpen { input: input.into() }).await {
            Ok(Response::Secret { handle, .. }) => handle,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn login(&self, registry: &str, secret: &str) -> Credentials {
        let password = self.secret(secret).await;
        Credentials { registry: registry.into(), username: self.rig.user.clone(), password }
    }

    pub(crate) async fn start(&self, request: Request) -> Handle {
        self.desk_answer(request).await.expect("started")
    }

    pub(crate) async fn desk_answer(&self, request: Request) -> Result<Handle, Refusal> {
        match self.desk.call(request).await? {
            Response::Running(handle) => Ok(handle),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn desk_call(&self, request: Request) {
        assert_eq!(self.desk.call(request).await, Ok(Response::Done));
    }

    /// Waits for the first that it prints. The redactor may hold the last letters: secrets may begin so.
    pub(crate) async fn has_begun(&self, running: Handle) -> bool {
        match self.desk.call(Request::ReadOutput { running, error: false, max: 1 << 10 }).await {
            Ok(Response::Bytes(bytes)) => bytes.starts_with(b"beg"),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn wait(&self, running: Handle) -> Result<Exit, Refusal> {
        match self.desk.call(Request::Wait { running, timeout_ms: None }).await? {
            Response::Exit(Some(exit)) => Ok(exit),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn read(&self, running: Handle, error: bool) -> String {
        let mut all = Vec::new();
        loop {
            match self.desk.call(Request::ReadOutput { running, error, max: 1 << 20 }).await {
                Ok(Response::Bytes(bytes)) if bytes.is_empty() => return String::from_utf8_lossy(&all).into_owned(),
                Ok(Response::Bytes(bytes)) => all.extend(bytes),
                other => panic!("{other:?}"),
            }
        }
    }

    /// What the engine itself says, asked past Sealock.
    pub(crate) fn docker(&self, args: &[&str]) -> String {
        let output = Command::new("docker")
            .args(["--host", &self.rig.host])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("the rig's docker command is in the PATH");
        assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The ids of the run's containers and networks that are still there.
    pub(crate) fn left_over(&self) -> String {
        let filter = format!("label=dev.sealock.run={}", self.run);
        let containers = self.docker(&["ps", "--all", "--quiet", "--filter", &filter]);
        containers + &self.docker(&["network", "ls", "--quiet", "--filter", &filter])
    }

    /// What a registry's own API answers to HEAD for `path`: status and digest.
    pub(crate) fn head(&self, url: &str, login: bool) -> (String, String) {
        let mut command = Command::new("curl");
        command.args(["--silent", "--head", "--max-time", "10", url]);
        command.args(["--header", "Accept: application/vnd.docker.distribution.manifest.v2+json"]);
        if login {
            command.args(["--user", &format!("{}:{}", self.rig.user, self.rig.password)]);
        }
        let output = command.output().expect("curl");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let status = text.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let header = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("docker-content-digest").then(|| value.trim().to_owned())
        });
        (status, header.unwrap_or_default())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let filter = format!("label=dev.sealock.run={}", self.run);
        let images = self.docker(&["images", "--quiet", "--no-trunc", "--filter", &filter]);
        for image in images.lines() {
            let _ = Command::new("docker").args(["--host", &self.rig.host, "rmi", "--force", image]).output();
        }
    }
}

/// Everything that starts something on the engine tells it here.
pub(crate) fn quiet(_: String) {}
