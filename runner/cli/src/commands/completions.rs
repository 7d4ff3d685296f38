//! `sealock completions SHELL`

use clap::{Args, CommandFactory};

use crate::args::Cli;
use crate::exit_code;
use crate::shell::Shell;

/// Print a completion script for a shell.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// For which shell
    shell: clap_complete::Shell,
}

impl Completions {
    /// Prints the script.
    pub(crate) fn run(&self, shell: &mut Shell) -> u8 {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "sealock", &mut script);
        shell.machine(&String::from_utf8_lossy(&script));
        exit_code::SUCCESS
    }
}
