//! `sealock plugin …`: the plugin author's commands, one file each.

mod list;
mod publish;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::shell::Shell;

/// Look at plugins, and make them.
#[derive(Debug, Args)]
pub(crate) struct Plugin {
    #[command(subcommand)]
    command: Command,
}

/// One command.
#[derive(Debug, Subcommand)]
enum Command {
    /// List the builtins and what the lockfile pins, a line each
    List(list::List),
    /// Publish a component to a registry
    Publish(publish::Publish),
}

impl Plugin {
    /// Does it.
    ///
    /// # Errors
    ///
    /// What the command says of itself.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        match &self.command {
            Command::List(list) => list.run(shell),
            Command::Publish(publish) => publish.run(shell),
        }
    }
}
