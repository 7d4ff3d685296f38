//! An environment's targets, for commands that look at them or act on them without a run.

use clap::Args;
use sealock_deploy::{RunFacts, TargetSpec};
use sealock_diagnostics::Diagnostic;
use sealock_engine::Settings;
use sealock_plan::{Facts, PlannedEnvironment, Request};

use crate::catalogue::Plugins;
use crate::environment::Process;
use crate::event::Happened;
use crate::failure::Failure;
use crate::file;
use crate::planning::{Repository, pair};
use crate::refusals;
use crate::secrets::SecretArgs;
use crate::shell::Shell;

/// Which environment.
#[derive(Clone, Debug, Args)]
pub(crate) struct EnvironmentArgs {
    /// The environment's name in the pipeline
    pub environment: String,
    /// The pipeline that declares it; the main one, or the only one, without it
    #[arg(long, value_name = "PIPELINE", env = "SEALOCK_PIPELINE", hide_env = true)]
    pub pipeline: Option<String>,
    /// An input of the pipeline; may be given several times
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = pair)]
    pub inputs: Vec<(String, String)>,
    /// A variable, read as `vars.NAME`; may be given several times
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = pair)]
    pub vars: Vec<(String, String)>,
    /// Where secrets come from.
    #[command(flatten)]
    pub secrets: SecretArgs,
}

/// An environment with its machines.
pub(crate) struct Opened {
    /// Its machines, with their logins.
    pub targets: Vec<TargetSpec>,
    /// Who asks.
    pub facts: RunFacts,
}

impl EnvironmentArgs {
    /// Reads the pipeline and the logins' secrets.
    ///
    /// # Errors
    ///
    /// When there is no such pipeline or environment, or a secret is missing.
    pub(crate) async fn open(&self, shell: &mut Shell, process: &Process) -> Result<Opened, Failure> {
        let environment = self.planned(shell)?;
        let keys: Vec<String> = environment
            .targets
            .iter()
            .filter_map(|target| match &target.login {
                sealock_plan::SshLogin::Key(secret) => Some(secret.clone()),
                sealock_plan::SshLogin::Agent => None,
            })
            .collect();
        let vault = self.secrets.load_names(shell, &keys, process).await?;
        let settings = Settings {
            ssh_agent: process.variable("SSH_AUTH_SOCK").map(Into::into),
            who: process.who(),
            ..Settings::default()
        };
        let targets = sealock_engine::targets(&environment, &vault, &settings);
        let targets = targets.map_err(|cause| Failure::of(&cause))?;
        let facts = RunFacts { run: ulid::Ulid::generate().to_string(), who: settings.who, commit: None, dirty: false };
        Ok(Opened { targets, facts })
    }

    fn planned(&self, shell: &mut Shell) -> Result<PlannedEnvironment, Failure> {
        let repository = Repository::at(shell);
        let found = file::find(shell, repository.root(), self.pipeline.as_deref())?;
        let source = file::read(repository.root(), &found);
        let source = source.map_err(|(_, diagnostic)| {
            Failure::new("E-FILE-READ", format!("{}: {}", found.name, diagnostic.message))
        })?;
        let parsed = sealock_pipeline::parse(&source);
        let Some(pipeline) = parsed.pipeline else {
            shell.diagnostics(&source, &parsed.diagnostics);
            return Err(told("E-PIPELINE-BROKEN", &parsed.diagnostics, format!("{} has errors", found.name)));
        };
        let happened = Happened::read(shell, None)?;
        let github = repository.github(repository.git(shell, None).ok().as_ref(), &happened, None);
        refusals::untrusted(happened.trust(&github), &github, &self.environment)?;
        let facts = Facts {
            github,
            vars: self.vars.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect(),
            inputs: self.inputs.clone(),
            ..Facts::default()
        };
        let catalogue = Plugins::of(shell, repository.root());
        let request =
            Request { pipeline: &pipeline, source: &source, facts: &facts, catalogue: &catalogue, only: None };
        let (environment, diagnostics) = sealock_plan::environment(request, &self.environment);
        if let Some(environment) = environment {
            Ok(environment)
        } else {
            shell.diagnostics(&source, &diagnostics);
            let message = format!("{} declares no environment `{}` that can be used", found.name, self.environment);
            Err(told("E-ENVIRONMENT-UNKNOWN", &diagnostics, message))
        }
    }
}

/// The failure of a file whose problems were told: they are why, and nothing is said twice.
fn told(code: &'static str, diagnostics: &[Diagnostic], message: String) -> Failure {
    match diagnostics.iter().find(|one| one.is_error()) {
        Some(first) => Failure::new(first.code, message).told(),
        None => Failure::new(code, message),
    }
}
