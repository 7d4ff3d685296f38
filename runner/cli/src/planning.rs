//! From a file to a plan: the repository's facts, the plugins there are, and what is wrong.

use std::path::{Path, PathBuf};

use clap::Args;
use sealock_diagnostics::{Diagnostic, Source, codes};
use sealock_pipeline::{Parsed, Pipeline};
use sealock_plan::{Facts, Review, Unset, triggers};
use sealock_workspace::{Repository as Git, Uncommitted};
use serde_json::{Map, Value as Json};

use crate::catalogue::Plugins;
use crate::event::Happened;
use crate::failure::{Failure, chain};
use crate::file::{self, Found};
use crate::shell::Shell;
use crate::{exit_code, lock, policy};

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

    /// Its git repository, where it is one.
    pub(crate) fn own_git(&self) -> Option<&Git> {
        self.git.as_ref()
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

    /// Every problem of one pipeline: its own, and those of its plan. What can be passed to a run counts as not
    /// known here, and so does what happened.
    pub(crate) fn check(&self, shell: &Shell, found: &Found, policy: &policy::Found) -> (Source, Vec<Diagnostic>) {
        let source = match file::read(self.root(), found) {
            Ok(source) => source,
            Err((source, diagnostic)) => return (source, vec![diagnostic]),
        };
        let parsed = sealock_pipeline::parse(&source);
        let github = self.git.as_ref().map(facts_of).unwrap_or_default();
        let facts = Facts { github, networks: policy.policy.networks.clone(), ..Facts::default() };
        let mut diagnostics = self.review(shell, &source, parsed, &facts, Unset::Unknown);
        policy.settle(&mut diagnostics);
        (source, diagnostics)
    }

    /// What the reader of a file found, and what would stand in the way of its plan beside it.
    fn review(&self, shell: &Shell, source: &Source, parsed: Parsed, facts: &Facts, unset: Unset) -> Vec<Diagnostic> {
        let mut diagnostics = parsed.diagnostics;
        if let Some(draft) = parsed.pipeline.as_deref().or(parsed.draft.as_ref()) {
            let catalogue = &Plugins::of_event(shell, self, facts.trust, &facts.github);
            let review = Review { draft, told: &diagnostics, source, facts, catalogue, unset };
            let more = sealock_plan::review(review);
            diagnostics.extend(more);
        }
        diagnostics.sort_by_key(|one| one.span.map(|span| span.start));
        diagnostics
    }

    /// The `github` context: what git and the event say. Another reference that is run has its own name.
    pub(crate) fn github(&self, git: Option<&Git>, happened: &Happened, reference: Option<&str>) -> Map<String, Json> {
        let mut github = git.map(facts_of).unwrap_or_default();
        let keeps = |name: &str| reference.is_some() && REFERENCE_FACTS.contains(&name);
        github.extend(happened.facts().into_iter().filter(|(name, _)| !keeps(name)));
        github
    }
}

/// The facts of `github` that name what is run.
const REFERENCE_FACTS: [&str; 3] = ["ref", "ref_name", "ref_type"];

/// What git knows.
fn facts_of(git: &Git) -> Map<String, Json> {
    let mut github = Map::new();
    let mut set = |name: &str, value: &str| github.insert(name.to_owned(), value.into());
    let facts = git.facts();
    if let Some(commit) = &facts.commit {
        set("sha", &commit.id);
        set("actor", &commit.author);
    }
    if let Some(reference) = &facts.reference {
        let name = facts.tag.as_ref().or(facts.branch.as_ref()).cloned().unwrap_or_default();
        set("ref", reference);
        set("ref_name", &name);
        set("ref_type", if facts.tag.is_some() { "tag" } else { "branch" });
    }
    if let Some(slug) = facts.remote.as_ref().and_then(|remote| remote.slug.as_ref()) {
        set("repository", slug);
        set("repository_owner", slug.split('/').next().unwrap_or_default());
    }
    github
}

/// What a file with these problems ends with: where only the lockfile does not fit, the file itself is right.
fn exit_of(diagnostics: &[Diagnostic]) -> u8 {
    let mut errors = diagnostics.iter().filter(|one| one.is_error()).peekable();
    let is_integrity = errors.peek().is_some() && errors.all(|one| codes::exit(one.code) == exit_code::INTEGRITY);
    if is_integrity { exit_code::INTEGRITY } else { exit_code::USAGE }
}

/// Why `on` does not take what happened. Which files changed is asked of git only where `on` looks at them.
fn not_due(pipeline: &Pipeline, github: &Map<String, Json>, git: &Git) -> Option<String> {
    let event = github.get("event");
    let before = event.and_then(|event| event.pointer("/pull_request/base/sha").or_else(|| event.get("before")));
    let before = before.and_then(Json::as_str).filter(|_| triggers::looks_at_files(&pipeline.on));
    let changed = before.and_then(|before| git.changed_since(before));
    triggers::refuses(&pipeline.on, github, changed.as_deref())
}

/// A plan, with what it was made from.
pub(crate) struct Prepared {
    /// The plan.
    pub plan: sealock_plan::Plan,
    /// The repository at what is run.
    pub git: Git,
    /// What is not committed; nothing when another reference is run.
    pub uncommitted: Uncommitted,
    /// Why the pipeline's `on` does not take what happened; `run` starts regardless unless it is told to ask.
    pub not_due: Option<String>,
}

impl PlanArgs {
    /// Plans, or tells what stands in the way and gives the exit code for it.
    ///
    /// # Errors
    ///
    /// When there is no pipeline, or the repository or the event cannot be read.
    pub(crate) fn prepare(&self, shell: &mut Shell, repository: &Repository) -> Result<Result<Prepared, u8>, Failure> {
        let policy = policy::load(shell)?;
        let found = file::find(shell, repository.root(), self.pipeline.as_deref())?;
        let source = match file::read(repository.root(), &found) {
            Ok(source) => source,
            Err((source, diagnostic)) => {
                shell.diagnostics(&source, &[diagnostic]);
                return Ok(Err(exit_code::USAGE));
            }
        };
        let parsed = sealock_pipeline::parse(&source);
        let happened = Happened::read(shell, self.event.as_deref())?;
        let github = |git| repository.github(git, &happened, self.reference.as_deref());
        let Some(pipeline) = &parsed.pipeline else {
            let facts = self.facts(github(repository.git.as_ref()), &happened, &policy);
            let mut diagnostics = repository.review(shell, &source, parsed, &facts, Unset::Missing);
            policy.settle(&mut diagnostics);
            shell.diagnostics(&source, &diagnostics);
            return Ok(Err(exit_of(&diagnostics)));
        };
        let git = repository.git(shell, self.reference.as_deref())?;
        let uncommitted = self.uncommitted(shell, &git)?;
        let facts = self.facts(github(Some(&git)), &happened, &policy);
        let catalogue = Plugins::of_event(shell, repository, facts.trust, &facts.github);
        catalogue.fetch(shell, &lock::references(pipeline), facts.trust)?;
        let only = self.stage.as_deref();
        let request = sealock_plan::Request { pipeline, source: &source, facts: &facts, catalogue: &catalogue, only };
        let planned = sealock_plan::plan(request);
        let mut diagnostics = parsed.diagnostics;
        diagnostics.extend(planned.diagnostics);
        policy.settle(&mut diagnostics);
        if planned.plan.is_none() || !shell.global.quiet {
            shell.diagnostics(&source, &diagnostics);
        }
        planned.plan.iter().try_for_each(|plan| policy.check(plan))?;
        let not_due = not_due(pipeline, &facts.github, &git);
        Ok(planned.plan.map(|plan| Prepared { plan, git, uncommitted, not_due }).ok_or_else(|| exit_of(&diagnostics)))
    }

    fn facts(&self, github: Map<String, Json>, happened: &Happened, policy: &policy::Found) -> Facts {
        Facts {
            trust: happened.trust(&github),
            github,
            vars: self.vars.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect(),
            inputs: self.inputs.clone(),
            networks: policy.policy.networks.clone(),
        }
    }

    fn uncommitted(&self, shell: &Shell, git: &Git) -> Result<Uncommitted, Failure> {
        if self.reference.is_some() {
            return Ok(Uncommitted::default());
        }
        let own: Vec<PathBuf> = [shell.state(), shell.cache()].into_iter().flatten().collect();
        let leave_out: Vec<&Path> = own.iter().map(PathBuf::as_path).collect();
        git.uncommitted(&leave_out).map_err(|error| Failure::new(error.code(), chain(&error)))
    }
}
