//! From a file to a plan: the repository's facts, the plugins there are, and what is wrong.

use std::path::{Path, PathBuf};

use clap::Args;
use sealock_diagnostics::{Diagnostic, Source};
use sealock_plan::Facts;
use sealock_workspace::{Repository as Git, Uncommitted};
use serde_json::{Map, Value as Json, json};

use crate::catalogue::Plugins;
use crate::failure::{Failure, chain};
use crate::file::{self, Found};
use crate::shell::Shell;

/// What to plan.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PlanArgs {
    /// A pipeline's name or file; the main one, or the only one, without it
    pub pipeline: Option<String>,
    /// Only this stage, with what it needs
    #[arg(long, value_name = "STAGE", env = "SEALOCK_STAGE", hide_env = true)]
    pub stage: Option<String>,
    /// An input of the pipeline; may be given several times
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = pair)]
    pub inputs: Vec<(String, String)>,
    /// A variable, read as `vars.NAME`; may be given several times
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = pair)]
    pub vars: Vec<(String, String)>,
    /// A JSON file with the event, read as `github.event`
    #[arg(long, value_name = "FILE", env = "SEALOCK_EVENT", hide_env = true)]
    pub event: Option<PathBuf>,
    /// Another branch, tag, or commit than what is checked out
    #[arg(long = "ref", value_name = "REF", env = "SEALOCK_REF", hide_env = true)]
    pub reference: Option<String>,
}

/// Reads `NAME=VALUE`.
///
/// # Errors
///
/// When there is no `=`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The folder whose pipelines are run, and what git knows of it.
pub(crate) struct Repository {
    git: Option<Git>,
    root: PathBuf,
}

impl Repository {
    /// The one that the command was started in; a plain folder where git cannot read it.
    pub(crate) fn at(shell: &Shell) -> Self {
        let git = Git::discover(shell.directory()).ok();
        let root = git.as_ref().map_or_else(|| shell.directory().to_owned(), |git| git.root().to_owned());
        Self { git, root }
    }

    /// Where it is.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What git knows, at `reference` when one is given.
    ///
    /// # Errors
    ///
    /// When there is no such reference, or git cannot read the repository.
    pub(crate) fn git(&self, shell: &Shell, reference: Option<&str>) -> Result<Git, Failure> {
        let git = match &self.git {
            Some(git) => git.clone(),
            None => Git::discover(shell.directory()).map_err(|error| Failure::new(error.code(), chain(&error)))?,
        };
        match reference {
            Some(reference) => git.at(reference).map_err(|error| Failure::new(error.code(), chain(&error))),
            None => Ok(git),
        }
    }

    /// Every problem of one pipeline: its own, and those of its plan as far as nothing has to be passed.
    pub(crate) fn check(&self, found: &Found) -> (Source, Vec<Diagnostic>) {
        let source = match file::read(&found.path, &found.name) {
            Ok(source) => source,
            Err((source, diagnostic)) => return (source, vec![diagnostic]),
        };
        let parsed = sealock_pipeline::parse(&source);
        let Some(pipeline) = parsed.pipeline else {
            return (source, parsed.diagnostics);
        };
        let facts = Facts { github: self.github(self.git.as_ref(), None), ..Facts::default() };
        let facts = with_placeholder_inputs(&pipeline, facts);
        let catalogue = Plugins::new(&self.root);
        let request = sealock_plan::Request {
            pipeline: &pipeline,
            source: &source,
            facts: &facts,
            catalogue: &catalogue,
            only: None,
        };
        let mut diagnostics = parsed.diagnostics;
        diagnostics
            .extend(sealock_plan::plan(request).diagnostics.into_iter().filter(|one| one.code != "E-EXPR-UNKNOWN"));
        diagnostics.sort_by_key(|one| one.span.map(|span| span.start));
        (source, diagnostics)
    }

    /// The `github` context: what git and the event say.
    pub(crate) fn github(&self, git: Option<&Git>, event: Option<&Json>) -> Map<String, Json> {
        let mut github = Map::new();
        let mut set = |name: &str, value: Json| github.insert(name.to_owned(), value);
        set("event_name", event_name(event).into());
        set("event", event.cloned().unwrap_or_else(|| json!({})));
        set("head_ref", pull_request(event, "head").into());
        set("base_ref", pull_request(event, "base").into());
        let Some(facts) = git.map(Git::facts) else {
            return github;
        };
        if let Some(commit) = &facts.commit {
            set("sha", commit.id.as_str().into());
            set("actor", commit.author.as_str().into());
        }
        if let Some(reference) = &facts.reference {
            let is_tag = facts.tag.is_some();
            let name = facts.tag.as_ref().or(facts.branch.as_ref()).cloned().unwrap_or_default();
            set("ref", reference.as_str().into());
            set("ref_name", name.into());
            set("ref_type", if is_tag { "tag" } else { "branch" }.into());
        }
        if let Some(slug) = facts.remote.as_ref().and_then(|remote| remote.slug.as_ref()) {
            set("repository", slug.as_str().into());
            set("repository_owner", slug.split('/').next().unwrap_or_default().into());
        }
        github
    }
}

/// A file is checked without anything passed: required inputs count as given.
fn with_placeholder_inputs(pipeline: &sealock_pipeline::Pipeline, mut facts: Facts) -> Facts {
    for entry in &pipeline.inputs {
        if entry.value.required && entry.value.default.is_none() {
            let value = match &entry.value.kind {
                sealock_pipeline::InputKind::Number => "0".to_owned(),
                sealock_pipeline::InputKind::Boolean => "false".to_owned(),
                sealock_pipeline::InputKind::Choice(options) => {
                    options.first().map(|one| one.value.clone()).unwrap_or_default()
                }
                sealock_pipeline::InputKind::String => "example".to_owned(),
            };
            facts.inputs.push((entry.key.value.clone(), value));
        }
    }
    facts
}

/// GitHub's name for what happened; on a laptop somebody started it by hand.
fn event_name(event: Option<&Json>) -> &'static str {
    match event {
        None => "workflow_dispatch",
        Some(event) if event.get("pull_request").is_some() => "pull_request",
        Some(event) if event.get("schedule").is_some() => "schedule",
        Some(event) if event.get("release").is_some() => "release",
        Some(_) => "push",
    }
}

fn pull_request(event: Option<&Json>, side: &str) -> String {
    let name = event.and_then(|event| event.get("pull_request")?.get(side)?.get("ref")?.as_str());
    name.unwrap_or_default().to_owned()
}

/// A plan, with what it was made from.
pub(crate) struct Prepared {
    /// The plan.
    pub plan: sealock_plan::Plan,
    /// The repository at what is run.
    pub git: Git,
    /// What is not committed; nothing when another reference is run.
    pub uncommitted: Uncommitted,
}

impl PlanArgs {
    /// Plans, or tells what stands in the way and gives nothing.
    ///
    /// # Errors
    ///
    /// When there is no pipeline, or the repository or the event cannot be read.
    pub(crate) fn plan(
        &self,
        shell: &mut Shell,
        repository: &Repository,
    ) -> Result<Option<sealock_plan::Plan>, Failure> {
        Ok(self.prepare(shell, repository)?.map(|prepared| prepared.plan))
    }

    /// Plans, or tells what stands in the way and gives nothing.
    ///
    /// # Errors
    ///
    /// When there is no pipeline, or the repository or the event cannot be read.
    pub(crate) fn prepare(&self, shell: &mut Shell, repository: &Repository) -> Result<Option<Prepared>, Failure> {
        let found = file::find(shell, repository.root(), self.pipeline.as_deref())?;
        let source = match file::read(&found.path, &found.name) {
            Ok(source) => source,
            Err((source, diagnostic)) => {
                shell.diagnostics(&source, &[diagnostic]);
                return Ok(None);
            }
        };
        let parsed = sealock_pipeline::parse(&source);
        let Some(pipeline) = parsed.pipeline else {
            shell.diagnostics(&source, &parsed.diagnostics);
            return Ok(None);
        };
        let git = repository.git(shell, self.reference.as_deref())?;
        let uncommitted = self.uncommitted(shell, &git)?;
        let facts = Facts {
            github: repository.github(Some(&git), self.read_event(shell)?.as_ref()),
            vars: self.vars.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect(),
            inputs: self.inputs.clone(),
        };
        let catalogue = Plugins::new(repository.root());
        let only = self.stage.as_deref();
        let request =
            sealock_plan::Request { pipeline: &pipeline, source: &source, facts: &facts, catalogue: &catalogue, only };
        let planned = sealock_plan::plan(request);
        let mut diagnostics = parsed.diagnostics;
        diagnostics.extend(planned.diagnostics);
        if planned.plan.is_none() || !shell.global.quiet {
            shell.diagnostics(&source, &diagnostics);
        }
        Ok(planned.plan.map(|plan| Prepared { plan, git, uncommitted }))
    }

    fn uncommitted(&self, shell: &Shell, git: &Git) -> Result<Uncommitted, Failure> {
        if self.reference.is_some() {
            return Ok(Uncommitted::default());
        }
        let own: Vec<PathBuf> = [shell.state(), shell.cache()].into_iter().flatten().collect();
        let leave_out: Vec<&Path> = own.iter().map(PathBuf::as_path).collect();
        git.uncommitted(&leave_out).map_err(|error| Failure::new(error.code(), chain(&error)))
    }

    fn read_event(&self, shell: &Shell) -> Result<Option<Json>, Failure> {
        let Some(path) = &self.event else {
            return Ok(None);
        };
        let path = shell.path(path);
        let refused = |what: String| Failure::new("E-FILE-READ", format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| refused(error.to_string()))?;
        serde_json::from_str(&text).map(Some).map_err(|error| refused(format!("expected a JSON event: {error}")))
    }
}
