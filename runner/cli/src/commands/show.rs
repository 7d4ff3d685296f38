//! `sealock show [RUN]`

use clap::Args;
use sealock_events::{Event, EventKind};
use sealock_journal::Journal;

use super::run::Format;
use super::runs::Standing;
use crate::failure::Failure;
use crate::shell::Shell;
use crate::{exit_code, output};

/// Steps that are offered for one that is not there: a matrix has thousands.
const STEPS_MAX: usize = 30;

/// Show one run again, as it was told. Without a run: the last one.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A run's id, or its beginning
    run: Option<String>,
    /// Only the log of this step: `stage/step`
    #[arg(long, value_name = "STAGE/STEP")]
    logs: Option<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Auto, env = "SEALOCK_FORMAT", hide_env = true)]
    format: Format,
}

impl Show {
    /// Shows it.
    ///
    /// # Errors
    ///
    /// When there is no such run or step, or the journal cannot be read.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let journal = Journal::open(&shell.state()?).map_err(|error| Failure::unopened(&error))?;
        let wanted = self.run.as_deref().unwrap_or("latest");
        let mut found = journal.run(wanted).map_err(|error| {
            let is_first = journal.runs(1).is_ok_and(|runs| runs.is_empty());
            let help =
                if is_first { "there are no runs yet: `sealock run` makes one" } else { "`sealock runs` lists them" };
            Failure::unread(&error).maybe_help((error.code() == "E-RUN-UNKNOWN").then(|| help.to_owned()))
        })?;
        let events = journal.merged(&found.run).map_err(|error| Failure::unread(&error))?;
        let events = events.map(|event| event.map_err(|error| Failure::unread(&error)));
        match &self.logs {
            Some(step) => self.logs(shell, step, events),
            None => self.replay(shell, events),
        }?;
        match Standing::of(&mut found, &journal).map_err(|error| Failure::unread(&error))? {
            Standing::Finished => {}
            Standing::Running => shell.tell(&format!("run {} goes on\n", found.run)),
            Standing::Interrupted => shell
                .tell(&format!("run {} was interrupted, and goes on with: sealock resume {}\n", found.run, found.run)),
        }
        Ok(exit_code::SUCCESS)
    }

    fn replay(&self, shell: &mut Shell, events: impl Iterator<Item = Result<Event, Failure>>) -> Result<u8, Failure> {
        let mut sink = output::replay(shell, self.format);
        for event in events {
            if sink.receive(&event?).is_err() {
                break;
            }
        }
        Ok(exit_code::SUCCESS)
    }

    fn logs(
        &self,
        shell: &mut Shell,
        wanted: &str,
        events: impl Iterator<Item = Result<Event, Failure>>,
    ) -> Result<u8, Failure> {
        let mut known = false;
        let mut steps: Vec<String> = Vec::new();
        for event in events {
            match event?.kind {
                EventKind::StepStarted { stage, step, .. } => {
                    let name = format!("{stage}/{step}");
                    known |= name == wanted;
                    if !steps.contains(&name) && steps.len() < STEPS_MAX {
                        steps.push(name);
                    }
                }
                EventKind::Log { stage, step, text, .. } if format!("{stage}/{step}") == wanted => {
                    known = true;
                    shell.answer(&format!("{}\n", sealock_diagnostics::escape(&text)));
                }
                _ => {}
            }
        }
        if known {
            return Ok(exit_code::SUCCESS);
        }
        Err(Failure::new("E-STEP-UNKNOWN", format!("the run has no step `{wanted}`"))
            .help(format!("steps are written `stage/step`; this run has {}", steps.join(", "))))
    }
}
