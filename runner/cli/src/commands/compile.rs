//! `sealock __compile`: reads a component, writes compiled code; a child process that can be killed.

use clap::Args;

use crate::exit_code;
use crate::failure::Failure;

/// Compile one component from standard input to standard output.
#[derive(Debug, Args)]
pub(crate) struct Compile {}

impl Compile {
    /// Compiles.
    ///
    /// # Errors
    ///
    /// When the component cannot be a step.
    pub(crate) fn run(&self) -> Result<u8, Failure> {
        let compiled = sealock_sandbox::compile_between(std::io::stdin().lock(), std::io::stdout().lock());
        compiled.map_err(|error| Failure::new(error.code(), error.to_string()))?;
        Ok(exit_code::SUCCESS)
    }
}
