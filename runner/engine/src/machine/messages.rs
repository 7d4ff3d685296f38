//! What goes into the machine and what comes out.

use sealock_events::{Cause, Conclusion, DeploymentResult, EventKind, ProbeState};
use serde_json::{Map, Value as Json};

/// A stage's place in the machine's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageId(pub usize);

/// Which try of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt {
    /// The step's place in its stage.
    pub step: usize,
    /// From 1.
    pub number: u32,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The stage's time is up.
    StageTimeout(StageId),
    /// A slice of the time of a step that runs has gone by.
    Slice(StageId, Attempt),
    /// Try the step again.
    Retry(StageId, Attempt),
    /// A step that was asked to stop has not.
    Grace(StageId, Attempt),
}

/// What kind of end a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It did what it is for, or had nothing to do.
    Fine,
    /// It says no.
    Failure,
    /// Its time was up, or another limit was hit.
    Limit,
    /// Its time was up.
    Timeout,
    /// Its component trapped.
    Trap,
    /// Something outside failed.
    Remote,
    /// It was stopped because the run is.
    Cancelled,
}

/// How one try of a step ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Which try.
    pub attempt: u32,
    /// What kind of end.
    pub why: Why,
    /// Its cause, unless it is fine.
    pub cause: Option<Cause>,
    /// Why it had nothing to do.
    pub skipped: Option<String>,
    /// What it gave.
    pub outputs: Map<String, Json>,
    /// Whether its plugin changes something outside the run, and did or may have.
    pub effect: bool,
    /// Whether its failure may be forgiven.
    pub allow_failure: bool,
    /// Wall time in milliseconds.
    pub duration_ms: u64,
    /// Bytes of its log.
    pub log_bytes: u64,
}

impl Ended {
    /// A try that failed before it began.
    pub(crate) fn unmade(attempt: u32, cause: Cause) -> Self {
        Self {
            attempt,
            why: Why::Failure,
            cause: Some(cause),
            skipped: None,
            outputs: Map::new(),
            effect: false,
            allow_failure: false,
            duration_ms: 0,
            log_bytes: 0,
        }
    }
}

/// What a rollback came to.
#[derive(Clone, Debug, PartialEq)]
pub struct RolledBack {
    /// What is true now.
    pub result: DeploymentResult,
    /// What is live, by target.
    pub live: Vec<(String, Option<String>)>,
    /// Wall time in milliseconds.
    pub duration_ms: u64,
}

/// The end of a deployment, whose locks are released.
#[derive(Clone, Debug, PartialEq)]
pub struct DeploymentEnd {
    /// What is true now.
    pub result: DeploymentResult,
    /// The release that was being made.
    pub release: String,
    /// What is live, by target.
    pub live: Vec<(String, Option<String>)>,
    /// The environment's `url`.
    pub url: Option<String>,
}

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The run begins.
    Start,
    /// The cells of a matrix that is made at run time.
    CellsMade {
        /// The template's place.
        stage: StageId,
        /// Its cells, or why there are none.
        cells: Result<Vec<Map<String, Json>>, Cause>,
    },
    /// The stage's workspace, container, services, and locks are there.
    StageReady {
        /// Which.
        stage: StageId,
        /// For a stage with an environment.
        deployment: Option<super::Deployment>,
        /// Why the workspace is not as the last finished step left it, in a stage that goes on.
        fresh: Option<String>,
    },
    /// They could not be had.
    StageRefused {
        /// Which.
        stage: StageId,
        /// Why.
        cause: Cause,
    },
    /// The condition of a step was evaluated.
    StepDecided {
        /// Which stage.
        stage: StageId,
        /// Which step.
        step: usize,
        /// Whether it runs.
        decision: Result<bool, Cause>,
    },
    /// An effect's intent is in the journal: from here on the deployment is a saga.
    EffectBegan {
        /// Which stage.
        stage: StageId,
    },
    /// One try of a step ended.
    StepEnded {
        /// Which stage.
        stage: StageId,
        /// Which step.
        step: usize,
        /// How.
        ended: Box<Ended>,
    },
    /// A timer that was set has fired.
    TimerFired(Timer),
    /// The rollback of a deployment ended.
    RolledBack {
        /// Which stage.
        stage: StageId,
        /// How.
        result: RolledBack,
    },
    /// The stage's services, container, locks, and workspace are gone.
    StageClosed {
        /// Which.
        stage: StageId,
        /// The stage's outputs.
        outputs: Map<String, Json>,
        /// What its deployment came to.
        deployment: Option<DeploymentEnd>,
        /// Why closing failed.
        cause: Option<Cause>,
    },
    /// Another run asks for this stage's concurrency group.
    CancelStage {
        /// Which.
        stage: StageId,
    },
    /// A person asks for the end.
    CancelAsked,
    /// A person asked twice, or the run was found without a process: nothing runs any more, and nothing is taken back.
    Interrupted,
    /// The run goes on.
    Resumed {
        /// Stages that are run again from their first step, with what is behind them.
        again: Vec<StageId>,
        /// Who goes on with it, and behind which wall.
        by: (String, sealock_events::Wall),
    },
    /// A step whose effect was begun before an interruption says how far it got.
    Probed {
        /// Which stage.
        stage: StageId,
        /// Which step.
        step: usize,
        /// How far.
        state: ProbeState,
        /// More, in words.
        why: Option<String>,
        /// What it gave, beside what was told before the interruption.
        outputs: Map<String, Json>,
    },
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Record what happened.
    Record(Box<EventKind>),
    /// Evaluate the matrix of this stage.
    MakeCells {
        /// Which.
        stage: StageId,
    },
    /// Get workspace, container, services, and locks for a stage.
    OpenStage {
        /// Which.
        stage: StageId,
        /// Whether it goes on after an interruption.
        resumed: bool,
    },
    /// Stop getting what a stage needs.
    StopOpening {
        /// Which.
        stage: StageId,
    },
    /// Evaluate the condition of a step.
    DecideStep {
        /// Which stage.
        stage: StageId,
        /// Which step.
        step: usize,
    },
    /// Run one try of a step.
    StartStep {
        /// Which stage.
        stage: StageId,
        /// Which try.
        attempt: Attempt,
    },
    /// Ask a step how far its effect got that was begun before an interruption.
    ProbeStep {
        /// Which stage.
        stage: StageId,
        /// Which try.
        attempt: Attempt,
    },
    /// Ask what runs in a stage to stop.
    StopStep {
        /// Which stage.
        stage: StageId,
        /// Which try.
        attempt: Attempt,
    },
    /// End what runs in a stage, with everything that it started.
    KillStep {
        /// Which stage.
        stage: StageId,
        /// Which try.
        attempt: Attempt,
    },
    /// Fire a timer after so many milliseconds.
    SetTimer {
        /// Which.
        timer: Timer,
        /// Milliseconds.
        ms: u64,
    },
    /// Undo these effect steps, newest first, on every target; run the stage's own rollback steps; verify what is
    /// live then.
    RollBack {
        /// Which stage.
        stage: StageId,
        /// The steps to undo, newest first.
        steps: Vec<usize>,
        /// Why.
        cause: Cause,
    },
    /// Stop services and container, record the release, let the locks go.
    CloseStage {
        /// Which.
        stage: StageId,
        /// Whether it succeeded: then its release is verified.
        succeeded: bool,
        /// What its deployment came to, when that is known already: by its rollback, or because it is left as it is.
        settled: Option<DeploymentResult>,
    },
    /// The run is over.
    Finish {
        /// How.
        result: sealock_events::RunResult,
        /// What the process exits with.
        exit: u8,
        /// Why, when it did not succeed.
        cause: Option<Cause>,
    },
}

impl Why {
    /// How it counts.
    pub fn conclusion(self) -> Conclusion {
        match self {
            Self::Fine => Conclusion::Success,
            Self::Cancelled => Conclusion::Cancelled,
            _ => Conclusion::Failure,
        }
    }
}
