//! `sealock fetch`

use clap::Args;
use sealock_diagnostics::escape;

use crate::exit_code;
use crate::failure::Failure;
use crate::lock::{self, Registries};
use crate::planning::Repository;
use crate::shell::Shell;

/// Fetch everything that is locked and not here yet, so that a failed download is not blamed on a step. After it, a run
/// needs no network for its plugins.
#[derive(Debug, Args)]
pub(crate) struct Fetch {}

impl Fetch {
    /// Fetches, and says what.
    ///
    /// # Errors
    ///
    /// When the lockfile cannot be read, or a plugin not be had; what was fetched before stays.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let repository = Repository::at(shell);
        let lockfile = lock::read(repository.root())?;
        let registries = Registries::open(shell)?;
        for (reference, locked) in &lockfile.plugins {
            let was_absent = registries.fetch(reference, locked)?;
            let done = if was_absent { "fetched" } else { "is here" };
            shell.answer(&format!("{done} {reference}: {}, {} bytes\n", escape(&locked.version), locked.size));
        }
        if lockfile.plugins.is_empty() {
            shell.answer("nothing is locked\n");
        }
        Ok(exit_code::SUCCESS)
    }
}
