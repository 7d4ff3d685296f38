//! What all parts of one run's driver share.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sealock_broker::containers::Engine;
use sealock_broker::process::Host;
use sealock_broker::{Broker, EnvText};
use sealock_contract::{Grant, StepName};
use sealock_deploy::TargetsHandler;
use sealock_events::{Cause, EventKind};
use sealock_plan::{Plan, PlannedStage};
use sealock_sandbox::{Program, Sandbox};
use sealock_workspace::{Checkout, RunFolder};
use serde_json::{Map, Value as Json};

use crate::machine::StageId;
use crate::recorder::{RecordError, Recorder};
use crate::room::Room;
use crate::run::LastLook;
use crate::telling::Teller;

/// What a run is given once and shares.
pub(crate) struct Shared {
    pub(crate) run: String,
    pub(crate) plan: Arc<Plan>,
    pub(crate) recorder: Recorder,
    pub(crate) teller: Arc<Teller>,
    pub(crate) broker: Broker,
    pub(crate) sandbox: Sandbox,
    /// By the name under which the plan has them.
    pub(crate) programs: HashMap<String, Program>,
    pub(crate) checkout: Checkout,
    pub(crate) folder: RunFolder,
    pub(crate) host: Arc<Host>,
    /// The container engine, connected when it is first needed.
    pub(crate) engine: Engine,
    pub(crate) targets: Arc<TargetsHandler>,
    /// What native commands of the host are given: search path, tool chains.
    pub(crate) host_env: Vec<(String, String)>,
    /// Sees each stage's workspace when its steps have ended.
    pub(crate) last_look: Option<LastLook>,
    pub(crate) settings: Settings,
    /// Every desk of the run has another one.
    pub(crate) epochs: AtomicU64,
    /// Rooms of stages that have just opened, until the driver takes them.
    pub(crate) opened: Mutex<HashMap<StageId, Arc<Room>>>,
    /// Whether containers of killed runs have been looked for.
    pub(crate) reaped: tokio::sync::OnceCell<()>,
}

/// How the run was asked for.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Whether network of native commands may go unconfined.
    pub unconfined_network: bool,
    /// Whether uncommitted changes may be deployed.
    pub allow_dirty: bool,
    /// How many uncommitted files go in.
    pub dirty_files: u64,
    /// The process and machine, for people who wait for a lock: `ci@runner-1`.
    pub who: String,
    /// The socket of the operator's ssh agent.
    pub ssh_agent: Option<PathBuf>,
}

impl Shared {
    /// Tells what happened and waits until it is durable.
    ///
    /// # Errors
    ///
    /// `E-JOURNAL-…`: nothing may be begun that the journal should know of.
    pub(crate) async fn commit(&self, kind: EventKind) -> Result<(), Cause> {
        self.recorder.commit(kind).await.map_err(unrecorded)
    }

    /// Removes containers and networks that killed runs of this state directory left in the engine, before the first of ours.
    pub(crate) async fn reap(&self) {
        let state = self.folder.state();
        let reaping = async {
            match self.engine.reap(|run| !sealock_workspace::RunFolder::is_abandoned(state, run)).await {
                Ok(reaped) => tracing::debug!(?reaped, "what killed runs left"),
                // The stage that needs the engine says what is wrong with it.
                Err(error) => tracing::debug!(%error, "what killed runs left was not looked for"),
            }
        };
        self.reaped.get_or_init(|| reaping).await;
    }

    pub(crate) fn next_epoch(&self) -> u64 {
        self.epochs.fetch_add(1, Ordering::Relaxed)
    }

    /// The folder of one try, outside of every workspace, under a name that nobody can guess.
    pub(crate) fn temporary(&self, name: &StepName, epoch: u64) -> PathBuf {
        let mut chance = [0; 8];
        // Without random bytes the name can be guessed; what is there already is refused all the same.
        let _ = getrandom::fill(&mut chance);
        self.steps_folder(&name.stage).join(format!("{epoch}-{:016x}", u64::from_ne_bytes(chance)))
    }

    /// The home of a stage's native commands: what one leaves there (`.gitconfig`, `.npmrc`) must not run in another
    /// stage, which may hold more.
    pub(crate) fn home_folder(&self, stage: &str) -> PathBuf {
        self.folder.path().join("home").join(folder_name(stage))
    }

    /// The folder of a stage's tries.
    pub(crate) fn steps_folder(&self, stage: &str) -> PathBuf {
        self.folder.path().join("steps").join(folder_name(stage))
    }

    /// Leaves a room for the driver.
    pub(crate) fn leave(&self, stage: StageId, room: Arc<Room>) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).insert(stage, room);
    }

    /// Takes a room that was left.
    pub(crate) fn enter(&self, stage: StageId) -> Option<Arc<Room>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).remove(&stage)
    }

    pub(crate) fn grant(&self, stage: &PlannedStage, step: &str) -> Grant {
        self.plan.grant_of(stage, step).cloned().unwrap_or_default()
    }

    /// `runner` of expressions.
    pub(crate) fn runner(&self) -> Map<String, Json> {
        let name = self.settings.who.rsplit('@').next().unwrap_or_default();
        let mut runner = Map::new();
        runner.insert("os".into(), "Linux".into());
        runner.insert("arch".into(), if cfg!(target_arch = "aarch64") { "ARM64" } else { "X64" }.into());
        runner.insert("name".into(), name.into());
        runner.insert("temp".into(), self.folder.path().join("steps").display().to_string().into());
        runner
    }

    /// Facts of the run that every native command is given.
    pub(crate) fn fact_env(&self) -> BTreeMap<String, EnvText> {
        let mut env = BTreeMap::new();
        let mut set = |name: &str, text: &str| env.insert(name.to_owned(), EnvText::Plain(text.to_owned()));
        set("CI", "true");
        set("SEALOCK", "true");
        set("SEALOCK_RUN", &self.run);
        for (key, value) in &self.plan.github {
            // No token, and nothing nested: only facts.
            if let (Json::String(text), true) = (value, key != "token") {
                set(&format!("GITHUB_{}", key.to_ascii_uppercase()), text);
            }
        }
        env
    }
}

/// A stage's name as the name of a folder: cells hold spaces and parentheses.
pub(crate) fn folder_name(stage: &str) -> String {
    const NAME_CHARS_MAX: usize = 40;
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.' { c } else { '-' };
    let readable: String = stage.chars().take(NAME_CHARS_MAX).map(plain).collect();
    let digest = sealock_contract::Digest::of(stage.as_bytes()).hex();
    format!("{readable}-{}", &digest[..8])
}

pub(crate) fn unrecorded(error: RecordError) -> Cause {
    Cause {
        code: error.code.into(),
        message: error.message,
        help: error.help.map(str::to_owned),
        exit: sealock_diagnostics::codes::exit(error.code),
    }
}
