//! A broker with one step, and what it told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use sealock_broker::confine::{Namespaces, Zygote};
use sealock_broker::process::{Host, HostSpec};
use sealock_broker::{Broker, EnvText, Family, Handler, NoteSink, SecretInput, StepDesk, StepDeskSpec, WorkspaceDir};
use sealock_contract::grant::FileGrant;
use sealock_contract::manifest::Place;
use sealock_contract::seam::{Command, Desk, Exit, Handle, Note, Refusal, Request, Response, Stdio};
use sealock_contract::{Grant, GrantTable, SecretText, StepLimits, StepName};
use sealock_secrets::{SecretBytes, Vault};

/// What every zygote of these tests is: one for each kind of wall, one for tests of what programs share, which take
/// turns, and one that a test lets go.
pub(crate) struct Zygotes {
    kinds: [Arc<Zygote>; 3],
    pub(crate) in_turn: tokio::sync::Mutex<Arc<Zygote>>,
    pub(crate) to_drop: Mutex<Option<Arc<Zygote>>>,
}

static ZYGOTES: OnceLock<Zygotes> = OnceLock::new();

/// A zygote is forked before there are threads, and the test harness has them: so this runs before `main`.
#[used]
#[expect(unsafe_code, reason = "the only way to run something before the harness")]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn start() {
        let most = |most| Arc::new(Zygote::start_at_most(most).expect("a fork"));
        let kinds = [most(Namespaces::Privileged), most(Namespaces::User), most(Namespaces::None)];
        let in_turn = tokio::sync::Mutex::new(most(Namespaces::Privileged));
        let to_drop = Mutex::new(Some(most(Namespaces::Privileged)));
        let _ = ZYGOTES.set(Zygotes { kinds, in_turn, to_drop });
    }
    start
};

pub(crate) fn zygotes() -> &'static Zygotes {
    ZYGOTES.get().expect("started before main")
}

/// The strongest wall that there is here.
pub(crate) fn strongest() -> Arc<Zygote> {
    zygotes().kinds[0].clone()
}

/// One of each kind of wall that this machine has.
pub(crate) fn every_wall() -> Vec<Arc<Zygote>> {
    let mut walls: Vec<Arc<Zygote>> = zygotes().kinds.to_vec();
    walls.dedup_by_key(|zygote| zygote.wall());
    walls
}

/// Keeps what was told.
#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<Note>>);

impl NoteSink for Told {
    fn note(&self, _: &StepName, notes: Vec<Note>) {
        self.0.lock().expect("no panic").extend(notes);
    }
}

impl Told {
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |note: &Note| match note {
            Note::Log { message, .. } => Some(message.clone()),
            _ => None,
        };
        self.0.lock().expect("no panic").iter().filter_map(line).collect()
    }

    /// What was told as used: `exec sh`.
    pub(crate) fn used(&self) -> Vec<String> {
        let used = |note: &Note| match note {
            Note::GrantUsed { capability, what } => Some(format!("{} {what}", capability.name())),
            _ => None,
        };
        self.0.lock().expect("no panic").iter().filter_map(used).collect()
    }

    pub(crate) fn denials(&self) -> usize {
        self.0.lock().expect("no panic").iter().filter(|note| matches!(note, Note::Denied(_))).count()
    }
}

/// How to make a [`Rig`].
pub(crate) struct RigSpec {
    pub(crate) grant: Grant,
    pub(crate) limits: StepLimits,
    pub(crate) secrets: Vec<(&'static str, &'static str)>,
    pub(crate) inputs: BTreeMap<String, SecretInput>,
    pub(crate) env: Vec<(String, EnvText)>,
    pub(crate) zygote: Arc<Zygote>,
    pub(crate) host: HostSpec,
    pub(crate) http: Option<Arc<dyn Handler>>,
}

impl Default for RigSpec {
    fn default() -> Self {
        let grant = Grant { exec: vec!["*".into()], files: FileGrant::write_all(), ..Grant::default() };
        Self {
            grant,
            limits: StepLimits::default(),
            secrets: Vec::new(),
            inputs: BTreeMap::new(),
            env: vec![("PATH".into(), EnvText::Plain("/usr/local/bin:/usr/bin:/bin".into()))],
            zygote: strongest(),
            host: HostSpec::default(),
            http: None,
        }
    }
}

/// A broker, one step, its desk, and what it told.
pub(crate) struct Rig {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) broker: Broker,
    pub(crate) told: Arc<Told>,
    pub(crate) desk: Arc<StepDesk>,
    spec: RigSpec,
}

pub(crate) fn name(step: &str) -> StepName {
    StepName { stage: "test".into(), step: step.into() }
}

/// A secret input called `input`, made of the secret of the same name.
pub(crate) fn secret_input(name: &str, place: Option<Place>, hosts: &[&str]) -> (String, SecretInput) {
    let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    (name.to_owned(), SecretInput { text: SecretText::named(name), place, hosts })
}

impl RigSpec {
    pub(crate) fn build(self) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["workspace", "temporary"] {
            std::fs::create_dir(folder.path().join(name)).expect("made");
        }
        let vault = Vault::new();
        for (name, value) in &self.secrets {
            vault.register(name, SecretBytes::new(*value)).expect("a good secret");
        }
        let table = GrantTable::from([(name("1"), self.grant.clone())]);
        let mut builder = Broker::builder(table, vault);
        if let Some(http) = &self.http {
            builder = builder.handler(Family::Http, http.clone());
        }
        let broker = builder.build();
        let told = Arc::new(Told::default());
        let desk = broker.desk(desk_spec(&self, folder.path(), told.clone(), "1", 1));
        Rig { folder, broker, told, desk, spec: self }
    }
}

fn desk_spec(spec: &RigSpec, folder: &Path, sink: Arc<Told>, step: &str, epoch: u64) -> StepDeskSpec {
    StepDeskSpec {
        name: name(step),
        epoch,
        action: "run-1".to_owned(),
        limits: spec.limits,
        workspace: Arc::new(WorkspaceDir::open(folder.join("workspace")).expect("there")),
        temporary: folder.join("temporary"),
        env: spec.env.clone(),
        secret_inputs: spec.inputs.clone(),
        place: Arc::new(Host::new(spec.zygote.clone(), spec.host.clone())),
        sink,
    }
}

impl Rig {
    /// Another desk of the same broker.
    pub(crate) fn desk_for(&self, step: &str, epoch: u64) -> Arc<StepDesk> {
        self.broker.desk(desk_spec(&self.spec, self.folder.path(), self.told.clone(), step, epoch))
    }

    pub(crate) fn workspace(&self, path: &str) -> PathBuf {
        self.folder.path().join("workspace").join(path)
    }

    pub(crate) async fn start(&self, command: Command) -> Result<Handle, Refusal> {
        start(&*self.desk, command).await
    }

    /// Runs `script` and gives its end and what it wrote to standard output and error.
    pub(crate) async fn sh(&self, script: &str) -> (Exit, String, String) {
        self.run(sh(script)).await
    }

    pub(crate) async fn run(&self, command: Command) -> (Exit, String, String) {
        let running = self.start(command).await.expect("started");
        let (out, err) = (read_all(&*self.desk, running, false).await, read_all(&*self.desk, running, true).await);
        (wait(&*self.desk, running).await.expect("ended"), out, err)
    }

    pub(crate) async fn secret(&self, input: &str) -> Handle {
        match self.desk.call(Request::SecretOpen { input: input.into() }).await {
            Ok(Response::Secret { handle, .. }) => handle,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn placeholder(&self, input: &str) -> String {
        let secret = self.secret(input).await;
        match self.desk.call(Request::SecretPlaceholder { secret }).await {
            Ok(Response::Text(text)) => text,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn sh(script: &str) -> Command {
    Command {
        program: "sh".into(),
        args: vec!["-c".into(), script.into()],
        stdout: Stdio::Capture,
        stderr: Stdio::Capture,
        ..Command::default()
    }
}

pub(crate) async fn start(desk: &dyn Desk, command: Command) -> Result<Handle, Refusal> {
    match desk.call(Request::Start(command)).await? {
        Response::Running(handle) => Ok(handle),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn wait(desk: &dyn Desk, running: Handle) -> Result<Exit, Refusal> {
    match desk.call(Request::Wait { running, timeout_ms: None }).await? {
        Response::Exit(Some(exit)) => Ok(exit),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn read_all(desk: &dyn Desk, running: Handle, error: bool) -> String {
    let mut all = Vec::new();
    loop {
        match desk.call(Request::ReadOutput { running, error, max: 1 << 20 }).await {
            Ok(Response::Bytes(bytes)) if bytes.is_empty() => return String::from_utf8_lossy(&all).into_owned(),
            Ok(Response::Bytes(bytes)) => all.extend(bytes),
            other => panic!("{other:?}"),
        }
    }
}
