//! `sealock check [FILE…]`

use clap::{Args, ValueEnum};
use sealock_diagnostics::render::{self, Report};
use sealock_diagnostics::{Diagnostic, Source};

use crate::failure::Failure;
use crate::shell::Shell;
use crate::{exit_code, file, planning, policy};

/// Show every problem of every file, with its place and what to do. Nothing is run, nothing is downloaded.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Pipeline files or names; all of the repository without one
    files: Vec<String>,
    /// How to print problems
    #[arg(long, value_enum, default_value_t = Format::Text, env = "SEALOCK_FORMAT", hide_env = true)]
    format: Format,
}

/// How to print problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One object, for scripts
    Json,
    /// Workflow commands, which become annotations
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

impl Check {
    /// Checks and prints.
    ///
    /// # Errors
    ///
    /// When there is nothing to check.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let checked = self.check(shell)?;
        let reports: Vec<Report<'_>> =
            checked.iter().map(|(source, diagnostics)| Report { source, diagnostics }).collect();
        match self.format {
            Format::Json => shell.machine(&format!("{}\n", render::json(&reports))),
            Format::Github => shell.machine(&render::github(&reports)),
            Format::Sarif => shell.machine(&format!("{}\n", render::sarif(&reports, env!("CARGO_PKG_VERSION")))),
            Format::Text => print_text(shell, &reports),
        }
        let failed = checked.iter().flat_map(|(_, diagnostics)| diagnostics).any(Diagnostic::is_error);
        Ok(if failed { exit_code::USAGE } else { exit_code::SUCCESS })
    }

    fn check(&self, shell: &Shell) -> Result<Vec<(Source, Vec<Diagnostic>)>, Failure> {
        let repository = planning::Repository::at(shell);
        let root = repository.root();
        let policy = &policy::load(shell)?;
        if self.files.is_empty() {
            let all = file::all(root);
            let found = if all.is_empty() { vec![file::find(shell, root, None)?] } else { all };
            return Ok(found.iter().map(|found| repository.check(shell, found, policy)).collect());
        }
        Ok(self.files.iter().map(|wanted| self.check_named(shell, &repository, policy, wanted)).collect())
    }

    /// A file that is not there is a diagnostic like any other: `--format json` prints its object always.
    fn check_named(
        &self,
        shell: &Shell,
        repository: &planning::Repository,
        policy: &policy::Found,
        wanted: &str,
    ) -> (Source, Vec<Diagnostic>) {
        if let Ok(found) = file::find(shell, repository.root(), Some(wanted)) {
            repository.check(shell, &found, policy)
        } else {
            let message = "there is no such file, and no pipeline of that name in pipelines/ or .sealock/";
            (Source::new(wanted, ""), vec![Diagnostic::error("E-FILE-READ", message, None)])
        }
    }
}

fn print_text(shell: &mut Shell, reports: &[Report<'_>]) {
    for report in reports {
        let text = render::text(*report, shell.colour_out());
        shell.rendered(&text);
    }
    shell.answer(&format!("{}\n", render::summary(reports)));
}
