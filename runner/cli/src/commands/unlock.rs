//! `sealock unlock ENVIRONMENT`

use clap::Args;
use sealock_broker::ssh::SshLimits;
use sealock_deploy::{LockEvent, unlock};
use sealock_diagnostics::escape;

use crate::environment::Process;
use crate::exit_code;
use crate::failure::Failure;
use crate::shell::Shell;
use crate::targets::EnvironmentArgs;

/// Take a stale lock over, in the open. A lock whose lease still runs is left alone.
#[derive(Debug, Args)]
pub(crate) struct Unlock {
    /// Which environment.
    #[command(flatten)]
    environment: EnvironmentArgs,
}

impl Unlock {
    /// Takes the locks over and lets go of them.
    ///
    /// # Errors
    ///
    /// When somebody holds one, or a target does not answer.
    pub(crate) fn run(&self, shell: &mut Shell, process: &Process) -> Result<u8, Failure> {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::new("E-RUNTIME", error.to_string()))?;
        let told = std::sync::Mutex::new(Vec::new());
        let result = runtime.block_on(async {
            let opened = self.environment.open(shell, process).await?;
            let tell = |event: LockEvent| told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(event);
            unlock(&opened.targets, &opened.facts, SshLimits::default(), &tell).await.map_err(|error| {
                let mut refused = sealock_contract::StepError::from(error);
                // Help that names the environment is a command to type.
                refused.help = refused.help.map(|help| help.replace("ENVIRONMENT", &self.environment.environment));
                Failure::refused(refused)
            })
        });
        for event in told.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            shell.answer(&format!("{}\n", escape(&line(&event))));
        }
        result.map(|()| exit_code::SUCCESS)
    }
}

fn line(event: &LockEvent) -> String {
    match event {
        LockEvent::TakenOver { target, before, .. } => {
            format!(
                "{target}: took over the stale lock that run {} ({}) left, and let go of it",
                before.run, before.who
            )
        }
        LockEvent::Taken { target, .. } | LockEvent::Resumed { target, .. } => format!("{target}: was not locked"),
        LockEvent::Waiting { target, holder, .. } => format!("{target}: run {} ({}) holds it", holder.run, holder.who),
    }
}
