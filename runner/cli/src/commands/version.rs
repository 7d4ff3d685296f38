//! `sealock version`

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::environment::Process;
use crate::shell::Shell;
use crate::{exit_code, wall};

/// Print the version, the commit, wasmtime's version, and the wall that this machine offers.
#[derive(Debug, Args)]
pub(crate) struct Version {
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text, env = "SEALOCK_FORMAT", hide_env = true)]
    format: Format,
}

/// How to print the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One object
    Json,
}

impl Version {
    /// Prints it.
    pub(crate) fn run(&self, shell: &mut Shell, process: &Process) -> u8 {
        let version = env!("CARGO_PKG_VERSION");
        let text = match self.format {
            Format::Text => {
                let commit =
                    option_env!("SEALOCK_COMMIT").map(|commit| format!("commit    {commit}\n")).unwrap_or_default();
                let wall = wall::words(process.wall());
                format!("sealock {version}\n{commit}wasmtime  {}\nwall      {wall}\n", env!("WASMTIME_VERSION"))
            }
            Format::Json => {
                let wall = wall::event(process.wall(), false);
                let value = json!({
                    "version": version,
                    "commit": option_env!("SEALOCK_COMMIT"),
                    "wasmtime": env!("WASMTIME_VERSION"),
                    "wall": { "tier": wall.tier, "made_of": wall.made_of },
                });
                format!("{value}\n")
            }
        };
        shell.answer(&text);
        exit_code::SUCCESS
    }
}
