//! Which context may stand where: the one table.

/// A kind of place in the file where text with expressions stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    PipelineEnv,
    PipelineConcurrency,
    Defaults,
    EnvironmentText,
    EnvironmentEnv,
    TargetText,
    StageName,
    StageEnv,
    StageIf,
    Matrix,
    MatrixOption,
    Environment,
    Image,
    ContainerEnv,
    ServiceOption,
    StageConcurrency,
    Timeout,
    Allow,
    Output,
    StepName,
    StepOption,
    StepEnv,
    StepIf,
    With,
    WorkingDirectory,
}

/// What may stand in a slot.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Such as "the `env` of a stage".
    pub(crate) what: &'static str,
    pub(crate) contexts: &'static [&'static str],
    /// `success()` and its kin.
    pub(crate) status: bool,
    /// `hashFiles`: where there is a workspace.
    pub(crate) files: bool,
    /// Whether text that anyone can write may go here.
    pub(crate) outside_text: bool,
}

const PIPELINE_ENV: &[&str] = &["github", "inputs", "vars", "secrets"];
const PIPELINE_AND_ENV: &[&str] = &["github", "inputs", "vars", "env"];
const PIPELINE_AND_SECRETS: &[&str] = &["github", "inputs", "vars", "env", "secrets"];
const PLAN: &[&str] = &["github", "inputs", "vars", "env", "matrix", "strategy"];
const PLAN_AND_SECRETS: &[&str] = &["github", "inputs", "vars", "env", "matrix", "strategy", "secrets"];
const MATRIX: &[&str] = &["github", "inputs", "vars", "env", "needs"];
const STAGE_IF: &[&str] = &["github", "inputs", "vars", "env", "matrix", "strategy", "needs"];
const OUTPUT: &[&str] = &["github", "inputs", "vars", "env", "matrix", "strategy", "needs", "steps"];
const STEP: &[&str] = &["github", "inputs", "vars", "env", "matrix", "strategy", "needs", "steps", "runner", "stage"];
const STEP_AND_SECRETS: &[&str] =
    &["github", "inputs", "vars", "env", "matrix", "strategy", "needs", "steps", "runner", "stage", "secrets"];

impl Slot {
    pub(crate) fn rule(self) -> Rule {
        let (what, contexts) = match self {
            Self::PipelineEnv => ("the pipeline's `env`", PIPELINE_ENV),
            Self::PipelineConcurrency => ("the pipeline's `concurrency`", PIPELINE_AND_ENV),
            Self::Defaults => ("`defaults`", PIPELINE_AND_ENV),
            Self::EnvironmentText => ("an environment", PIPELINE_AND_ENV),
            Self::EnvironmentEnv => ("an environment's `env`", PIPELINE_AND_SECRETS),
            Self::TargetText => ("a target", PIPELINE_AND_ENV),
            Self::StageName => ("a stage's `name`", PLAN),
            Self::StageEnv => ("a stage's `env`", PLAN_AND_SECRETS),
            Self::StageIf => ("a stage's `if`", STAGE_IF),
            Self::Matrix => ("`matrix`", MATRIX),
            Self::MatrixOption => ("an option of `matrix`", PIPELINE_AND_ENV),
            Self::Environment => ("`environment`", PLAN),
            Self::Image => ("an image", PLAN),
            Self::ContainerEnv => ("a container's `env`", PLAN_AND_SECRETS),
            Self::ServiceOption => ("a service", PLAN),
            Self::StageConcurrency => ("a stage's `concurrency`", PLAN),
            Self::Timeout => ("`timeout`", PLAN),
            Self::Allow => ("`allow`", PLAN),
            Self::Output => ("`outputs`", OUTPUT),
            Self::StepName => ("a step's `name`", PLAN),
            Self::StepOption => ("an option of a step", PLAN),
            Self::StepEnv => ("a step's `env`", STEP_AND_SECRETS),
            Self::StepIf => ("a step's `if`", STEP),
            Self::With => ("`with`", STEP_AND_SECRETS),
            Self::WorkingDirectory => ("`working-directory`", STEP),
        };
        Rule {
            what,
            contexts,
            status: matches!(self, Self::StageIf | Self::StepIf),
            files: matches!(self, Self::StepEnv | Self::StepIf | Self::With | Self::WorkingDirectory | Self::Output),
            outside_text: !matches!(self, Self::Image | Self::Allow | Self::TargetText | Self::Environment),
        }
    }
}
