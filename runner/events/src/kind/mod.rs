//! Every kind of event.

mod parts;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use parts::{
    Cause, Conclusion, DeploymentResult, Goal, INTERRUPTED, LogLevel, NEEDS_RECOVERY, Place, PlannedStage, PlannedStep,
    ProbeState, RunResult, ServiceState, Waiting, Wall,
};

/// What happened. Stages are named as they are shown (`test (3.11)`), steps by their id or place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum EventKind {
    /// The run is accepted; from here on it is in the journal.
    RunStarted {
        /// The pipeline's name.
        pipeline: String,
        /// Its file, relative to the repository.
        file: String,
        /// The commit, when there is one.
        commit: Option<String>,
        /// The full ref, when there is one.
        #[serde(rename = "ref")]
        reference: Option<String>,
        /// How many uncommitted files go in.
        dirty_files: u64,
        /// The plan's digest.
        plan: String,
        /// What the run is for.
        #[serde(default, skip_serializing_if = "Goal::is_plan")]
        goal: Goal,
        /// The release that a person named to go back to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// What will run, and which wall native commands get.
    Plan {
        /// In order.
        stages: Vec<PlannedStage>,
        /// The wall.
        wall: Wall,
    },
    /// A run that was interrupted, that needed recovery, or that failed goes on. What comes behind this is told by
    /// another process than what stands before.
    RunResumed {
        /// The process and machine: `ci@runner-1`.
        who: String,
        /// The wall that native commands get from here on.
        wall: Wall,
    },
    /// The cells of a matrix that is made while the run goes on.
    Cells {
        /// The stage.
        stage: String,
        /// Its cells, in order.
        cells: Vec<serde_json::Map<String, serde_json::Value>>,
    },
    /// Something is being stopped.
    Cancelling {
        /// The stage; the whole run without one.
        stage: Option<String>,
        /// Why, in words.
        why: String,
        /// What the stage fails with; without it the stage is cancelled.
        cause: Option<Cause>,
    },
    /// A stage, or what is left of it, is run again from its first step.
    StageRestarted {
        /// The stage.
        stage: String,
        /// Why.
        why: String,
        /// Whether effects that happened are made again, too.
        effects_again: bool,
    },
    /// A stage starts, or goes on after an interruption.
    StageStarted {
        /// The stage.
        stage: String,
    },
    /// A step starts, or is tried again.
    StepStarted {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// What it is called for people.
        name: String,
        /// The plugin.
        plugin: String,
        /// From 1.
        attempt: u32,
        /// Where in the pipeline it stands.
        at: Option<Place>,
    },
    /// How much of a step's and its stage's time is used: told while the step runs, so that a run that is killed within
    /// it goes on with the time that was left.
    TimeUsed {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// Of this try, in milliseconds, with what it used before an interruption.
        step_ms: u64,
        /// Of the stage, in milliseconds, with what it used before an interruption.
        stage_ms: u64,
    },
    /// A line that a step printed, after the redactor.
    Log {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// How much it matters.
        level: LogLevel,
        /// The line without its end.
        text: String,
    },
    /// A foldable group of log lines starts or ends.
    Group {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// Its number in the step.
        group: u32,
        /// Its title when it starts; `None` when it ends.
        title: Option<String>,
    },
    /// Something to show at a line of the workspace.
    Annotation {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// How much it matters.
        level: LogLevel,
        /// What it says.
        message: String,
        /// A few words.
        title: Option<String>,
        /// The file.
        file: Option<String>,
        /// From 1.
        line: Option<u32>,
        /// From 1.
        column: Option<u32>,
        /// From 1.
        end_line: Option<u32>,
        /// From 1.
        end_column: Option<u32>,
    },
    /// How far a step is.
    Progress {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// So much is done.
        done: u64,
        /// Of so much.
        total: Option<u64>,
        /// What is being done.
        message: String,
    },
    /// A step gave an output.
    Output {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// Its name.
        name: String,
        /// Its value.
        value: serde_json::Value,
    },
    /// A script gave variables to the steps behind it.
    HandedOn {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// Variables.
        env: Vec<(String, String)>,
        /// Folders for the front of `PATH`.
        path: Vec<String>,
    },
    /// Markdown for the run's summary.
    Summary {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// The Markdown.
        markdown: String,
    },
    /// A step used something that it was granted.
    GrantUsed {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// The kind of thing.
        capability: String,
        /// Which.
        what: String,
    },
    /// A step asked for something that it was not granted.
    Denied {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// The stable code.
        code: String,
        /// What was asked for.
        message: String,
        /// The entry that would grant it.
        help: Option<String>,
    },
    /// A stage's service changed its state.
    Service {
        /// The stage.
        stage: String,
        /// The service.
        name: String,
        /// Its state.
        state: ServiceState,
        /// Ports, or the last lines of a service that never got healthy.
        detail: Option<String>,
    },
    /// An effect is about to happen; from here on its outcome may be unknown.
    EffectIntent {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// The idempotency key.
        key: String,
        /// The fence, in a deployment.
        fence: Option<u64>,
        /// The component's digest.
        component: String,
        /// The resolved inputs; secrets by name.
        inputs: serde_json::Value,
    },
    /// An effect happened, or is known not to have.
    EffectDone {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// The idempotency key.
        key: String,
        /// Whether it happened.
        applied: bool,
    },
    /// After an interruption, a step with an effect was asked how far it got.
    EffectProbed {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// The idempotency key.
        key: String,
        /// How far.
        state: ProbeState,
        /// More, in words.
        why: Option<String>,
    },
    /// A step ended.
    StepFinished {
        /// The stage.
        stage: String,
        /// The step.
        step: String,
        /// From 1.
        attempt: u32,
        /// How it ended.
        outcome: Conclusion,
        /// What the run makes of it: `allow-failure` turns a failure into success.
        conclusion: Conclusion,
        /// Why, when it did not succeed.
        cause: Option<Cause>,
        /// Wall time in milliseconds.
        duration_ms: u64,
        /// Bytes of the step's log file at its end.
        log_bytes: u64,
        /// Whether another attempt follows.
        retrying: bool,
    },
    /// A stage ended.
    StageFinished {
        /// The stage.
        stage: String,
        /// How.
        result: Conclusion,
        /// Its outputs.
        outputs: serde_json::Map<String, serde_json::Value>,
        /// Why, when it failed for another reason than a step.
        cause: Option<Cause>,
        /// Wall time in milliseconds.
        duration_ms: u64,
    },
    /// A stage or step was not run.
    Skipped {
        /// The stage.
        stage: String,
        /// The step; the whole stage without one.
        step: Option<String>,
        /// Why.
        why: String,
    },
    /// Something waits.
    Waiting {
        /// The stage.
        stage: Option<String>,
        /// The step.
        step: Option<String>,
        /// For what.
        waiting: Waiting,
    },
    /// The targets of an environment are locked for this run.
    DeploymentStarted {
        /// The stage.
        stage: String,
        /// The environment.
        environment: String,
        /// The release being made.
        release: String,
        /// The fence: the highest of all targets.
        fence: u64,
        /// The fence of each target.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fences: Vec<(String, u64)>,
        /// The targets, in the pipeline's order.
        targets: Vec<String>,
        /// The release to go back to, by target.
        previous: Vec<(String, Option<String>)>,
    },
    /// A target is about to be switched; until `switched` nobody knows what it runs.
    SwitchIntent {
        /// The stage.
        stage: String,
        /// The environment.
        environment: String,
        /// The target.
        target: String,
        /// The release; empty for none.
        release: String,
    },
    /// A target runs another release now.
    Switched {
        /// The stage.
        stage: String,
        /// The environment.
        environment: String,
        /// The target.
        target: String,
        /// The release.
        release: String,
    },
    /// The deployment goes back.
    RollbackStarted {
        /// The stage.
        stage: String,
        /// The environment.
        environment: String,
        /// The release that failed.
        release: String,
        /// Why.
        cause: Cause,
    },
    /// One part of going back ended.
    RollbackStep {
        /// The stage.
        stage: String,
        /// The step whose rollback or verification this is.
        step: String,
        /// What was done.
        what: String,
        /// How it ended.
        outcome: Conclusion,
        /// Why, when it did not succeed.
        cause: Option<Cause>,
        /// Wall time in milliseconds.
        duration_ms: u64,
    },
    /// The deployment went back, or could not.
    RollbackFinished {
        /// The stage.
        stage: String,
        /// The environment.
        environment: String,
        /// What is true now.
        result: DeploymentResult,
        /// What is live now, by target.
        live: Vec<(String, Option<String>)>,
        /// Wall time in milliseconds.
        duration_ms: u64,
    },
    /// The deployment's locks are released.
    DeploymentFinished {
        /// The stage.
        stage: String,
        /// The environment.
        environment: String,
        /// What is true now.
        result: DeploymentResult,
        /// The release that was being made.
        release: String,
        /// What is live now, by target.
        live: Vec<(String, Option<String>)>,
        /// The environment's `url`.
        url: Option<String>,
    },
    /// The run ended.
    RunFinished {
        /// How.
        result: RunResult,
        /// What the process exits with.
        exit: u8,
        /// Why, when it did not succeed.
        cause: Option<Cause>,
        /// Wall time in milliseconds.
        duration_ms: u64,
        /// The command to type next, when there is one.
        next: Option<String>,
    },
}

impl EventKind {
    /// Whether it is kept in the run's log file instead of the journal.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Log { .. } | Self::Group { .. } | Self::Progress { .. })
    }

    /// Whether the engine must not go on before this is durable.
    pub fn is_barrier(&self) -> bool {
        matches!(
            self,
            Self::RunStarted { .. }
                | Self::RunResumed { .. }
                | Self::EffectIntent { .. }
                | Self::EffectDone { .. }
                | Self::EffectProbed { .. }
                | Self::DeploymentStarted { .. }
                | Self::SwitchIntent { .. }
                | Self::Switched { .. }
                | Self::RollbackStarted { .. }
                | Self::RollbackFinished { .. }
                | Self::DeploymentFinished { .. }
                | Self::RunFinished { .. }
        )
    }

    /// The stage that it belongs to, when it belongs to one.
    pub fn stage(&self) -> Option<&str> {
        match self {
            Self::RunStarted { .. } | Self::RunResumed { .. } | Self::Plan { .. } | Self::RunFinished { .. } => None,
            Self::Waiting { stage, .. } | Self::Cancelling { stage, .. } => stage.as_deref(),
            Self::StageStarted { stage }
            | Self::Cells { stage, .. }
            | Self::StageRestarted { stage, .. }
            | Self::HandedOn { stage, .. }
            | Self::EffectProbed { stage, .. }
            | Self::SwitchIntent { stage, .. }
            | Self::StepStarted { stage, .. }
            | Self::TimeUsed { stage, .. }
            | Self::Log { stage, .. }
            | Self::Group { stage, .. }
            | Self::Annotation { stage, .. }
            | Self::Progress { stage, .. }
            | Self::Output { stage, .. }
            | Self::Summary { stage, .. }
            | Self::GrantUsed { stage, .. }
            | Self::Denied { stage, .. }
            | Self::Service { stage, .. }
            | Self::EffectIntent { stage, .. }
            | Self::EffectDone { stage, .. }
            | Self::StepFinished { stage, .. }
            | Self::StageFinished { stage, .. }
            | Self::Skipped { stage, .. }
            | Self::DeploymentStarted { stage, .. }
            | Self::Switched { stage, .. }
            | Self::RollbackStarted { stage, .. }
            | Self::RollbackStep { stage, .. }
            | Self::RollbackFinished { stage, .. }
            | Self::DeploymentFinished { stage, .. } => Some(stage),
        }
    }
}
