//! `sealock cancel RUN`

use clap::Args;
use sealock_journal::{Journal, ReadError};
use sealock_workspace::RunFolder;

use crate::failure::Failure;
use crate::shell::Shell;
use crate::{exit_code, signals};

/// Ask a run that goes on in another process to stop, as Ctrl-C there would: what it deploys is rolled back.
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// A run's id, or its beginning
    run: String,
    /// End it at once, as a second Ctrl-C would: nothing is taken back, and the run can be resumed
    #[arg(long)]
    now: bool,
}

impl Cancel {
    /// Asks.
    ///
    /// # Errors
    ///
    /// When there is no such run, or no process goes on with it.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let state = shell.state()?;
        let journal = Journal::open(&state).map_err(|error| Failure::unopened(&error))?;
        let unread = |error: ReadError| Failure::unread(&error);
        let found = journal.run(&self.run).map_err(unread)?;
        if !RunFolder::is_held(journal.state(), &found.run) {
            let message = format!("run {} does not go on: no process holds it", found.run);
            return Err(Failure::new("E-RUN-FINISHED", message).help("`sealock runs` says what became of it"));
        }
        let note = signals::note(journal.state(), &found.run);
        std::fs::write(&note, if self.now { "now" } else { "" })
            .map_err(|error| Failure::new("E-DISK", format!("{}: {error}", note.display())))?;
        let how = if self.now { "end at once" } else { "stop" };
        shell.tell(&format!("run {} is asked to {how}; `sealock show {}` says how it ended\n", found.run, found.run));
        Ok(exit_code::SUCCESS)
    }
}
