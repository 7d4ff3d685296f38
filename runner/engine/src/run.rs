//! A run, from its acceptance to its last event.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sealock_broker::containers::{ContainersHandler, Engine, Scope};
use sealock_broker::http::{Http, Origin, SystemResolver};
use sealock_broker::process::Host;
use sealock_broker::{Broker, Family};
use sealock_contract::limits::EPOCH_TICK_MS;
use sealock_deploy::TargetsHandler;
use sealock_events::{Cause, EventKind, FanOut, Goal, PlannedStage, PlannedStep, Retired, RunResult, Waiting, Wall};
use sealock_journal::{Journal, RunLog};
use sealock_plan::Plan;
use sealock_sandbox::{CancellationToken, Program, Sandbox};
use sealock_secrets::Vault;
use sealock_workspace::{Checkout, RunFolder};

use crate::addresses::Addresses;
use crate::driver::{Driver, Verdict};
use crate::groups::{self, Held, Taken};
use crate::past::Past;
use crate::recorder::Recorder;
use crate::shared::{Settings, Shared};
use crate::telling::Teller;
use crate::{attempt, by_hand, contexts, machine, prepare};

/// Everything that a run is made from.
pub struct RunSpec {
    /// What to run.
    pub plan: Plan,
    /// Where it is recorded; the run is in it already.
    pub journal: Journal,
    /// Where logs go.
    pub log: RunLog,
    /// Who hears of it.
    pub sinks: FanOut,
    /// The secrets that the plan names.
    pub vault: Vault,
    /// Runs steps.
    pub sandbox: Sandbox,
    /// Loaded, by the name under which the plan has them.
    pub programs: HashMap<String, Program>,
    /// The commit's files.
    pub checkout: Checkout,
    /// The run's own folder.
    pub folder: RunFolder,
    /// Where native commands run.
    pub host: Arc<Host>,
    /// The wall that they get.
    pub wall: Wall,
    /// The container engine.
    pub engine: Engine,
    /// More certificates to trust, in PEM form.
    pub extra_roots: Vec<u8>,
    /// What answers the requests of steps in place of every server, in a test of a plugin.
    pub origin: Option<Arc<dyn Origin>>,
    /// Sees each stage's workspace when its steps have ended, in a test of a plugin.
    pub last_look: Option<LastLook>,
    /// What native commands are given: search path, tool chains.
    pub host_env: Vec<(String, String)>,
    /// What it is for.
    pub goal: Goal,
    /// How it was asked for.
    pub settings: Settings,
    /// How many stages run at once.
    pub jobs: usize,
}

/// Looks at a workspace before it is gone.
pub type LastLook = Arc<dyn Fn(&Path) + Send + Sync>;

/// What a run came to.
#[derive(Debug)]
pub struct RunEnd {
    /// What the process exits with.
    pub exit: u8,
    /// Why, when the record itself could not be kept and no sink heard it.
    pub unrecorded: Option<Cause>,
    /// Sinks that failed.
    pub retired: Vec<Retired>,
}

/// Runs to the end. `cancel` asks for it; `kill` ends at once and leaves the run as it is.
pub async fn run(spec: RunSpec, cancel: &CancellationToken, kill: &CancellationToken) -> RunEnd {
    let (jobs, wall) = (spec.jobs, spec.wall.clone());
    let act = async |shared: &Arc<Shared>| {
        let asked = cancel.child_token();
        match take_group(shared, &asked).await {
            Ok(_held) => Driver::new(shared.clone(), jobs).drive(wall, &asked, kill).await,
            Err(cause) => Verdict::early(cause),
        }
    };
    Box::pin(within(spec, None, None, act)).await
}

/// Goes on with a run where its record ends. The journal of `spec` goes on with that run; its folder holds what its stages
/// had written.
pub async fn resume(spec: RunSpec, past: Past, cancel: &CancellationToken, kill: &CancellationToken) -> RunEnd {
    let (jobs, wall) = (spec.jobs, spec.wall.clone());
    let past = Arc::new(past);
    let own = past.clone();
    let act = async |shared: &Arc<Shared>| {
        let asked = cancel.child_token();
        let driver = match Driver::resumed(shared.clone(), jobs, own) {
            Ok(driver) => driver,
            Err(error) => return Verdict::early(unfit(&error)),
        };
        match take_group(shared, &asked).await {
            Ok(_held) => driver.drive(wall, &asked, kill).await,
            Err(cause) => Verdict::early(cause),
        }
    };
    Box::pin(within(spec, Some(&past), None, act)).await
}

fn unfit(error: &machine::ReplayError) -> Cause {
    let exit = sealock_diagnostics::codes::exit("E-RUN-RECORD");
    Cause { code: "E-RUN-RECORD".into(), message: error.to_string(), help: None, exit }
}

/// Takes the pipeline's own concurrency group, if it has one. A newer run that asks for it fires `asked`.
async fn take_group(shared: &Arc<Shared>, asked: &CancellationToken) -> Result<Option<Held>, Cause> {
    let Some(own) = &shared.plan.concurrency else { return Ok(None) };
    let group = prepare::text(&own.group, &contexts::of_run(&shared.plan))?;
    let me = format!("run {}", shared.run);
    let waiting = || {
        let waiting = Waiting::Concurrency { group: group.clone() };
        shared.recorder.tell(EventKind::Waiting { stage: None, step: None, waiting });
    };
    let taken = tokio::select! {
        taken = groups::take(shared.folder.state(), &group, own.on_conflict, &me, waiting) => taken,
        () = asked.cancelled() => return Err(machine::cancelled()),
    };
    match taken {
        Ok(Taken::Ours(held)) => {
            let (note, asked) = (held.note(), asked.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = Held::asked_to_cancel(note) => asked.cancel(),
                    () = asked.cancelled() => {}
                }
            });
            Ok(Some(held))
        }
        Ok(Taken::Refused(cause)) => Err(cause),
        Err(error) => Err(attempt::disk(&error)),
    }
}

/// Brings the environment of the plan's only deployment back to `to`, or to its last other verified release: the same
/// transaction as in a run.
pub async fn roll_back(spec: RunSpec, to: Option<String>, cancel: &CancellationToken) -> RunEnd {
    let named = to.clone();
    let act = async |shared: &Arc<Shared>| by_hand::roll_back(shared, to.as_deref(), cancel).await;
    Box::pin(within(spec, None, named, act)).await
}

/// Records what `act` does, from the run's first event, or from where its record ends, to its last.
async fn within(
    mut spec: RunSpec,
    past: Option<&Past>,
    to: Option<String>,
    act: impl AsyncFnOnce(&Arc<Shared>) -> Verdict,
) -> RunEnd {
    let started = Instant::now();
    let run = spec.folder.run().to_owned();
    // Sinks see the whole run, but for what steps printed before.
    past.into_iter().flat_map(|past| &past.events).for_each(|event| spec.sinks.send(event));
    let last = (run.clone(), past.map_or(0, Past::last_seq));
    let (recorder, recording) = Recorder::start(last, spec.journal, spec.log, spec.sinks, &spec.vault);
    let plan = Arc::new(spec.plan);
    if past.is_none() {
        recorder.tell(run_started(&plan, &spec.settings, (spec.goal, to)));
        recorder.tell(planned(&plan, spec.wall));
    }
    // A rollback by hand is made again instead.
    let may_go_on = spec.goal == Goal::Plan;
    let dirty_files = spec.settings.dirty_files;
    let targets = Arc::new(TargetsHandler::new());
    let engine = spec.engine;
    let http = Http::new(Arc::new(SystemResolver), Arc::new(Addresses::of(&plan)), spec.extra_roots);
    let http = http.answered_by(spec.origin);
    let scope = Scope::new(&engine, run.clone());
    let broker = Broker::builder(plan.grants.clone(), spec.vault)
        .handler(Family::Http, Arc::new(http))
        .handler(Family::Containers, Arc::new(ContainersHandler::new(scope.clone())))
        .handler(Family::Targets, targets.clone())
        .build();
    let ticker = Ticking::start(&spec.sandbox);
    let shared = Arc::new(Shared {
        teller: Teller::new(recorder.clone()),
        run,
        plan,
        recorder: recorder.clone(),
        broker,
        sandbox: spec.sandbox,
        programs: spec.programs,
        checkout: spec.checkout,
        folder: spec.folder,
        host: spec.host,
        engine,
        targets,
        host_env: spec.host_env,
        last_look: spec.last_look,
        settings: spec.settings,
        epochs: AtomicU64::new(1),
        opened: Mutex::default(),
        reaped: tokio::sync::OnceCell::new(),
    });
    let verdict = act(&shared).await;
    ticker.stop();
    if let Err(error) = scope.close().await {
        tracing::warn!(%error, "containers of the run were not removed");
    }
    let unrecorded = finish(&recorder, (&shared.run, may_go_on), &verdict, started).await;
    let folder = Arc::into_inner(shared).map(|shared| shared.folder);
    drop(recorder);
    let retired = tokio::task::spawn_blocking(move || recording.finish()).await.unwrap_or_default();
    // What was not committed is nowhere else as it was: whoever resumes the run needs it.
    let has_changes = dirty_files > 0 && verdict.result != RunResult::Success;
    let discard = |folder: RunFolder| if has_changes { folder.discard_stages() } else { folder.discard() };
    if let Some(folder) = folder.filter(|_| !verdict.result.is_open())
        && let Err(error) = discard(folder)
    {
        tracing::warn!(%error, "workspaces of the run were not removed");
    }
    RunEnd { exit: unrecorded.as_ref().map_or(verdict.exit, |cause| cause.exit), unrecorded, retired }
}

/// Looks at running guests often enough: a thread of its own, because a guest that loops holds its task's thread.
struct Ticking {
    stop: Arc<std::sync::atomic::AtomicBool>,
}

impl Ticking {
    fn start(sandbox: &Sandbox) -> Self {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (ticker, stopped) = (sandbox.ticker(), stop.clone());
        std::thread::spawn(move || {
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) && ticker.tick() {
                std::thread::sleep(Duration::from_millis(EPOCH_TICK_MS));
            }
        });
        Self { stop }
    }

    fn stop(&self) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

async fn finish(
    recorder: &Recorder,
    (run, may_go_on): (&str, bool),
    verdict: &Verdict,
    started: Instant,
) -> Option<Cause> {
    let next = match (verdict.result, &verdict.cause) {
        (RunResult::Success, _) | (_, None) => None,
        (result, _) if result.is_open() || (may_go_on && result == RunResult::Cancelled) => {
            Some(format!("sealock resume {run}"))
        }
        (_, Some(_)) => Some(format!("sealock show {run}")),
    };
    let kind = EventKind::RunFinished {
        result: verdict.result,
        exit: verdict.exit,
        cause: verdict.cause.clone(),
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        next,
    };
    recorder.commit(kind).await.err().map(crate::shared::unrecorded)
}

fn run_started(plan: &Plan, settings: &Settings, (goal, to): (Goal, Option<String>)) -> EventKind {
    let fact = |name: &str| {
        plan.github.get(name).and_then(|value| value.as_str()).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    EventKind::RunStarted {
        pipeline: plan.name.clone(),
        file: plan.file.clone(),
        commit: fact("sha"),
        reference: fact("ref"),
        dirty_files: settings.dirty_files,
        plan: plan.digest().to_string(),
        goal,
        to,
    }
}

fn planned(plan: &Plan, wall: Wall) -> EventKind {
    let stages = plan.stages.iter().map(|stage| PlannedStage {
        stage: stage.name.clone(),
        title: stage.title.clone(),
        needs: stage.needs.clone(),
        environment: stage.environment.clone(),
        steps: stage
            .steps
            .iter()
            .map(|step| PlannedStep { step: step.key.clone(), name: step.title.clone(), plugin: step.plugin.clone() })
            .collect(),
    });
    EventKind::Plan { stages: stages.collect(), wall }
}
