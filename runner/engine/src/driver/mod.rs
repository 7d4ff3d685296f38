//! Gives the machine time, tasks, and a journal: carries out its commands and feeds back what came of them.

mod tries;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sealock_events::{Cause, EventKind, ProbeState, RunResult, Wall};
use sealock_plan::PlannedStep;
use sealock_plan::evaluate::{self, Known};
use sealock_sandbox::{CancellationToken, Entry};
use serde_json::{Map, Value as Json};
use tokio::sync::mpsc;

use crate::attempt::{self, Attempt as Try};
use crate::closing::{self, Went};
use crate::known::{Files, StepKnown};
use crate::machine::{self, Attempt, Command, Ended, Input, Machine, ReplayError, StageId, Timer};
use crate::opening;
use crate::past::Past;
use crate::prepare;
use crate::probing;
use crate::recorder::RecordError;
use crate::room::{HandedOn, Room};
use crate::shared::Shared;
use crate::stage_spec::{self, GoesOn, OwnContainer, OwnService, StageSpec};

pub(crate) use tries::EffectKey;

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
    past: Option<Arc<Past>>,
    verdict: Option<Verdict>,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, jobs: usize) -> Self {
        let machine = Machine::new(shared.plan.as_ref().clone(), jobs).called(&shared.run);
        Self::with(shared, machine, None)
    }

    /// For a run that goes on: as its record says.
    ///
    /// # Errors
    ///
    /// When the record is not of the plan.
    pub(crate) fn resumed(shared: Arc<Shared>, jobs: usize, past: Arc<Past>) -> Result<Self, ReplayError> {
        let machine = past.machine(&shared.plan, jobs)?.called(&shared.run);
        Ok(Self::with(shared, machine, Some(past)))
    }

    fn with(shared: Arc<Shared>, machine: Machine, past: Option<Arc<Past>>) -> Self {
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
            past,
            verdict: None,
        }
    }

    /// Writes down what the process that was killed could not, and takes the run up.
    fn take_up(&mut self, past: &Past, by: (String, Wall)) {
        for (stage, cell) in past.cells() {
            let name = sealock_plan::matrix::cell_name(stage, cell);
            self.shared.broker.grant_cell(stage, &name);
        }
        if !past.has_ended() {
            self.take(Input::Interrupted);
            if let Some(Verdict { result, exit, cause }) = self.verdict.take() {
                let next = Some(format!("sealock resume {}", self.shared.run));
                self.shared.recorder.tell(EventKind::RunFinished { result, exit, cause, duration_ms: 0, next });
            }
        }
        let again = past.again(&self.machine);
        self.take(Input::Resumed { again, by });
    }

    /// Runs to the end. `cancel` asks for it; `kill` leaves everything as it is, at once.
    pub(crate) async fn drive(mut self, wall: Wall, cancel: &CancellationToken, kill: &CancellationToken) -> Verdict {
        match self.past.clone() {
            Some(past) => self.take_up(&past, (self.shared.settings.who.clone(), wall)),
            None => self.take(Input::Start),
        }
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
                    self.rooms.values().for_each(|room| room.keep_workspace());
                    self.take(Input::Interrupted);
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
                Ok(Some(Input::StepEnded { stage, .. } | Input::Probed { stage, .. })) => {
                    self.running.remove(&stage);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn take(&mut self, input: Input) {
        match &input {
            Input::StepEnded { stage, .. } | Input::Probed { stage, .. } => drop(self.running.remove(stage)),
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
            Command::OpenStage { stage, resumed } => self.open_stage(stage, resumed),
            Command::StopOpening { stage } => {
                self.opening.get(&stage).into_iter().for_each(CancellationToken::cancel);
            }
            Command::DecideStep { stage, step } => self.decide_step(stage, step),
            Command::StartStep { stage, attempt } => self.start_step(stage, attempt),
            Command::ProbeStep { stage, attempt } => self.probe_step(stage, attempt),
            Command::StopStep { stage, .. } => {
                self.running.get(&stage).into_iter().for_each(|running| running.stop.cancel());
            }
            Command::KillStep { stage, .. } => {
                self.running.get(&stage).into_iter().for_each(|running| running.kill.cancel());
            }
            Command::SetTimer { timer, ms } => self.set_timer(timer, ms),
            Command::RollBack { stage, steps, .. } => self.roll_back(stage, &steps),
            Command::CloseStage { stage, succeeded, settled } => self.close_stage(stage, succeeded, settled),
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

    fn open_stage(&mut self, id: StageId, resumed: bool) {
        let stop = CancellationToken::new();
        self.opening.insert(id, stop.clone());
        match self.stage_spec(id) {
            Ok(mut spec) => {
                spec.goes_on = self.past.as_ref().filter(|_| resumed).map(|past| self.goes_on(id, past));
                let (shared, feed) = (self.shared.clone(), self.feed.clone());
                tokio::spawn(opening::open(shared, spec, feed, stop));
            }
            Err(cause) => self.send(Input::StageRefused { stage: id, cause }),
        }
    }

    /// What an interrupted stage goes on with.
    fn goes_on(&self, id: StageId, past: &Past) -> GoesOn {
        let stage = self.machine.stage(id);
        GoesOn {
            finished: past.finished(&stage.plan.name),
            handed_on: past.handed_on(&stage.plan.name),
            deployment: stage.deployment.clone(),
            has_effects: stage.is_saga,
            is_settled: stage.settled.is_some(),
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
            goes_on: None,
            generation: self.machine.stage(id).generation,
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
        let left_ms = self.machine.stage(id).left_of_step_ms(attempt.step);
        let is_cut = self.machine.stage(id).steps[attempt.step].used_ms > 0;
        let made = self.ready(id, attempt, Entry::Run);
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        self.running.insert(id, Running { stop: stop.clone(), kill: kill.clone() });
        let made = match made {
            Ok(made) => made.within(left_ms),
            Err(cause) => {
                let ended = Box::new(Ended::unmade(attempt.number, cause));
                return self.send(Input::StepEnded { stage: id, step: attempt.step, ended });
            }
        };
        let room = self.rooms[&id].clone();
        if made.manifest.as_ref().is_some_and(|manifest| manifest.effect) {
            room.set_verifiers(self.verifiers(id));
        }
        let (shared, feed) = (self.shared.clone(), self.feed.clone());
        tokio::spawn(async move {
            let (number, started) = (made.number, Instant::now());
            let ended = tokio::select! {
                made = attempt::make(&shared, &room, made, stop) => {
                    room.keep(made.taken);
                    made.ended
                }
                () = kill.cancelled() => attempt::killed(number, started),
            };
            let ended = Box::new(if is_cut { attempt::cut(ended) } else { ended });
            let _ = feed.send(Input::StepEnded { stage: id, step: attempt.step, ended });
        });
    }

    /// Asks a step how far its effect got, or takes a person's word for it.
    fn probe_step(&mut self, id: StageId, attempt: Attempt) {
        let made = self.ready(id, attempt, Entry::Run);
        let stage = &self.machine.stage(id).plan;
        let name = format!("{}/{}", stage.name, stage.steps[attempt.step].key);
        let word = self.past.as_ref().and_then(|past| past.settled.get(&name).copied());
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        self.running.insert(id, Running { stop: stop.clone(), kill: kill.clone() });
        let (shared, room, feed) = (self.shared.clone(), self.rooms[&id].clone(), self.feed.clone());
        if let (Some(ProbeState::NotApplied), Ok(made), Some(deployment)) = (word, &made, room.deployment.get()) {
            // A person knows better than what was left there.
            deployment.void(&made.action);
        }
        let made = made.map(|made| Try { action: sealock_broker::PROBE.to_owned(), ..made });
        let declared = self.key_of(id, attempt.step);
        tokio::spawn(async move {
            let answer = tokio::select! {
                answer = probing::ask(&shared, &room, made, word, &stop) => answer,
                () = kill.cancelled() => probing::unanswered("it was ended"),
            };
            let probing::Answer { state, why, outputs } = answer;
            if let Err(cause) = probing::record(&shared, &declared, state, why.clone()).await {
                tracing::warn!(code = cause.code, "what a probe answered was not recorded");
            }
            let _ = feed.send(Input::Probed { stage: id, step: attempt.step, state, why, outputs });
        });
    }

    fn close_stage(&mut self, id: StageId, succeeded: bool, settled: Option<sealock_events::DeploymentResult>) {
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
                closing::close(&shared, room, Went { verifiers, settled, is_saga, release: None }).await;
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

/// A run whose record cannot be kept must not go on.
fn unrecorded(error: RecordError) -> Verdict {
    let cause = crate::shared::unrecorded(error);
    Verdict { result: RunResult::Failure, exit: cause.exit, cause: Some(cause) }
}
