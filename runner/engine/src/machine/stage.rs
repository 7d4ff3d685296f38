//! One stage of a run, and its steps.

use std::collections::HashMap;

use sealock_events::{Cause, Conclusion, DeploymentResult, EventKind, Place};
use sealock_plan::{PlannedStage, Retry, RetryKind};
use serde_json::{Map, Value as Json, json};

use super::messages::{Attempt, Command, Ended, StageId, Timer, Why};
use super::{Machine, RolledBack};
use crate::exit;

/// How far a stage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// What it needs has not finished.
    Waiting,
    /// Its cells are being made.
    MakingCells,
    /// Its workspace, services, and locks are being got.
    Opening,
    /// Its steps run.
    Running,
    /// Its deployment is being taken back.
    RollingBack,
    /// It is being cleaned up.
    Closing,
    /// It was ended by an interruption, and goes on when the run does.
    Interrupted,
    /// It is over.
    Done,
}

/// What is known of a stage's deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// The environment.
    pub environment: String,
    /// The release being made.
    pub release: String,
    /// The fence: the highest of all targets.
    pub fence: u64,
    /// The fence of each target.
    pub fences: Vec<(String, u64)>,
    /// The targets, in the pipeline's order.
    pub targets: Vec<String>,
    /// The release to go back to, by target.
    pub previous: Vec<(String, Option<String>)>,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepStatus {
    /// Its turn has not come.
    Pending,
    /// It runs.
    Running,
    /// It waits for another try.
    Waiting,
    /// Its last try was ended by an interruption.
    Interrupted,
    /// It is over.
    Done,
}

/// One step of a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct StepState {
    /// How far it is.
    pub status: StepStatus,
    /// Tries so far.
    pub attempts: u32,
    /// Tries that an interruption ended: they do not count among those that its author allows.
    pub interruptions: u32,
    /// Whether an effect of it was begun.
    pub has_intent: bool,
    /// Whether that effect happened, as far as it is recorded.
    pub done: Option<bool>,
    /// How it ended.
    pub outcome: Option<Conclusion>,
    /// What the run makes of it.
    pub conclusion: Option<Conclusion>,
    /// What it gave.
    pub outputs: Map<String, Json>,
    /// How much of its time the try that is made has used, as far as that is recorded; a verifier's, with the tries that
    /// were interrupted.
    pub used_ms: u64,
    /// How much of that was used in this process.
    pub(super) counted_ms: u64,
    /// How long it waits for another try.
    pub(super) waiting_ms: u64,
    /// Whether it is being asked how far its effect got.
    pub(super) is_probed: bool,
}

/// One stage, or one cell.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Stage {
    /// As planned.
    pub plan: PlannedStage,
    /// How far it is.
    pub phase: Phase,
    /// Its steps.
    pub steps: Vec<StepState>,
    /// How it ended.
    pub result: Option<Conclusion>,
    /// Whether it, or a stage behind it, failed.
    pub failed_behind: bool,
    /// Whether it, or a stage behind it, was cancelled.
    pub cancelled_behind: bool,
    /// What later stages can read.
    pub outputs: Map<String, Json>,
    /// For a stage with an environment.
    pub deployment: Option<Deployment>,
    /// Whether an effect was begun.
    pub is_saga: bool,
    /// Steps whose effects happened or may have, oldest first.
    pub effects: Vec<usize>,
    /// Why it is being cancelled, when it is.
    pub cancelled: Option<String>,
    /// The first failure.
    pub failure: Option<Cause>,
    /// Whether its targets are locked.
    pub holds_locks: bool,
    /// The step of which a part happened, after an interruption.
    pub half_done: Option<usize>,
    /// Why it is left as it is: nobody knows what is true of its effects.
    pub unclear: Option<Cause>,
    /// Whether its deployment is being taken back, or was.
    pub goes_back: bool,
    /// Whether a rollback was begun that has no end yet.
    pub undoes: bool,
    /// What went wrong while it was opened or closed: recorded with its end.
    pub refusal: Option<Cause>,
    /// What its rollback came to.
    pub rolled_back: Option<RolledBack>,
    /// What its deployment came to, once its locks are released.
    pub settled: Option<DeploymentResult>,
    /// How often it was started again from its first step: effects of another generation are other effects.
    pub generation: u32,
    /// How much of its `timeout` is used, as far as that is recorded.
    pub used_ms: u64,
    /// Steps by their keys.
    pub(super) keys: HashMap<String, usize>,
}

impl Default for StepState {
    fn default() -> Self {
        Self {
            status: StepStatus::Pending,
            attempts: 0,
            interruptions: 0,
            has_intent: false,
            done: None,
            outcome: None,
            conclusion: None,
            outputs: Map::new(),
            used_ms: 0,
            counted_ms: 0,
            waiting_ms: 0,
            is_probed: false,
        }
    }
}

impl Stage {
    pub(super) fn new(plan: PlannedStage) -> Self {
        Self {
            steps: vec![StepState::default(); plan.steps.len()],
            keys: plan.steps.iter().enumerate().map(|(place, step)| (step.key.clone(), place)).collect(),
            plan,
            phase: Phase::Waiting,
            result: None,
            failed_behind: false,
            cancelled_behind: false,
            outputs: Map::new(),
            deployment: None,
            is_saga: false,
            effects: Vec::new(),
            cancelled: None,
            failure: None,
            holds_locks: false,
            half_done: None,
            unclear: None,
            goes_back: false,
            undoes: false,
            refusal: None,
            rolled_back: None,
            settled: None,
            generation: 0,
            used_ms: 0,
        }
    }

    pub(super) fn place_of(&self, key: &str) -> Option<usize> {
        self.keys.get(key).copied()
    }

    /// The `steps` context: what finished steps with an id gave.
    pub fn steps_context(&self) -> Map<String, Json> {
        let mut context = Map::new();
        for (plan, state) in self.plan.steps.iter().zip(&self.steps) {
            if let (true, Some(outcome), Some(conclusion)) = (plan.has_id, state.outcome, state.conclusion) {
                let value =
                    json!({ "outputs": state.outputs, "outcome": outcome.word(), "conclusion": conclusion.word() });
                context.insert(plan.key.clone(), value);
            }
        }
        context
    }

    /// Whether it is being cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_some()
    }

    /// Whether a step failed and was not forgiven.
    pub fn has_failed(&self) -> bool {
        self.failure.is_some() || self.steps.iter().any(|step| step.conclusion == Some(Conclusion::Failure))
    }

    /// Whether its deployment is being taken back, or was.
    pub(super) fn is_going_back(&self) -> bool {
        self.goes_back
    }

    /// Whether it is too late to cancel it.
    pub(super) fn is_beyond_cancel(&self) -> bool {
        let has_run = || self.steps.iter().all(|step| step.status == StepStatus::Done);
        match self.phase {
            Phase::RollingBack | Phase::Closing | Phase::Done => true,
            Phase::Running | Phase::Interrupted => self.goes_back || has_run(),
            Phase::Waiting | Phase::MakingCells | Phase::Opening => false,
        }
    }

    /// The step that an interruption ended.
    pub(super) fn interrupted_step(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.status == StepStatus::Interrupted)
    }

    pub(super) fn take_start(&mut self, step: usize, attempt: u32) {
        self.phase = Phase::Running;
        self.count_start(step);
        let state = &mut self.steps[step];
        // What an effect told before an interruption may be all that there is to know of it.
        if !(state.status == StepStatus::Interrupted && state.has_intent) {
            state.outputs.clear();
            (state.has_intent, state.done) = (false, None);
        }
        (state.status, state.attempts) = (StepStatus::Running, attempt);
    }

    pub(super) fn take_output(&mut self, step: usize, name: &str, value: &Json) {
        let state = &mut self.steps[step];
        if state.status == StepStatus::Running {
            state.outputs.insert(name.to_owned(), value.clone());
        }
    }

    pub(super) fn take_done(&mut self, step: usize, applied: bool) {
        self.steps[step].done = Some(applied);
    }

    pub(super) fn settle(&mut self, step: usize, outcome: Conclusion, conclusion: Conclusion) {
        self.phase = Phase::Running;
        let state = &mut self.steps[step];
        (state.status, state.outcome, state.conclusion) = (StepStatus::Done, Some(outcome), Some(conclusion));
    }

    pub(super) fn running(&self) -> Option<Attempt> {
        let step = self.steps.iter().position(|step| step.status == StepStatus::Running)?;
        Some(Attempt { step, number: self.steps[step].attempts })
    }
}

impl Machine {
    pub(super) fn stage_ready(
        &mut self,
        id: StageId,
        deployment: Option<Deployment>,
        fresh: Option<String>,
        out: &mut Vec<Command>,
    ) {
        if let Some(own) = deployment {
            let kind = EventKind::DeploymentStarted {
                stage: self.stages[id.0].plan.name.clone(),
                environment: own.environment,
                release: own.release,
                fence: own.fence,
                fences: own.fences,
                targets: own.targets,
                previous: own.previous,
            };
            self.tell(kind, out);
        }
        self.stages[id.0].phase = Phase::Running;
        out.push(Command::SetTimer { timer: Timer::StageTimeout(id), ms: self.stages[id.0].left_ms() });
        self.go_on(id, fresh, out);
    }

    pub(super) fn stage_refused(&mut self, id: StageId, cause: Cause, out: &mut Vec<Command>) {
        let stage = &mut self.stages[id.0];
        let is_between = stage.is_saga && stage.settled.is_none() && cause.exit != exit::FENCED;
        if is_between {
            stage.unclear = Some(super::resumption::between(stage.deployment.as_ref(), &cause));
        } else if !stage.is_cancelled() {
            stage.refusal = Some(cause);
        }
        self.close(id, out);
    }

    /// Starts the next step, or ends the stage.
    pub(super) fn next_step(&mut self, id: StageId, out: &mut Vec<Command>) {
        let stage = &mut self.stages[id.0];
        match stage.steps.iter().position(|step| step.status == StepStatus::Pending) {
            Some(step) => out.push(Command::DecideStep { stage: id, step }),
            None => self.end_of_steps(id, out),
        }
    }

    pub(super) fn step_decided(
        &mut self,
        id: StageId,
        step: usize,
        decision: Result<bool, Cause>,
        out: &mut Vec<Command>,
    ) {
        match decision {
            Ok(true) => self.start_step(id, step, out),
            Ok(false) => {
                self.skip_step(id, step, out);
                self.next_step(id, out);
            }
            Err(cause) => {
                self.undecided(id, step, cause, out);
                self.next_step(id, out);
            }
        }
    }

    /// A step whose condition cannot be evaluated has failed before it began.
    fn undecided(&mut self, id: StageId, step: usize, cause: Cause, out: &mut Vec<Command>) {
        let attempt = self.begin_step(id, step, out);
        let kind = self.step_end(id, attempt, Conclusion::Failure, Some(cause));
        self.tell(kind, out);
    }

    /// The end of a try of which nothing more is known.
    pub(super) fn step_end(
        &self,
        id: StageId,
        attempt: Attempt,
        conclusion: Conclusion,
        cause: Option<Cause>,
    ) -> EventKind {
        let stage = &self.stages[id.0];
        EventKind::StepFinished {
            stage: stage.plan.name.clone(),
            step: stage.plan.steps[attempt.step].key.clone(),
            attempt: attempt.number,
            outcome: conclusion,
            conclusion,
            cause,
            duration_ms: 0,
            log_bytes: 0,
            retrying: false,
        }
    }

    fn skip_step(&mut self, id: StageId, step: usize, out: &mut Vec<Command>) {
        let stage = &self.stages[id.0];
        let why = match (&stage.cancelled, &stage.plan.steps[step].condition) {
            (Some(why), _) => why.clone(),
            (None, Some(condition)) => format!("its condition is false: {condition}"),
            (None, None) => "a step before it failed".to_owned(),
        };
        let (stage, key) = (stage.plan.name.clone(), stage.plan.steps[step].key.clone());
        self.tell(EventKind::Skipped { stage, step: Some(key), why }, out);
    }

    pub(super) fn start_step(&mut self, id: StageId, step: usize, out: &mut Vec<Command>) {
        let attempt = self.begin_step(id, step, out);
        self.launch(id, attempt, out);
    }

    pub(super) fn begin_step(&mut self, id: StageId, step: usize, out: &mut Vec<Command>) -> Attempt {
        let stage = &self.stages[id.0];
        let attempt = Attempt { step, number: stage.steps[step].attempts + 1 };
        let plan = &stage.plan.steps[step];
        let kind = EventKind::StepStarted {
            stage: stage.plan.name.clone(),
            step: plan.key.clone(),
            name: plan.title.clone(),
            plugin: plan.plugin.clone(),
            attempt: attempt.number,
            at: Some(Place { file: self.plan.file.clone(), line: plan.line }),
        };
        self.tell(kind, out);
        attempt
    }

    pub(super) fn effect_began(&mut self, id: StageId) {
        let stage = &mut self.stages[id.0];
        stage.is_saga = true;
        let Some(attempt) = stage.running() else { return };
        (stage.steps[attempt.step].has_intent, stage.steps[attempt.step].done) = (true, None);
        if !stage.effects.contains(&attempt.step) {
            stage.effects.push(attempt.step);
        }
    }

    pub(super) fn step_ended(&mut self, id: StageId, step: usize, ended: Ended, out: &mut Vec<Command>) {
        let retrying = self.retries(id, step, &ended);
        let stage = &mut self.stages[id.0];
        let outcome = if ended.skipped.is_some() { Conclusion::Skipped } else { ended.why.conclusion() };
        let forgiven = ended.allow_failure && outcome == Conclusion::Failure;
        let conclusion = if forgiven { Conclusion::Success } else { outcome };
        stage.steps[step].outputs = ended.outputs;
        let (name, key) = (stage.plan.name.clone(), stage.plan.steps[step].key.clone());
        let kind = EventKind::StepFinished {
            stage: name.clone(),
            step: key.clone(),
            attempt: ended.attempt,
            outcome,
            conclusion,
            cause: ended.cause,
            duration_ms: ended.duration_ms,
            log_bytes: ended.log_bytes,
            retrying: retrying.is_some(),
        };
        self.tell(kind, out);
        if let Some(ms) = retrying {
            let attempt = Attempt { step, number: ended.attempt + 1 };
            let waiting = sealock_events::Waiting::Retry { ms };
            self.tell(EventKind::Waiting { stage: Some(name), step: Some(key), waiting }, out);
            out.push(Command::SetTimer { timer: Timer::Retry(id, attempt), ms });
            return;
        }
        if let Some(why) = ended.skipped {
            self.tell(EventKind::Skipped { stage: name, step: Some(key), why }, out);
        }
        self.next_step(id, out);
    }

    /// How long to wait before another try, when there is to be one.
    fn retries(&self, id: StageId, step: usize, ended: &Ended) -> Option<u64> {
        let stage = &self.stages[id.0];
        let retry = stage.plan.steps[step].retry.as_ref()?;
        if !is_retried(retry, ended.why)
            || ended.attempt - stage.steps[step].interruptions >= retry.attempts
            || stage.is_cancelled()
            || ended.effect && stage.deployment.is_some()
        {
            return None;
        }
        Some(backoff_ms(retry, ended.attempt))
    }

    pub(super) fn timer_fired(&mut self, timer: Timer, out: &mut Vec<Command>) {
        match timer {
            Timer::Retry(id, attempt) => self.retry_now(id, attempt, out),
            Timer::Slice(id, attempt) => self.slice_used(id, attempt, out),
            Timer::Grace(id, attempt) if self.stages[id.0].running() == Some(attempt) => {
                out.push(Command::KillStep { stage: id, attempt });
            }
            Timer::StageTimeout(id) if self.stages[id.0].phase == Phase::Running => {
                let limit = self.stages[id.0].plan.timeout_ms;
                let stage = self.stages[id.0].plan.name.clone();
                let (why, cause) = ("the stage's time is up".to_owned(), Some(timeout(&stage, limit)));
                self.tell(EventKind::Cancelling { stage: Some(stage), why, cause }, out);
                self.time_is_up(id, out);
            }
            Timer::Grace(..) | Timer::StageTimeout(_) => {}
        }
    }

    fn retry_now(&mut self, id: StageId, attempt: Attempt, out: &mut Vec<Command>) {
        let stage = &mut self.stages[id.0];
        if stage.phase != Phase::Running || stage.steps[attempt.step].status != StepStatus::Waiting {
            return;
        }
        if stage.is_cancelled() {
            let why = stage.cancelled.clone().unwrap_or_default();
            let (stage, key) = (stage.plan.name.clone(), stage.plan.steps[attempt.step].key.clone());
            self.tell(EventKind::Skipped { stage, step: Some(key), why }, out);
            return self.next_step(id, out);
        }
        self.start_step(id, attempt.step, out);
    }

    /// Stops what runs, but for a question about an effect: it has a limit of its own, and without its answer nobody knows
    /// what is true. What comes behind it is held up by the stage being cancelled.
    fn time_is_up(&mut self, id: StageId, out: &mut Vec<Command>) {
        let is_asking = self.stages[id.0].steps.iter().any(|step| step.is_probed);
        if !is_asking {
            self.stop(id, out);
        }
    }

    /// Asks the running step to stop; what is behind it is decided by conditions.
    fn stop(&mut self, id: StageId, out: &mut Vec<Command>) {
        let stage = &mut self.stages[id.0];
        if let Some(attempt) = stage.running() {
            out.push(Command::StopStep { stage: id, attempt });
            let ms = sealock_contract::limits::CANCEL_GRACE_MS;
            out.push(Command::SetTimer { timer: Timer::Grace(id, attempt), ms });
        } else if let Some(step) = stage.steps.iter().position(|step| step.status == StepStatus::Waiting) {
            let number = stage.steps[step].attempts + 1;
            self.retry_now(id, Attempt { step, number }, out);
        }
    }

    /// Has the stage stop, or never start, and say `why`.
    pub(super) fn cancel_stage(&mut self, id: StageId, why: &str, out: &mut Vec<Command>) {
        let stage = &self.stages[id.0];
        if stage.is_beyond_cancel() || stage.is_cancelled() {
            return;
        }
        let (stage, why) = (Some(stage.plan.name.clone()), why.to_owned());
        self.tell(EventKind::Cancelling { stage, why, cause: None }, out);
        self.halt(id, out);
    }

    /// Stops what goes on in a stage that is cancelled.
    pub(super) fn halt(&mut self, id: StageId, out: &mut Vec<Command>) {
        match self.stages[id.0].phase {
            Phase::Running => self.stop(id, out),
            // A deployment that goes on after an interruption has to be opened, to be taken back.
            Phase::Opening if !self.stages[id.0].is_saga => out.push(Command::StopOpening { stage: id }),
            _ => {}
        }
    }
}

/// Whether a try that ended so is followed by another, if there is one left.
pub(crate) fn is_retried(retry: &Retry, why: Why) -> bool {
    let kind = match why {
        Why::Failure => RetryKind::Failure,
        Why::Timeout => RetryKind::Timeout,
        Why::Trap => RetryKind::Trap,
        Why::Remote => RetryKind::Remote,
        Why::Fine | Why::Limit | Why::Cancelled => return false,
    };
    retry.on.is_empty() || retry.on.contains(&kind)
}

/// How long to wait after try `number`.
pub(crate) fn backoff_ms(retry: &Retry, number: u32) -> u64 {
    let doublings = number.saturating_sub(1).min(16);
    retry.backoff_ms.saturating_mul(1 << doublings)
}

/// A stage's time is up.
pub(crate) fn timeout(stage: &str, limit_ms: u64) -> Cause {
    let message = format!("stage `{stage}` took longer than its timeout of {}", seconds(limit_ms));
    let help = Some("give the stage a longer `timeout`".to_owned());
    Cause { code: "E-STAGE-TIMEOUT".into(), message, help, exit: 4 }
}

fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{} s", ms / 1000) } else { format!("{ms} ms") }
}
