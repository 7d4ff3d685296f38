//! One stage of a run, and its steps.

use sealock_events::{Cause, Conclusion, EventKind, Place};
use sealock_plan::{PlannedStage, Retry, RetryKind};
use serde_json::{Map, Value as Json, json};

use super::messages::{Attempt, Command, Ended, StageId, Timer, Why};
use super::verdict::Failure;
use super::{Machine, RolledBack};

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
    /// The fence.
    pub fence: u64,
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
    /// It is over.
    Done,
}

/// One step of a stage.
#[derive(Clone, Debug)]
pub struct StepState {
    /// How far it is.
    pub status: StepStatus,
    /// Tries so far.
    pub attempts: u32,
    /// How it ended.
    pub outcome: Option<Conclusion>,
    /// What the run makes of it.
    pub conclusion: Option<Conclusion>,
    /// What it gave.
    pub outputs: Map<String, Json>,
}

/// One stage, or one cell.
#[derive(Clone, Debug)]
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
    /// What its rollback came to.
    pub rolled_back: Option<RolledBack>,
}

impl Stage {
    pub(super) fn new(plan: PlannedStage) -> Self {
        let step = StepState {
            status: StepStatus::Pending,
            attempts: 0,
            outcome: None,
            conclusion: None,
            outputs: Map::new(),
        };
        Self {
            steps: vec![step; plan.steps.len()],
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
            rolled_back: None,
        }
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

    pub(super) fn running(&self) -> Option<Attempt> {
        let step = self.steps.iter().position(|step| step.status == StepStatus::Running)?;
        Some(Attempt { step, number: self.steps[step].attempts })
    }
}

impl Machine {
    pub(super) fn stage_ready(&mut self, id: StageId, deployment: Option<Deployment>, out: &mut Vec<Command>) {
        let stage = &mut self.stages[id.0];
        stage.phase = Phase::Running;
        stage.deployment = deployment;
        if let Some(own) = &stage.deployment {
            let kind = EventKind::DeploymentStarted {
                stage: stage.plan.name.clone(),
                environment: own.environment.clone(),
                release: own.release.clone(),
                fence: own.fence,
                targets: own.targets.clone(),
                previous: own.previous.clone(),
            };
            Self::record(out, kind);
        }
        out.push(Command::SetTimer { timer: Timer::StageTimeout(id), ms: stage.plan.timeout_ms });
        self.next_step(id, out);
    }

    pub(super) fn stage_refused(&mut self, id: StageId, cause: Cause, out: &mut Vec<Command>) {
        if !self.stages[id.0].is_cancelled() {
            self.stages[id.0].failure.get_or_insert_with(|| cause.clone());
            self.failures.push(Failure { stage: id, cause });
        }
        self.close(id, out);
    }

    /// Starts the next step, or ends the stage.
    fn next_step(&mut self, id: StageId, out: &mut Vec<Command>) {
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
                self.undecided(id, step, &cause, out);
                self.fail(id, cause);
                self.next_step(id, out);
            }
        }
    }

    /// A step whose condition cannot be evaluated has failed before it began.
    fn undecided(&mut self, id: StageId, step: usize, cause: &Cause, out: &mut Vec<Command>) {
        let attempt = self.begin_step(id, step, out);
        let stage = &mut self.stages[id.0];
        let state = &mut stage.steps[step];
        state.status = StepStatus::Done;
        state.outcome = Some(Conclusion::Failure);
        state.conclusion = Some(Conclusion::Failure);
        let (stage, step) = (stage.plan.name.clone(), stage.plan.steps[step].key.clone());
        let failure = Conclusion::Failure;
        let kind = EventKind::StepFinished {
            stage,
            step,
            attempt: attempt.number,
            outcome: failure,
            conclusion: failure,
            cause: Some(cause.clone()),
            duration_ms: 0,
            log_bytes: 0,
            retrying: false,
        };
        Self::record(out, kind);
    }

    fn skip_step(&mut self, id: StageId, step: usize, out: &mut Vec<Command>) {
        let stage = &mut self.stages[id.0];
        let why = match (&stage.cancelled, &stage.plan.steps[step].condition) {
            (Some(why), _) => why.clone(),
            (None, Some(condition)) => format!("its condition is false: {condition}"),
            (None, None) => "a step before it failed".to_owned(),
        };
        let state = &mut stage.steps[step];
        state.status = StepStatus::Done;
        state.outcome = Some(Conclusion::Skipped);
        state.conclusion = Some(Conclusion::Skipped);
        let (stage_name, key) = (stage.plan.name.clone(), stage.plan.steps[step].key.clone());
        Self::record(out, EventKind::Skipped { stage: stage_name, step: Some(key), why });
    }

    fn start_step(&mut self, id: StageId, step: usize, out: &mut Vec<Command>) {
        let attempt = self.begin_step(id, step, out);
        out.push(Command::StartStep { stage: id, attempt });
    }

    fn begin_step(&mut self, id: StageId, step: usize, out: &mut Vec<Command>) -> Attempt {
        let file = self.plan.file.clone();
        let stage = &mut self.stages[id.0];
        let state = &mut stage.steps[step];
        state.status = StepStatus::Running;
        state.attempts += 1;
        let attempt = Attempt { step, number: state.attempts };
        let plan = &stage.plan.steps[step];
        let kind = EventKind::StepStarted {
            stage: stage.plan.name.clone(),
            step: plan.key.clone(),
            name: plan.title.clone(),
            plugin: plan.plugin.clone(),
            attempt: attempt.number,
            at: Some(Place { file, line: plan.line }),
        };
        Self::record(out, kind);
        attempt
    }

    pub(super) fn effect_began(&mut self, id: StageId) {
        let stage = &mut self.stages[id.0];
        stage.is_saga = true;
        if let Some(attempt) = stage.running()
            && !stage.effects.contains(&attempt.step)
        {
            stage.effects.push(attempt.step);
        }
    }

    pub(super) fn step_ended(&mut self, id: StageId, step: usize, ended: Ended, out: &mut Vec<Command>) {
        let retrying = self.retries(id, step, &ended);
        let stage = &mut self.stages[id.0];
        let outcome = if ended.skipped.is_some() { Conclusion::Skipped } else { ended.why.conclusion() };
        let forgiven = ended.allow_failure && outcome == Conclusion::Failure;
        let conclusion = if forgiven { Conclusion::Success } else { outcome };
        let kind = EventKind::StepFinished {
            stage: stage.plan.name.clone(),
            step: stage.plan.steps[step].key.clone(),
            attempt: ended.attempt,
            outcome,
            conclusion,
            cause: ended.cause.clone(),
            duration_ms: ended.duration_ms,
            log_bytes: ended.log_bytes,
            retrying: retrying.is_some(),
        };
        Self::record(out, kind);
        if let Some(ms) = retrying {
            let attempt = Attempt { step, number: ended.attempt + 1 };
            stage.steps[step].status = StepStatus::Waiting;
            let key = stage.plan.steps[step].key.clone();
            let (stage_name, waiting) = (stage.plan.name.clone(), sealock_events::Waiting::Retry { ms });
            Self::record(out, EventKind::Waiting { stage: Some(stage_name), step: Some(key), waiting });
            out.push(Command::SetTimer { timer: Timer::Retry(id, attempt), ms });
            return;
        }
        if let Some(why) = &ended.skipped {
            let (stage_name, key) = (stage.plan.name.clone(), stage.plan.steps[step].key.clone());
            Self::record(out, EventKind::Skipped { stage: stage_name, step: Some(key), why: why.clone() });
        }
        let state = &mut stage.steps[step];
        state.status = StepStatus::Done;
        state.outcome = Some(outcome);
        state.conclusion = Some(conclusion);
        state.outputs = ended.outputs;
        if conclusion == Conclusion::Failure {
            let cause = ended.cause.unwrap_or_else(|| Cause {
                code: "E-STEP-FAILED".into(),
                message: "the step failed".into(),
                help: None,
                exit: 1,
            });
            self.fail(id, cause);
        }
        self.next_step(id, out);
    }

    fn fail(&mut self, id: StageId, cause: Cause) {
        self.stages[id.0].failure.get_or_insert_with(|| cause.clone());
        self.failures.push(Failure { stage: id, cause });
    }

    /// How long to wait before another try, when there is to be one.
    fn retries(&self, id: StageId, step: usize, ended: &Ended) -> Option<u64> {
        let stage = &self.stages[id.0];
        let retry = stage.plan.steps[step].retry.as_ref()?;
        if !is_retried(retry, ended.why)
            || ended.attempt >= retry.attempts
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
            Timer::Grace(id, attempt) if self.stages[id.0].running() == Some(attempt) => {
                out.push(Command::KillStep { stage: id, attempt });
            }
            Timer::StageTimeout(id) if self.stages[id.0].phase == Phase::Running => {
                let limit = self.stages[id.0].plan.timeout_ms;
                let name = self.stages[id.0].plan.name.clone();
                self.fail(id, timeout(&name, limit));
                self.stop(id, "the stage's time is up", out);
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
            let state = &mut stage.steps[attempt.step];
            state.status = StepStatus::Done;
            state.outcome = Some(Conclusion::Cancelled);
            state.conclusion = Some(Conclusion::Cancelled);
            return self.next_step(id, out);
        }
        self.start_step(id, attempt.step, out);
    }

    /// Asks the running step to stop; what is behind it is decided by conditions.
    pub(super) fn stop(&mut self, id: StageId, why: &str, out: &mut Vec<Command>) {
        let stage = &mut self.stages[id.0];
        stage.cancelled.get_or_insert_with(|| why.to_owned());
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
        match self.stages[id.0].phase {
            Phase::Running => self.stop(id, why, out),
            Phase::Opening => {
                self.stages[id.0].cancelled.get_or_insert_with(|| why.to_owned());
                out.push(Command::StopOpening { stage: id });
            }
            Phase::MakingCells | Phase::Waiting => {
                self.stages[id.0].cancelled.get_or_insert_with(|| why.to_owned());
            }
            Phase::RollingBack | Phase::Closing | Phase::Done => {}
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
