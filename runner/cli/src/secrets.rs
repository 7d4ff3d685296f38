//! Where secrets come from.

use std::path::PathBuf;

use clap::Args;
use sealock_plan::{Plan, PlannedStep};
use sealock_secrets::{Environment, Files, Listed, LoadError, Provider, Vault};

use crate::environment::Process;
use crate::failure::{Failure, chain};
use crate::shell::Shell;

/// The variable in which the GitHub Action hands its input `secrets` over.
const LISTED: &str = "SEALOCK_SECRETS";

/// What a list of secrets looks like.
const LIST_HELP: &str = "one a line: NAME=value; several lines of one value stand between NAME<<END and END";

/// Where secrets come from: `SEALOCK_SECRET_<NAME>` of the environment, the list that the GitHub Action hands over, then
/// files.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SecretArgs {
    /// A secret from a file; may be given several times
    #[arg(long = "secret-file", value_name = "NAME=PATH")]
    files: Vec<String>,
    /// A folder with one file for each secret
    #[arg(long, value_name = "DIR", env = "SEALOCK_SECRETS_DIR", hide_env = true)]
    secrets_dir: Option<PathBuf>,
}

impl SecretArgs {
    /// Every secret that the plan names.
    ///
    /// # Errors
    ///
    /// Every secret that is missing or cannot be one, together.
    pub(crate) async fn load(&self, shell: &mut Shell, plan: &Plan, process: &Process) -> Result<Vault, Failure> {
        self.load_for(shell, &plan.used_secrets(), process, |name| place(plan, name)).await
    }

    /// These secrets.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub(crate) async fn load_names(
        &self,
        shell: &mut Shell,
        names: &[String],
        process: &Process,
    ) -> Result<Vault, Failure> {
        self.load_for(shell, names, process, |_| None).await
    }

    /// These secrets, each with the place in a file that it is for, where that is known.
    async fn load_for(
        &self,
        shell: &mut Shell,
        names: &[String],
        process: &Process,
        place: impl Fn(&str) -> Option<String>,
    ) -> Result<Vault, Failure> {
        let vault = Vault::new();
        let environment = Environment::new(process.variables());
        let entries: Vec<String> = self.files.iter().map(|entry| at(shell, entry)).collect();
        let files = Files::from_entries(entries.iter().map(String::as_str));
        let files = files.map_err(|error| Failure::new("E-SECRET-READ", chain(&error)))?;
        let folder = self.secrets_dir.as_ref().map(|folder| Files::in_folder(shell.path(folder)));
        let listed = Listed::read(&process.variable(LISTED).unwrap_or_default());
        let listed = listed.map_err(|error| Failure::new(error.code(), error.to_string()).help(LIST_HELP))?;
        let mut providers: Vec<&dyn Provider> = vec![&environment, &files];
        // Only an action has such a list: nobody else is told that one was asked.
        providers.extend(process.variable(LISTED).map(|_| &listed as &dyn Provider));
        providers.extend(folder.as_ref().map(|folder| folder as &dyn Provider));
        match sealock_secrets::load(&vault, &providers, names.iter().map(String::as_str)).await {
            Ok(cautions) => {
                for caution in cautions {
                    shell.tell(&format!("warning: {caution}\n"));
                }
                Ok(vault)
            }
            Err(problems) => Err(refused(&problems, place)),
        }
    }
}

/// A path of a `NAME=path` entry, as the person meant it.
fn at(shell: &Shell, entry: &str) -> String {
    match entry.split_once('=') {
        Some((name, path)) => format!("{name}={}", shell.path(path.as_ref()).display()),
        None => entry.to_owned(),
    }
}

/// The first step that names the secret.
fn place(plan: &Plan, secret: &str) -> Option<String> {
    let steps = plan.stages.iter().flat_map(|stage| stage.steps.iter().chain(&stage.rollback));
    let lines = steps.filter(|step| names(step, secret)).map(|step| step.line);
    lines.min().map(|line| format!("{}:{line}", plan.file))
}

/// Whether `${{ secrets.NAME }}` stands in it.
fn names(step: &PlannedStep, secret: &str) -> bool {
    let text = serde_json::to_string(step).unwrap_or_default();
    let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    text.split(&format!("secrets.{secret}")).skip(1).any(|rest| !goes_on(rest))
}

fn refused(problems: &[LoadError], place: impl Fn(&str) -> Option<String>) -> Failure {
    let code = problems.first().map_or("E-SECRET-MISSING", sealock_secrets::LoadError::code);
    let text = |problem: &LoadError| match problem {
        LoadError::Missing { name, .. } => match place(name) {
            Some(place) => format!("{}, for {place}", chain(problem)),
            None => chain(problem),
        },
        problem => chain(problem),
    };
    let texts: Vec<String> = problems.iter().map(text).collect();
    let missing: Vec<&str> = problems
        .iter()
        .filter_map(|problem| match problem {
            LoadError::Missing { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let help = match missing[..] {
        [] => "set SEALOCK_SECRET_<NAME>, or give a file: --secret-file NAME=PATH".to_owned(),
        [first, ..] => {
            let variables: Vec<String> = missing.iter().map(|name| format!("SEALOCK_SECRET_{name}")).collect();
            format!("set {}, or give a file: --secret-file {first}=PATH", variables.join(", "))
        }
    };
    Failure::new(code, texts.join("; ")).help(help)
}
