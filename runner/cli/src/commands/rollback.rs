//! `sealock rollback ENVIRONMENT`

use clap::Args;

use super::run::{Format, Goal, RollbackStepArgs, RunArgs};
use crate::environment::Process;
use crate::failure::Failure;
use crate::planning::{PlanArgs, Prepared, Repository};
use crate::shell::Shell;
use crate::targets::EnvironmentArgs;
use crate::{output, refusals};

/// Go back to the last verified release of an environment: lock, switch, run the stage's rollback steps, verify, as in a run.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// Which environment.
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// To this release instead
    #[arg(long, value_name = "RELEASE")]
    to: Option<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Auto, env = "SEALOCK_FORMAT", hide_env = true)]
    format: Format,
    /// For the stage's own rollback steps
    #[command(flatten)]
    steps: RollbackStepArgs,
}

impl Rollback {
    /// Goes back.
    ///
    /// # Errors
    ///
    /// What stands in the way of starting; what happens after that is told by the run.
    pub(crate) fn run(&self, shell: &mut Shell, process: Process) -> Result<u8, Failure> {
        output::begin(shell, self.format);
        let repository = Repository::at(shell);
        let plan = PlanArgs {
            pipeline: self.environment.pipeline.clone(),
            inputs: self.environment.inputs.clone(),
            vars: self.environment.vars.clone(),
            ..PlanArgs::default()
        };
        let mut prepared = match plan.prepare(shell, &repository)? {
            Ok(prepared) => prepared,
            Err(exit) => return Ok(exit),
        };
        refusals::untrusted(prepared.plan.trust, &prepared.plan.github, &self.environment.environment)?;
        self.keep_deployment(&mut prepared)?;
        let unconfined = refusals::unconfined_rollback(&prepared.plan).filter(|_| !self.steps.unconfined_network);
        unconfined.map_or(Ok(()), Err)?;
        let arguments = RunArgs::for_rollback(self.environment.secrets.clone(), self.format, self.steps.clone());
        arguments.start(shell, &repository, prepared, process, Goal::RollBack { to: self.to.clone() })
    }

    /// Only the stage that deploys there, without what it needs.
    fn keep_deployment(&self, prepared: &mut Prepared) -> Result<(), Failure> {
        let wanted = &self.environment.environment;
        let plan = &mut prepared.plan;
        plan.stages.retain(|stage| stage.environment.as_ref() == Some(wanted));
        plan.stages.truncate(1);
        let Some(stage) = plan.stages.first_mut() else {
            let message = format!("no stage of {} deploys to `{wanted}`", plan.file);
            return Err(Failure::new("E-ENVIRONMENT-UNKNOWN", message));
        };
        stage.needs.clear();
        // They are where the stage's own rollback steps run.
        if stage.rollback.is_empty() {
            stage.services.clear();
            stage.container = None;
        }
        let name = stage.name.clone();
        plan.grants.retain(|step, _| step.stage == name);
        plan.environments.retain(|own, _| own == wanted);
        Ok(())
    }
}
