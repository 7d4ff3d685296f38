//! A rollback by hand that was killed, as its record has it. It is not resumed but made again: by the command that it was
//! asked with.

use sealock_events::{DeploymentResult, EventKind, Goal};
use sealock_journal::{Journal, RunSummary};

/// What a rollback by hand was to do.
pub(crate) struct ByHand {
    environment: String,
    /// The release, once that is known.
    to: Option<String>,
}

impl ByHand {
    /// That of `run`; `None` when it is for something else. A record that cannot be read says so when the run is resumed.
    pub(crate) fn of(journal: &Journal, run: &str) -> Option<Self> {
        let mut found: Option<Self> = None;
        for event in journal.events(run).ok()? {
            match event.ok()?.kind {
                EventKind::RunStarted { goal: Goal::RollBack, to, .. } => {
                    found = Some(Self { environment: String::new(), to });
                }
                EventKind::RunStarted { .. } => return None,
                EventKind::Plan { stages, .. } => {
                    found.as_mut()?.environment = stages.into_iter().find_map(|stage| stage.environment)?;
                }
                EventKind::DeploymentStarted { release, .. } => {
                    found.as_mut()?.to = Some(release);
                    break;
                }
                _ => {}
            }
        }
        found.filter(|own| !own.environment.is_empty())
    }

    /// What makes it again.
    pub(crate) fn command(&self) -> String {
        let to = self.to.as_ref().map(|release| format!(" --to {release}")).unwrap_or_default();
        format!("sealock rollback {}{to}", self.environment)
    }

    /// Whether one of `newer`, which are newest first, has changed that environment since: then nobody has to make it again.
    pub(crate) fn is_settled<'r>(
        &self,
        journal: &Journal,
        newer: impl DoubleEndedIterator<Item = &'r RunSummary>,
    ) -> bool {
        newer.rev().any(|run| {
            let Ok(events) = journal.events(&run.run) else { return false };
            events.filter_map(Result::ok).any(|event| self.is_end(&event.kind))
        })
    }

    fn is_end(&self, kind: &EventKind) -> bool {
        let EventKind::DeploymentFinished { environment, result, .. } = kind else { return false };
        *environment == self.environment
            && !matches!(result, DeploymentResult::Unchanged | DeploymentResult::Interrupted)
    }
}
