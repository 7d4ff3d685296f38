//! `sealock runs`

use std::path::Path;

use clap::{Args, ValueEnum};
use sealock_diagnostics::escape;
use sealock_events::RunResult;
use sealock_journal::{Journal, ReadError, RunSummary};
use sealock_workspace::RunFolder;
use serde::Serialize;
use serde_json::json;

use super::by_hand::ByHand;
use crate::exit_code;
use crate::failure::Failure;
use crate::shell::Shell;

/// Newest runs that are looked at for one that is not over: more cost the start of the next run.
const LOOKED_AT: usize = 50;

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
        let journal = Journal::open(&shell.state()?).map_err(|error| Failure::unopened(&error))?;
        let unread = |error: ReadError| Failure::unread(&error);
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
        match self.format {
            Format::Json => shell.machine(&text),
            Format::Text => shell.answer(&text),
        }
        if self.format == Format::Text {
            let open = runs.iter().enumerate().filter(|(_, (_, standing))| *standing == Standing::Interrupted);
            open.for_each(|(place, (run, _))| {
                let newer = runs[..place].iter().map(|(own, _)| own);
                if let Some(line) = told(run, &journal, newer) {
                    shell.tell(&line);
                }
            });
        }
        Ok(exit_code::SUCCESS)
    }
}

/// Says which runs of `repository` are not over and have nobody who goes on with them: the newest few.
///
/// # Errors
///
/// When the journal cannot be read.
pub(crate) fn tell_unfinished(shell: &mut Shell, journal: &Journal, repository: &Path) -> Result<(), ReadError> {
    let runs = journal.runs(LOOKED_AT)?;
    let is_here = |run: &RunSummary| RunFolder::repository(journal.state(), &run.run).as_deref() == Some(repository);
    for (place, run) in runs.iter().enumerate() {
        let is_open = run.result.is_none_or(RunResult::is_open);
        let mut run = run.clone();
        if is_open && is_here(&run) && Standing::of(&mut run, journal)? == Standing::Interrupted {
            let newer = runs[..place].iter().filter(|run| is_here(run));
            if let Some(line) = told(&run, journal, newer) {
                shell.tell(&line);
            }
        }
    }
    Ok(())
}

/// What goes on with a run that is not over, unless one of `newer` has made that needless.
fn told<'r>(
    run: &RunSummary,
    journal: &Journal,
    newer: impl DoubleEndedIterator<Item = &'r RunSummary>,
) -> Option<String> {
    let what = if run.result == Some(RunResult::NeedsRecovery) { "needs recovery" } else { "was interrupted" };
    let next = match ByHand::of(journal, &run.run) {
        Some(own) if own.is_settled(journal, newer) => return None,
        Some(own) => own.command(),
        None => format!("sealock resume {}", run.run),
    };
    Some(format!("run {} of {} {what}: {}\n", run.run, escape(&run.pipeline), escape(&next)))
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    /// Its end is recorded.
    Finished,
    /// A process holds it.
    Running,
    /// It is not over, and no process goes on with it: it was killed, the machine went down, or it needs recovery.
    Interrupted,
}

impl Standing {
    /// That of `run`, which is read again when it ended meanwhile.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub(crate) fn of(run: &mut RunSummary, journal: &Journal) -> Result<Self, ReadError> {
        if run.result.is_none_or(RunResult::is_open) {
            if RunFolder::is_held(journal.state(), &run.run) {
                return Ok(Self::Running);
            }
            *run = journal.run(&run.run)?;
        }
        let is_over = run.result.is_some_and(|result| !result.is_open());
        Ok(if is_over { Self::Finished } else { Self::Interrupted })
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
        _ if *standing == Standing::Running => "… running",
        Some(RunResult::Success) => "✓ success",
        Some(RunResult::Failure) => "✗ failure",
        Some(RunResult::Cancelled) => "– cancelled",
        Some(RunResult::NeedsRecovery) => "! needs recovery",
        Some(RunResult::Interrupted) | None => "! interrupted",
    };
    let commit = run.commit.as_deref().map_or("-------", |commit| &commit[..commit.len().min(7)]);
    let seconds = run.duration_ms.map_or_else(String::new, |ms| format!("{:.1} s", Milliseconds(ms).seconds()));
    format!("{}  {}  {result:16} {seconds:>9}  {commit}  {}\n", run.run, run.started, escape(&run.pipeline))
}

struct Milliseconds(u64);

impl Milliseconds {
    #[expect(clippy::cast_precision_loss, reason = "shown to a tenth of a second")]
    fn seconds(&self) -> f64 {
        self.0 as f64 / 1000.0
    }
}
