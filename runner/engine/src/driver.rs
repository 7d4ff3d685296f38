//! Gives the machine time, tasks, and a journal: carries out its commands and feeds back what came of them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sealock_events::{Cause, EventKind, RunResult};
use sealock_plan::evaluate::{self, Known};
use sealock_plan::{LateFlag, PlannedStep};
use sealock_sandbox::{CancellationToken, Entry};
use serde_json::{Map, Value as Json};
use tokio::sync::mpsc;

use crate::attempt::{self, Attempt as Try};
use crate::closing::{self, Went};
use crate::deployments::{self, Way};
use crate::groups;
use crate::known::{Files, StepKnown};
use crate::machine::{self, Attempt, Command, Deployment, Input, Machine, StageId, Timer};
use crate::prepare::{self, Prepared};
use crate::recorder::RecordError;
use crate::rollback_steps::RollbackStep;
use crate::room::{HandedOn, Room};
use crate::shared::Shared;
use crate::stage_spec::{self, OwnContainer, OwnService, StageSpec};
use crate::verifying::Ready;

/// How a step's text is evaluated.
type Prepare = fn(
    &PlannedStep,
    &sealock_plan::PlannedPlugin,
    &StepKnown<'_>,
    &[(String, sealock_contract::SecretText)],
) -> Result<Prepared, Cause>;

/// How long a killed step may take to be gone, before the run ends without having seen it.
const KILL_WAIT: Duration = Duration::from_secs(2);

/// A step that runs.
struct Running {
    stop: CancellationToken,
    kill: CancellationToken,
}

/// What the run came to.
pub(crate) struct Verdict {
    pub(crate) result: RunResult,
    pub(crate) exit: u8,
    pub(crate) cause: Option<Cause>,
}

impl Verdict {
    /// The run ended before its first stage.
    pub(crate) fn early(cause: Cause) -> Self {
        let result = if cause.code == machine::cancelled().code { RunResult::Cancelled } else { RunResult::Failure };
        Self { result, exit: cause.exit, cause: Some(cause) }
    }

    /// A run that was stopped because its log could not go on says so, and does not say that somebody cancelled it.
    /// One that came to its end all the same, but with lines `lost`, is no success.
    fn because_of(mut self, stopped: Option<RecordError>, lost: Option<RecordError>) -> Self {
        let is_cancelled = self.cause.as_ref().is_some_and(|cause| cause.code == "E-CANCELLED");
        let why = if self.result == RunResult::Success { lost } else { stopped.filter(|_| is_cancelled) };
        let Some(cause) = why.map(crate::shared::unrecorded) else {
            return self;
        };
        if matches!(self.result, RunResult::Cancelled | RunResult::Success) {
            (self.result, self.exit) = (RunResult::Failure, cause.exit);
        }
        self.cause = Some(cause);
        self
    }
}

/// The driver of one run.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    machine: Machine,
    inputs: mpsc::UnboundedReceiver<Input>,
    feed: mpsc::UnboundedSender<Input>,
    rooms: HashMap<StageId, Arc<Room>>,
    opening: HashMap<StageId, CancellationToken>,
    running: HashMap<StageId, Running>,
    started: HashMap<String, Instant>,
    verdict: Option<Verdict>,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, jobs: usize) -> Self {
        let machine = Machine::new(shared.plan.as_ref().clone(), jobs);
        let (feed, inputs) = mpsc::unbounded_channel();
        Self {
            shared,
            machine,
            inputs,
            feed,
            rooms: HashMap::new(),
            opening: HashMap::new(),
            running: HashMap::new(),
            started: HashMap::new(),
            verdict: None,
        }
    }

    /// Runs to the end. `cancel` asks for it; `kill` leaves everything as it is, at once.
    pub(crate) async fn drive(mut self, cancel: &CancellationToken, kill: &CancellationToken) -> Verdict {
        self.take(Input::Start);
        let recorder = self.shared.recorder.clone();
        let mut kill_heard = false;
        let mut asked = false;
        let mut log_ended = None;
        loop {
            if let Some(verdict) = self.verdict.take() {
                let lost = recorder.settled().await;
                return verdict.because_of(log_ended.filter(|_| !asked), lost);
            }
            tokio::select! {
                biased;
                () = kill.cancelled(), if !kill_heard => {
                    self.kill_running().await;
                    self.take(Input::Killed);
                    kill_heard = true;
                }
                error = recorder.failed() => {
                    self.kill_running().await;
                    return unrecorded(error);
                }
                () = cancel.cancelled(), if !asked => {
                    asked = true;
                    self.take(Input::CancelAsked);
                }
                error = recorder.log_ended(), if log_ended.is_none() => {
                    log_ended = Some(error);
                    self.take(Input::CancelAsked);
                }
                input = self.inputs.recv() => {
                    if let Some(input) = input {
                        self.take(input);
                    }
                }
            }
        }
    }

    /// Ends every running step with everything that it started, and asks nobody.
    async fn kill_running(&mut self) {
        self.running.values().for_each(|running| running.kill.cancel());
        while !self.running.is_empty() {
            match tokio::time::timeout(KILL_WAIT, self.inputs.recv()).await {
                Ok(Some(Input::StepEnded { stage, .. })) => drop(self.running.remove(&stage)),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn take(&mut self, input: Input) {
        match &input {
            Input::StepEnded { stage, .. } => drop(self.running.remove(stage)),
            Input::StageReady { stage, .. } => {
                self.opening.remove(stage);
                self.rooms.extend(self.shared.enter(*stage).map(|room| (*stage, room)));
            }
            Input::StageRefused { stage, .. } => drop(self.opening.remove(stage)),
            Input::StageClosed { stage, .. } => drop(self.rooms.remove(stage)),
            _ => {}
        }
        for command in self.machine.step(input) {
            self.carry_out(command);
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Record(kind) => self.record(*kind),
            Command::MakeCells { stage } => self.make_cells(stage),
            Command::OpenStage { stage } => self.open_stage(stage),
            Command::StopOpening { stage } => {
                self.opening.get(&stage).into_iter().for_each(CancellationToken::cancel);
            }
            Command::DecideStep { stage, step } => self.decide_step(stage, step),
            Command::StartStep { stage, attempt } => self.start_step(stage, attempt),
            Command::StopStep { stage, .. } => {
                self.running.get(&stage).into_iter().for_each(|running| running.stop.cancel());
            }
            Command::KillStep { stage, .. } => {
                self.running.get(&stage).into_iter().for_each(|running| running.kill.cancel());
            }
            Command::SetTimer { timer, ms } => self.set_timer(timer, ms),
            Command::RollBack { stage, steps, .. } => self.roll_back(stage, &steps),
            Command::CloseStage { stage, succeeded, rolled_back } => self.close_stage(stage, succeeded, rolled_back),
            Command::Finish { result, exit, cause } => self.verdict = Some(Verdict { result, exit, cause }),
        }
    }

    fn record(&mut self, mut kind: EventKind) {
        match &mut kind {
            EventKind::StageStarted { stage } => {
                self.started.insert(stage.clone(), Instant::now());
            }
            EventKind::StageFinished { stage, duration_ms, .. } => {
                let elapsed = self.started.remove(stage).map(|started| started.elapsed().as_millis());
                *duration_ms = elapsed.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0);
            }
            _ => {}
        }
        self.shared.recorder.tell(kind);
    }

    fn send(&self, input: Input) {
        // The receiver lives as long as the driver.
        let _ = self.feed.send(input);
    }

    fn set_timer(&self, timer: Timer, ms: u64) {
        let feed = self.feed.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            let _ = feed.send(Input::TimerFired(timer));
        });
    }

    fn make_cells(&self, id: StageId) {
        let stage = self.machine.stage(id);
        let needs = self.machine.needs(stage);
        let known = StepKnown { room: &Map::new(), runner: &Map::new(), ..self.bare(id, &needs) };
        let cells = match &stage.plan.late_matrix {
            Some(source) => sealock_plan::matrix::cells(source, &known).map_err(|error| Cause {
                code: error.code().into(),
                message: format!("stage `{}`: {error}", stage.plan.name),
                help: None,
                exit: 2,
            }),
            None => Ok(Vec::new()),
        };
        for cell in cells.iter().flatten() {
            let name = sealock_plan::matrix::cell_name(&stage.plan.id, cell);
            self.shared.broker.grant_cell(&stage.plan.id, &name);
        }
        self.send(Input::CellsMade { stage: id, cells });
    }

    /// What a stage's own text may read.
    fn bare<'a>(&'a self, id: StageId, needs: &'a Map<String, Json>) -> StepKnown<'a> {
        static NOTHING: std::sync::LazyLock<Map<String, Json>> = std::sync::LazyLock::new(Map::new);
        StepKnown {
            plan: &self.shared.plan,
            stage: self.machine.stage(id),
            needs,
            room: &NOTHING,
            runner: &NOTHING,
            handed_on: &[],
            env: &[],
            files: None,
        }
    }

    fn open_stage(&mut self, id: StageId) {
        let stop = CancellationToken::new();
        self.opening.insert(id, stop.clone());
        match self.stage_spec(id) {
            Ok(spec) => {
                let (shared, feed) = (self.shared.clone(), self.feed.clone());
                tokio::spawn(open(shared, spec, feed, stop));
            }
            Err(cause) => self.send(Input::StageRefused { stage: id, cause }),
        }
    }

    /// What the stage needs, evaluated.
    pub(crate) fn stage_spec(&self, id: StageId) -> Result<StageSpec, Cause> {
        let stage = &self.machine.stage(id).plan;
        let needs = self.machine.needs(self.machine.stage(id));
        let known = self.bare(id, &needs);
        let environment = stage.environment.as_ref().and_then(|name| self.shared.plan.environments.get(name)).cloned();
        let secrets = environment.as_ref().map(|own| stage_spec::environment_secrets(&own.env, &known)).transpose()?;
        let group = stage
            .concurrency
            .as_ref()
            .map(|own| -> Result<_, Cause> { Ok((prepare::text(&own.group, &known)?, own.on_conflict)) });
        let has_network = stage.steps.iter().any(|step| step.wants_unconfined_network);
        Ok(StageSpec {
            id,
            stage: stage.name.clone(),
            env: [prepare::env(&known, &self.shared.plan.env)?, prepare::env(&known, &stage.env)?].concat(),
            container: stage.container.as_ref().map(|own| OwnContainer::evaluate(own, &known)).transpose()?,
            services: stage.services.iter().map(|own| OwnService::evaluate(own, &known)).collect::<Result<_, _>>()?,
            outside_network: has_network && self.shared.settings.unconfined_network,
            group: group.transpose()?,
            environment,
            environment_secrets: secrets.unwrap_or_default(),
            plan: Arc::new(stage.clone()),
            needs,
        })
    }

    /// What the text of a step may read, with the room's things.
    fn with_known<T>(&self, id: StageId, step: &PlannedStep, act: impl FnOnce(&StepKnown<'_>) -> T) -> T {
        let room = &self.rooms[&id];
        let HandedOn { env: handed_on, .. } = room.handed_on();
        let runner = self.shared.runner();
        let known = StepKnown {
            plan: &self.shared.plan,
            stage: self.machine.stage(id),
            needs: &room.needs,
            room: &room.context,
            runner: &runner,
            handed_on: &handed_on,
            env: &step.env,
            files: Some(room.as_ref() as &dyn Files),
        };
        act(&known)
    }

    fn decide_step(&self, id: StageId, step: usize) {
        let stage = self.machine.stage(id);
        let plan = &stage.plan.steps[step];
        let decision = match &plan.condition {
            None => Ok(!stage.has_failed() && !stage.is_cancelled()),
            Some(written) => {
                let holds = self.with_known(id, plan, |known| evaluate::condition(written, known));
                holds.map_err(|error| prepare::evaluation(&error))
            }
        };
        self.send(Input::StepDecided { stage: id, step, decision });
    }

    fn start_step(&mut self, id: StageId, attempt: Attempt) {
        let made = self.ready(id, attempt, Entry::Run);
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        self.running.insert(id, Running { stop: stop.clone(), kill: kill.clone() });
        let made = match made {
            Ok(made) => made,
            Err(cause) => {
                let ended = Box::new(attempt::unmade(attempt.number, cause));
                return self.send(Input::StepEnded { stage: id, step: attempt.step, ended });
            }
        };
        let room = self.rooms[&id].clone();
        if made.manifest.as_ref().is_some_and(|manifest| manifest.effect) {
            room.set_verifiers(self.verifiers(id));
        }
        let (shared, feed) = (self.shared.clone(), self.feed.clone());
        tokio::spawn(async move {
            let number = made.number;
            let ended = tokio::select! {
                made = attempt::make(&shared, &room, made, stop) => {
                    room.keep(made.taken);
                    made.ended
                }
                () = kill.cancelled() => attempt::killed(number),
            };
            let _ = feed.send(Input::StepEnded { stage: id, step: attempt.step, ended: Box::new(ended) });
        });
    }

    /// One try of a step, settled.
    fn ready(&self, id: StageId, attempt: Attempt, entry: Entry) -> Result<Try, Cause> {
        let stage = &self.machine.stage(id).plan;
        let step = &stage.steps[attempt.step];
        let key = deployments::effect_key(&self.shared.run, &stage.name, &step.key);
        self.try_of(id, step, attempt.number, entry, Some(key))
    }

    fn try_of(
        &self,
        id: StageId,
        step: &PlannedStep,
        number: u32,
        entry: Entry,
        key: Option<String>,
    ) -> Result<Try, Cause> {
        self.try_prepared(id, step, number, entry, key, prepare::prepare)
    }

    fn try_prepared(
        &self,
        id: StageId,
        step: &PlannedStep,
        number: u32,
        entry: Entry,
        key: Option<String>,
        prepare: Prepare,
    ) -> Result<Try, Cause> {
        let stage = &self.machine.stage(id).plan;
        let plugin = self.shared.plan.plugins.get(&step.plugin).ok_or_else(|| missing(&step.plugin))?;
        let program = self.shared.programs.get(&step.plugin).ok_or_else(|| missing(&step.plugin))?.clone();
        let room = &self.rooms[&id];
        let prepared: Prepared =
            self.with_known(id, step, |known| prepare(step, plugin, known, &room.environment_secrets))?;
        let is_effect = plugin.manifest.as_ref().is_some_and(|manifest| manifest.effect);
        Ok(Try {
            name: sealock_contract::StepName { stage: stage.name.clone(), step: step.key.clone() },
            number,
            epoch: self.shared.next_epoch(),
            program,
            grant: self.shared.grant(stage, &step.key),
            limits: step.limits,
            prepared,
            entry,
            key: key.filter(|_| is_effect),
            release: room.release(),
            environment: stage.environment.clone(),
            component: plugin.digest.to_string(),
            manifest: plugin.manifest.clone(),
        })
    }

    /// The stage's verifiers whose inputs are known by now.
    fn verifiers(&self, id: StageId) -> Vec<Ready> {
        let stage = &self.machine.stage(id).plan;
        let steps = stage.steps.iter().filter(|step| {
            let manifest = self.shared.plan.plugins.get(&step.plugin).and_then(|plugin| plugin.manifest.as_ref());
            manifest.is_some_and(|manifest| manifest.verifies) && !is_forgiven(step)
        });
        let ready = steps.filter_map(|step| {
            let prepared = self.try_of(id, step, 1, Entry::Run, None).ok()?.prepared;
            let (inputs, secrets) = (prepared.inputs, prepared.secrets);
            Some(Ready { step: step.key.clone(), plugin: step.plugin.clone(), inputs, secrets })
        });
        ready.collect()
    }

    fn roll_back(&self, id: StageId, steps: &[usize]) {
        let stage = &self.machine.stage(id).plan;
        let undo = steps
            .iter()
            .filter_map(|&step| self.ready(id, Attempt { step, number: 1 }, Entry::Rollback).ok())
            .collect();
        let extra: Vec<_> = stage.rollback.iter().map(|step| self.rollback_step(id, step)).collect();
        let unmade = extra.iter().filter(|step| step.is_err()).count();
        let extra = extra.into_iter().flatten().flatten().collect();
        let (shared, room, feed) = (self.shared.clone(), self.rooms[&id].clone(), self.feed.clone());
        let complete = Way { undo, extra };
        let lost = steps.len() - complete.undo.len() + unmade;
        tokio::spawn(async move {
            // The intent to roll back is in the journal before anything is taken back.
            shared.recorder.settled().await;
            let mut result = deployments::roll_back(&shared, &room, complete).await;
            if lost > 0 {
                result.result = sealock_events::DeploymentResult::RollbackFailed;
            }
            let _ = feed.send(Input::RolledBack { stage: id, result });
        });
    }

    /// One of the stage's own rollback steps; `None` when its condition does not hold.
    fn rollback_step(&self, id: StageId, step: &PlannedStep) -> Result<Option<RollbackStep>, Cause> {
        let holds = |written: &String| self.with_known(id, step, |known| evaluate::condition(written, known));
        let holds = step.condition.as_ref().map_or(Ok(true), holds).map_err(|error| prepare::evaluation(&error))?;
        if !holds {
            let why = format!("its condition is false: {}", step.condition.as_deref().unwrap_or_default());
            let stage = self.machine.stage(id).plan.name.clone();
            self.shared.recorder.tell(EventKind::Skipped { stage, step: Some(step.key.clone()), why });
            return Ok(None);
        }
        let most = step.retry.as_ref().map_or(1, |retry| retry.attempts);
        let tries = (1..=most).map(|number| self.try_of(id, step, number, Entry::Run, None));
        Ok(Some(RollbackStep { tries: tries.collect::<Result<_, _>>()?, retry: step.retry.clone() }))
    }

    /// The rollbacks of a stage's steps with effects, newest first, as they can be asked for by hand.
    ///
    /// # Errors
    ///
    /// An expression that fails.
    pub(crate) fn undo_by_hand(&mut self, id: StageId, room: Arc<Room>) -> Result<Vec<Try>, Cause> {
        self.rooms.insert(id, room);
        let stage = self.machine.stage(id).plan.clone();
        let has_effect = |step: &&PlannedStep| {
            let manifest = self.shared.plan.plugins.get(&step.plugin).and_then(|plugin| plugin.manifest.as_ref());
            manifest.is_some_and(|manifest| manifest.effect)
        };
        let steps = stage.steps.iter().rev().filter(has_effect);
        let undo = steps.map(|step| {
            let key = deployments::effect_key(&self.shared.run, &stage.name, &step.key);
            self.try_prepared(id, step, 1, Entry::Rollback, Some(key), prepare::prepare_without_needs)
        });
        let undo = undo.collect();
        self.rooms.remove(&id);
        undo
    }

    fn close_stage(&mut self, id: StageId, succeeded: bool, rolled_back: Option<sealock_events::DeploymentResult>) {
        let outputs = if succeeded { self.outputs(id) } else { Ok(Map::new()) };
        let (outputs, failed) = match outputs {
            Ok(outputs) => (outputs, None),
            Err(cause) => (Map::new(), Some(cause)),
        };
        let verifiers = (succeeded && failed.is_none() && self.rooms.contains_key(&id)).then(|| self.verifiers(id));
        let Some(room) = self.rooms.remove(&id) else {
            return self.send(Input::StageClosed { stage: id, outputs, deployment: None, cause: failed });
        };
        let (shared, feed) = (self.shared.clone(), self.feed.clone());
        let is_saga = self.machine.stage(id).is_saga;
        tokio::spawn(async move {
            let (deployment, cause) =
                closing::close(&shared, room, Went { verifiers, settled: rolled_back, is_saga, release: None }).await;
            let _ = feed.send(Input::StageClosed { stage: id, outputs, deployment, cause: failed.or(cause) });
        });
    }

    /// The stage's `outputs`.
    fn outputs(&self, id: StageId) -> Result<Map<String, Json>, Cause> {
        let entries = &self.machine.stage(id).plan.outputs;
        let mut outputs = Map::new();
        let Some(room) = self.rooms.get(&id) else {
            return Ok(outputs);
        };
        let needs = &room.needs;
        let known = StepKnown { room: &room.context, ..self.bare(id, needs) };
        for entry in entries {
            outputs.insert(entry.name.clone(), prepare::text(&entry.value, &known as &dyn Known)?.into());
        }
        Ok(outputs)
    }
}

fn is_forgiven(step: &PlannedStep) -> bool {
    step.allow_failure == LateFlag::Known(true)
}

fn missing(plugin: &str) -> Cause {
    Cause {
        code: "E-PLUGIN-UNKNOWN".into(),
        message: format!("the plugin `{plugin}` is not loaded"),
        help: None,
        exit: 70,
    }
}

/// A run whose record cannot be kept must not go on.
fn unrecorded(error: RecordError) -> Verdict {
    let cause = crate::shared::unrecorded(error);
    Verdict { result: RunResult::Failure, exit: cause.exit, cause: Some(cause) }
}

/// Gets what a stage needs, its locks last.
async fn open(shared: Arc<Shared>, spec: StageSpec, feed: mpsc::UnboundedSender<Input>, stop: CancellationToken) {
    let id = spec.id;
    let opened = try_open(&shared, spec, &feed, &stop).await;
    let input = match opened {
        Ok((room, deployment)) => {
            shared.leave(id, room);
            Input::StageReady { stage: id, deployment }
        }
        Err(cause) => Input::StageRefused { stage: id, cause },
    };
    let _ = feed.send(input);
}

async fn try_open(
    shared: &Arc<Shared>,
    spec: StageSpec,
    feed: &mpsc::UnboundedSender<Input>,
    stop: &CancellationToken,
) -> Result<(Arc<Room>, Option<Deployment>), Cause> {
    let environment = spec.environment.clone();
    let opened = tokio::select! {
        opened = open_room(shared, spec, feed) => opened?,
        () = stop.cancelled() => return Err(machine::cancelled()),
    };
    let room = Arc::new(opened);
    let Some(environment) = environment else {
        return Ok((room, None));
    };
    match deployments::begin(shared, &room, &environment, stop).await {
        Ok(deployment) => Ok((room, Some(deployment))),
        Err(cause) => {
            if let Ok(room) = Arc::try_unwrap(room) {
                room.close(shared).await;
            }
            Err(cause)
        }
    }
}

/// Everything but the locks of targets. Waiting for a group or a port takes as long as it takes; services and container
/// have the stage's time.
async fn open_room(shared: &Arc<Shared>, spec: StageSpec, feed: &mpsc::UnboundedSender<Input>) -> Result<Room, Cause> {
    let mut held = Vec::new();
    if let Some((group, on_conflict)) = &spec.group {
        held.push(take_group(shared, &spec, group, *on_conflict, feed).await?);
    }
    held.extend(take_ports(shared, &spec).await?);
    let (name, most) = (spec.stage.clone(), spec.plan.timeout_ms);
    let opened = tokio::time::timeout(Duration::from_millis(most), Room::open(shared, spec, held, feed.clone())).await;
    opened.unwrap_or_else(|_| Err(machine::stage_timeout(&name, most)))
}

async fn take_group(
    shared: &Shared,
    spec: &StageSpec,
    group: &str,
    on_conflict: sealock_plan::Conflict,
    feed: &mpsc::UnboundedSender<Input>,
) -> Result<groups::Held, Cause> {
    let me = format!("run {} (stage {})", shared.run, spec.stage);
    let waiting = || {
        let waiting = sealock_events::Waiting::Concurrency { group: group.to_owned() };
        shared.recorder.tell(EventKind::Waiting { stage: Some(spec.stage.clone()), step: None, waiting });
    };
    match groups::take(shared.folder.state(), group, on_conflict, &me, waiting).await {
        Ok(groups::Taken::Ours(held)) => {
            let (note, feed, stage) = (held.note(), feed.clone(), spec.id);
            tokio::spawn(async move {
                tokio::select! {
                    () = groups::Held::asked_to_cancel(note) => drop(feed.send(Input::CancelStage { stage })),
                    () = feed.closed() => {}
                }
            });
            Ok(held)
        }
        Ok(groups::Taken::Refused(cause)) => Err(cause),
        Err(error) => Err(attempt::disk(&error)),
    }
}

/// Takes the ports of this machine that the stage's services fix: stages that fix the same one wait for each other. In
/// ascending order, so that no two of them wait in a ring.
async fn take_ports(shared: &Shared, spec: &StageSpec) -> Result<Vec<groups::Held>, Cause> {
    let me = format!("run {} (stage {})", shared.run, spec.stage);
    let ports: BTreeSet<u16> = spec.services.iter().flat_map(OwnService::fixed_ports).collect();
    let mut held = Vec::new();
    for port in ports {
        let waiting = || {
            let waiting = sealock_events::Waiting::Port { port };
            shared.recorder.tell(EventKind::Waiting { stage: Some(spec.stage.clone()), step: None, waiting });
        };
        let state = shared.folder.state();
        match groups::take(state, &format!("port {port}"), sealock_plan::Conflict::Queue, &me, waiting).await {
            Ok(groups::Taken::Ours(one)) => held.push(one),
            Ok(groups::Taken::Refused(cause)) => return Err(cause),
            Err(error) => return Err(attempt::disk(&error)),
        }
    }
    Ok(held)
}
