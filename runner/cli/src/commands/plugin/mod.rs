//! `sealock plugin …`: the plugin author's commands, one file each.

mod build;
mod component;
mod inspect;
mod list;
mod meant;
mod new;
mod publish;
mod test;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::shell::Shell;

pub(crate) use new::check_name;

/// Look at plugins, and make them.
#[derive(Debug, Args)]
pub(crate) struct Plugin {
    #[command(subcommand)]
    command: Command,
}

/// One command.
#[derive(Debug, Subcommand)]
enum Command {
    /// Make a project that builds and whose test passes
    New(new::New),
    /// Build a project's component, as its plugin.toml says
    Build(build::Build),
    /// Run a component against its scenarios
    Test(test::Test),
    /// Show what a component is, asks for, and would be granted
    Inspect(inspect::Inspect),
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
            Command::New(new) => new.run(shell),
            Command::Build(build) => build.run(shell),
            Command::Test(test) => test.run(shell),
            Command::Inspect(inspect) => inspect.run(shell),
            Command::List(list) => list.run(shell),
            Command::Publish(publish) => publish.run(shell),
        }
    }
}
