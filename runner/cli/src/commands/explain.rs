//! `sealock explain [CODE]`

use clap::Args;
use sealock_diagnostics::{codes, near};

use crate::exit_code;
use crate::failure::Failure;
use crate::shell::Shell;

/// Explain an error code: what it means, why it exists, what to do. Without a code: all of them.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Such as `E-GRANT-NETWORK`
    code: Option<String>,
}

impl Explain {
    /// Prints the explanation.
    ///
    /// # Errors
    ///
    /// When there is no such code.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let Some(wanted) = &self.code else {
            let lines =
                codes::all().iter().map(|code| format!("{:32} exit {:>2}   {}\n", code.name, code.exit, code.title()));
            shell.answer(&lines.collect::<String>());
            return Ok(exit_code::SUCCESS);
        };
        let Some(code) = codes::find(wanted) else {
            let help = near::nearest(wanted, codes::all().iter().map(|code| code.name))
                .map(|near| format!("there is `{near}`"));
            return Err(Failure::new("E-CODE-UNKNOWN", format!("there is no code `{wanted}`")).maybe_help(help));
        };
        shell.answer(&format!("{} (exit {})\n\n{}\n", code.name, code.exit, code.text));
        Ok(exit_code::SUCCESS)
    }
}
