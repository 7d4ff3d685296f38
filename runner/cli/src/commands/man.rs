//! `sealock man`

use clap::{Args, CommandFactory};

use crate::args::Cli;
use crate::exit_code;
use crate::failure::Failure;
use crate::shell::Shell;

/// Print the manual page.
#[derive(Debug, Args)]
pub(crate) struct Man {}

impl Man {
    /// Prints the page.
    ///
    /// # Errors
    ///
    /// When it cannot be put together.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
        rendered.map_err(|error| Failure::new("E-OUTPUT", error.to_string()))?;
        shell.machine(&String::from_utf8_lossy(&page));
        Ok(exit_code::SUCCESS)
    }
}
