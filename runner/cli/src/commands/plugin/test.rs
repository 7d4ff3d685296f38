//! `sealock plugin test [DIR]`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use sealock_diagnostics::escape;
use serde_json::json;

use super::component;
use crate::exit_code;
use crate::failure::Failure;
use crate::programs;
use crate::project::Project;
use crate::scenario::{self, Interrupt, Trial};
use crate::shell::Shell;

/// Run a component against each of its scenarios, in the real sandbox and broker.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The project's folder; the current one without it
    folder: Option<PathBuf>,
    /// Only this scenario
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Another component than the project's own; the folder then needs no plugin.toml
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// How to print what came of it
    #[arg(long, value_enum, default_value_t = Format::Text, env = "SEALOCK_FORMAT", hide_env = true)]
    format: Format,
}

/// How to print what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line a scenario, and what was not as expected
    Text,
    /// One object
    Json,
}

impl Test {
    /// Runs the scenarios.
    ///
    /// # Errors
    ///
    /// When there is no component, or no scenario.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let folder = shell.path(self.folder.as_deref().unwrap_or(Path::new(".")));
        let file = match &self.component {
            Some(file) => shell.path(file),
            None => Project::open(&folder)?.component(),
        };
        let bytes = component::read(&file)?;
        let scenarios = scenario::all(&folder.join("scenarios"), self.scenario.as_deref())?;
        ready(shell, &file, &bytes)?;
        let interrupt = Interrupt::listen().map_err(|error| Failure::new("E-RUNTIME", error.to_string()))?;
        let mut trials = Vec::new();
        for scenario in &scenarios {
            let trial = Trial::of(scenario, &bytes, shell, &interrupt)?;
            if self.format == Format::Text {
                shell.answer(&text(&trial));
            }
            trials.push(trial);
        }
        let failed = trials.iter().filter(|trial| !trial.is_passed()).count();
        match self.format {
            Format::Json => shell.machine(&format!("{}\n", json(&trials))),
            Format::Text => shell.answer(&format!("{} scenarios, {failed} failed\n", trials.len())),
        }
        Ok(if failed == 0 { exit_code::SUCCESS } else { exit_code::FAILURE })
    }
}

/// Compiles what will be run, in front of whoever waits. What is wrong with it, the first scenario tells.
fn ready(shell: &mut Shell, file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let made = if sealock_sandbox::is_core_module(bytes) { sealock_sandbox::componentize(bytes).ok() } else { None };
    let bytes = made.as_deref().unwrap_or(bytes);
    if sealock_sandbox::inspect(bytes).is_err() {
        return Ok(());
    }
    programs::prepare(shell, &name, bytes)
}

fn text(trial: &Trial) -> String {
    let word = if trial.is_passed() { "pass" } else { "FAIL" };
    let mut out = format!("{word}  {:<20}  {}", escape(&trial.name), escape(&trial.description));
    out.truncate(out.trim_end().len());
    out.push('\n');
    for difference in &trial.differences {
        let _ = writeln!(out, "      {}", escape(difference));
    }
    if !trial.is_passed() {
        for line in &trial.log {
            let _ = writeln!(out, "      | {}", escape(line));
        }
    }
    out
}

fn json(trials: &[Trial]) -> serde_json::Value {
    let each = trials.iter().map(|trial| {
        json!({
            "name": trial.name,
            "description": trial.description,
            "passed": trial.is_passed(),
            "differences": trial.differences,
            "log": trial.log,
        })
    });
    json!({ "scenarios": each.collect::<Vec<_>>() })
}
