//! `sealock doctor --journal`

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use sealock_diagnostics::escape;
use sealock_journal::{Examined, Journal, OpenError, Problem, ReadError, RunSummary, Salvaged};
use serde_json::{Value as Json, json};

use crate::exit_code;
use crate::failure::{Failure, chain};
use crate::shell::Shell;

/// Look for what is wrong: with `--journal`, verify the record of every run.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Verify every run's chain of hashes, and show where one does not hold
    #[arg(long, required = true)]
    journal: bool,
    /// Save everything that can be read as JSON lines, `-` for standard output; a file that is there is not overwritten
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text, env = "SEALOCK_FORMAT", hide_env = true)]
    format: Format,
}

/// How to print what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One object
    Json,
}

impl Doctor {
    /// Verifies, and saves when that is asked for.
    ///
    /// # Errors
    ///
    /// When the journal cannot be opened at all, or the copy cannot be written.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let state = shell.state()?;
        let file = state.join("journal.db");
        if !file.exists() {
            shell.tell(&format!("there is no journal in {}: no run was started with it\n", state.display()));
            return Ok(exit_code::SUCCESS);
        }
        let journal = Journal::open_unverified(&state).map_err(|error| unopened(&error))?;
        if let Some(to) = &self.export {
            let records = export(&journal, shell, to)?;
            shell.tell(&format!("{records} records saved to {}\n", to.display()));
        }
        let found = Found {
            file,
            damage: journal.damage(),
            examined: journal.examine().map_err(|error: ReadError| Failure::unread(&error))?,
        };
        let is_answered = self.export.as_deref().is_some_and(is_standard_output);
        match self.format {
            _ if is_answered => shell.tell(&found.text()),
            Format::Text => shell.answer(&found.text()),
            Format::Json => shell.machine(&format!("{}\n", found.object())),
        }
        Ok(if found.is_whole() { exit_code::SUCCESS } else { exit_code::INTEGRITY })
    }
}

/// The help of other commands would lead back to here.
fn unopened(error: &OpenError) -> Failure {
    let failure = Failure::new(error.code(), chain(error));
    match error {
        OpenError::Damaged { .. } => failure.help(
            "nothing of it can be read: put a backup in its place, or move `journal.db`, `journal.db-wal`, and \
             `journal.db-shm` aside, and a new one is begun",
        ),
        _ => failure.maybe_help(error.help().map(str::to_owned)),
    }
}

fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

/// Writes every record that can be read; answers how many.
fn export(journal: &Journal, shell: &Shell, to: &Path) -> Result<u64, Failure> {
    let failed = |error: std::io::Error| Failure::new("E-FILE-WRITE", format!("{}: {error}", to.display()));
    let mut out: Box<dyn Write> = if is_standard_output(to) {
        Box::new(std::io::stdout().lock())
    } else {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(shell.path(to)).map_err(failed)?;
        Box::new(file)
    };
    let mut out = BufWriter::new(&mut out);
    let mut records = 0;
    let mut written = Ok(());
    journal.salvage(|salvaged| {
        records += u64::from(matches!(salvaged, Salvaged::Record { .. }));
        written = writeln!(out, "{}", line(salvaged));
        written.is_ok()
    });
    written.and_then(|()| out.flush()).map_err(failed)?;
    Ok(records)
}

fn line(salvaged: Salvaged) -> Json {
    match salvaged {
        Salvaged::Record { run, seq, is_verified, event } => match event {
            Ok(event) => json!({ "run": run, "seq": seq, "verified": is_verified, "event": event }),
            Err(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                json!({ "run": run, "seq": seq, "verified": is_verified, "unreadable": text })
            }
        },
        Salvaged::Head { head } => {
            let plan = serde_json::from_str(&head.plan_json).unwrap_or(Json::String(head.plan_json));
            json!({ "run": head.run, "head": {
                "pipeline": head.pipeline, "file": head.file, "commit": head.commit, "started": head.started,
                "plan_digest": head.plan_digest, "plan": plan,
            } })
        }
        // This crate is built with the journal's: it has no other.
        _ => Json::Null,
    }
}

/// What an examination found.
struct Found {
    file: PathBuf,
    damage: Vec<String>,
    examined: Vec<Examined>,
}

impl Found {
    fn is_whole(&self) -> bool {
        self.damage.is_empty() && self.problems().next().is_none()
    }

    fn problems(&self) -> impl Iterator<Item = (&RunSummary, &Problem)> {
        self.examined.iter().filter_map(|examined| Some((&examined.run, examined.problem.as_ref()?)))
    }

    fn events(&self) -> u64 {
        self.examined.iter().map(|examined| examined.run.events).sum()
    }

    fn text(&self) -> String {
        let mut text = format!("{}: {} runs, {} events", self.file.display(), self.examined.len(), self.events());
        if self.is_whole() {
            return text + "; every chain holds\n";
        }
        text.push_str("; it cannot be trusted:\n");
        for damage in &self.damage {
            let _ = writeln!(text, "E-JOURNAL-DAMAGED {}", escape(damage));
        }
        for (run, problem) in self.problems() {
            let Problem { code, at } = problem;
            let _ = writeln!(text, "{code} {} ({}, {})", at.run, escape(&run.pipeline), run.started);
            let _ = writeln!(text, "  {}", escape(&at.what));
            let _ = writeln!(text, "  found:    {}\n  expected: {}", escape(&at.found), escape(&at.expected));
        }
        text + "Save what can be read with `--export FILE`; then move `journal.db`, `journal.db-wal`, and `journal.db-shm` \
                aside, and a new journal is begun.\n"
    }

    fn object(&self) -> Json {
        let chains = self.problems().map(|(_, problem)| {
            let at = &problem.at;
            json!({
                "code": problem.code, "run": at.run, "sequence": at.seq, "what": at.what, "found": at.found,
                "expected": at.expected,
            })
        });
        let damage = self.damage.iter().map(|what| json!({ "code": "E-JOURNAL-DAMAGED", "run": null, "what": what }));
        json!({
            "journal": self.file, "runs": self.examined.len(), "events": self.events(),
            "problems": damage.chain(chains).collect::<Json>(),
        })
    }
}
