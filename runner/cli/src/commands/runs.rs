//! `sealock runs`

use clap::{Args, ValueEnum};
use sealock_events::RunResult;
use sealock_journal::{Journal, ReadError, RunSummary};
use sealock_workspace::RunFolder;
use serde::Serialize;
use serde_json::json;

use crate::exit_code;
use crate::failure::{Failure, chain};
use crate::shell::Shell;

/// List the runs of this machine, the newest first.
#[derive(Debug, Args)]
pub(crate) struct Runs {
    /// At most so many
    #[arg(short = 'n', long, default_value_t = 20, value_name = "N")]
    limit: usize,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Text, env = "SEALOCK_FORMAT", hide_env = true)]
    format: Format,
}

/// How to print runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table
    Text,
    /// A list of objects
    Json,
}

impl Runs {
    /// Prints them.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let journal = Journal::open(&shell.state()?).map_err(|error| Failure::new(error.code(), chain(&error)))?;
        let unread = |error: ReadError| Failure::new(error.code(), chain(&error));
        let mut runs = Vec::new();
        for mut run in journal.runs(self.limit).map_err(unread)? {
            let standing = Standing::of(&mut run, &journal).map_err(unread)?;
            runs.push((run, standing));
        }
        let text = match self.format {
            Format::Json => format!("{}\n", runs.iter().map(object).collect::<serde_json::Value>()),
            Format::Text if runs.is_empty() => "No runs yet.\n".to_owned(),
            Format::Text => runs.iter().map(line).collect(),
        };
        shell.answer(&text);
        Ok(exit_code::SUCCESS)
    }
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    /// Its end is recorded.
    Finished,
    /// A process holds it.
    Running,
    /// It has no end, and no process that could still record one: it was killed, or the machine went down.
    Interrupted,
}

impl Standing {
    /// That of `run`, which is read again when it ended meanwhile.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub(crate) fn of(run: &mut RunSummary, journal: &Journal) -> Result<Self, ReadError> {
        if run.result.is_none() {
            if RunFolder::is_held(journal.state(), &run.run) {
                return Ok(Self::Running);
            }
            *run = journal.run(&run.run)?;
        }
        Ok(if run.result.is_some() { Self::Finished } else { Self::Interrupted })
    }
}

fn object((run, standing): &(RunSummary, Standing)) -> serde_json::Value {
    json!({
        "run": run.run, "pipeline": run.pipeline, "file": run.file, "commit": run.commit, "started": run.started,
        "state": standing,
        "result": run.result, "exit": run.exit, "duration_ms": run.duration_ms,
    })
}

fn line((run, standing): &(RunSummary, Standing)) -> String {
    let result = match run.result {
        Some(RunResult::Success) => "✓ success",
        Some(RunResult::Failure) => "✗ failure",
        Some(RunResult::Cancelled) => "– cancelled",
        Some(RunResult::NeedsRecovery) => "! needs recovery",
        None if *standing == Standing::Running => "… running",
        None => "! interrupted",
    };
    let commit = run.commit.as_deref().map_or("-------", |commit| &commit[..commit.len().min(7)]);
    let seconds = run.duration_ms.map_or_else(String::new, |ms| format!("{:.1} s", Milliseconds(ms).seconds()));
    format!("{}  {}  {result:16} {seconds:>9}  {commit}  {}\n", run.run, run.started, run.pipeline)
}

struct Milliseconds(u64);

impl Milliseconds {
    #[expect(clippy::cast_precision_loss, reason = "shown to a tenth of a second")]
    fn seconds(&self) -> f64 {
        self.0 as f64 / 1000.0
    }
}
