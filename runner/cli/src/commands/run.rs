//! `sealock run [PIPELINE]`

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use rustix::process::Signal;
use sealock_broker::containers::Engine;
use sealock_broker::http::Origin;
use sealock_diagnostics::escape;
use sealock_engine::{LastLook, Past, RunEnd, RunSpec, Settings};
use sealock_events::{FanOut, Goal as Purpose};
use sealock_journal::{FullDisk, Journal, RunHead, RunLog, RunSummary};
use sealock_plan::{Keep, Plan};
use sealock_sandbox::Sandbox;
use sealock_secrets::Vault;
use sealock_workspace::{Checkout, Repository as Git, RunFolder, Uncommitted, View};

use super::resume::GoingOn;
use super::runs::tell_unfinished;
use super::unfinished;
use crate::at_commit::AtCommit;
use crate::catalogue::Plugins;
use crate::environment::Process;
use crate::failure::{Failure, chain};
use crate::native::Native;
use crate::planning::{PlanArgs, Prepared, Repository};
use crate::scenario;
use crate::secrets::SecretArgs;
use crate::shell::Shell;
use crate::usage::Usage;
use crate::{audit, exit_code, machine, output, policy, programs, refusals, signals, wall};

/// Plan and run a pipeline.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// What to run.
    #[command(flatten)]
    plan: PlanArgs,
    /// How to run it.
    #[command(flatten)]
    how: RunArgs,
    /// Start only when the pipeline's `on` takes the event, as the GitHub Action does; else tell why not, and succeed
    #[arg(long, env = "SEALOCK_TRIGGERED", hide_env = true)]
    triggered: bool,
    /// Go on with the newest run that was asked for alike (pipeline, commit, event with all that it says, inputs) when it was
    /// interrupted and nothing is uncommitted, else begin one
    #[arg(long, env = "SEALOCK_RESUME", hide_env = true)]
    resume: bool,
    /// Go on though it began on another machine: nothing of it runs there any more
    #[arg(long, requires = "resume")]
    elsewhere: bool,
}

/// What to do with a plan.
pub(crate) enum Goal {
    /// Run it.
    Run,
    /// Bring its only deployment back, to this release or to the last verified one before the current.
    RollBack {
        /// The release.
        to: Option<String>,
    },
    /// Go on with a run where its record ends.
    Resume(Box<Begun>),
}

/// What answers in place of servers, and what looks at the files that a step left: in a test of a plugin.
type Rehearsed = (Arc<dyn Origin>, LastLook);

/// A run that is begun in the state directory.
pub(crate) struct Begun {
    /// Its folder, which is ours.
    pub folder: RunFolder,
    /// Its journal.
    pub journal: Journal,
    /// Its record so far, when it goes on.
    pub past: Option<Past>,
}

/// How to run a plan.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that a person may give")]
pub(crate) struct RunArgs {
    /// Where secrets come from.
    #[command(flatten)]
    secrets: SecretArgs,
    /// How many stages run at once; as many as there are cores without it
    #[arg(long, value_name = "N", env = "SEALOCK_JOBS", hide_env = true)]
    jobs: Option<NonZeroUsize>,
    /// How to show the run
    #[arg(long, value_enum, default_value_t = Format::Auto, env = "SEALOCK_FORMAT", hide_env = true)]
    pub(crate) format: Format,
    /// Leave uncommitted changes out
    #[arg(long, env = "SEALOCK_NO_DIRTY", hide_env = true)]
    no_dirty: bool,
    /// Deploy uncommitted changes; the ledger says so
    #[arg(long, env = "SEALOCK_ALLOW_DIRTY", hide_env = true, conflicts_with = "no_dirty")]
    allow_dirty: bool,
    /// Let native commands that were allowed some network reach all of it: this machine cannot hold them to hosts
    #[arg(long, env = "SEALOCK_UNCONFINED_NETWORK", hide_env = true)]
    unconfined_network: bool,
    /// Tell at the end what each step used of what it was granted, and what it was granted for nothing
    #[arg(long, env = "SEALOCK_AUDIT", hide_env = true)]
    audit: bool,
    /// Compile every plugin anew instead of taking its kept compiled form; results of steps are never kept in this
    /// version
    #[arg(long, env = "SEALOCK_NO_CACHE", hide_env = true)]
    no_cache: bool,
    /// Leave the lockfile as it is. A run never changes it, and runs no plugin of a registry that is not in it: this is for
    /// scripts that say so
    #[arg(long, env = "SEALOCK_LOCKED", hide_env = true)]
    locked: bool,
    /// End this process and its group by SIGKILL at its n-th commit to the journal: what `cargo xtask crash` does
    #[arg(long, value_name = "N:before|N:after", hide = true)]
    die_at: Option<AtCommit>,
    /// Stop this process and its group by SIGSTOP there instead: what `cargo xtask crash --faults` does
    #[arg(long, value_name = "N:before|N:after", hide = true, conflicts_with = "die_at")]
    stop_at: Option<AtCommit>,
    /// Answer every request of a component from this file, reach no server, and keep what became of the files that it
    /// names: what `sealock plugin test` does
    #[arg(long, value_name = "FILE", hide = true)]
    rehearsal: Option<PathBuf>,
    /// Where the Docker engine listens
    #[arg(long, value_name = "ADDRESS", env = "DOCKER_HOST", hide_env = true)]
    docker_host: Option<String>,
}

/// What the stage's own rollback steps may need.
#[derive(Clone, Debug, Args)]
pub(crate) struct RollbackStepArgs {
    /// Let native commands that were allowed some network reach all of it: this machine cannot hold them to hosts
    #[arg(long, env = "SEALOCK_UNCONFINED_NETWORK", hide_env = true)]
    pub(crate) unconfined_network: bool,
    /// Where the Docker engine listens
    #[arg(long, value_name = "ADDRESS", env = "DOCKER_HOST", hide_env = true)]
    docker_host: Option<String>,
}

/// How to show a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A moving picture on a terminal, GitHub's form in a workflow, lines elsewhere
    Auto,
    /// Lines
    Plain,
    /// One event a line, as JSON
    Jsonl,
    /// Groups, annotations, and a summary for a GitHub workflow
    Github,
}

impl Run {
    /// Plans and runs.
    ///
    /// # Errors
    ///
    /// What stands in the way of starting; what happens after that is told by the run.
    pub(crate) fn run(&self, shell: &mut Shell, process: Process) -> Result<u8, Failure> {
        output::begin(shell, self.how.format);
        let repository = Repository::at(shell);
        let prepared = match self.plan.prepare(shell, &repository)? {
            Ok(prepared) => prepared,
            Err(exit) => return Ok(exit),
        };
        if let Some(why) = prepared.not_due.as_ref().filter(|_| self.triggered) {
            shell.tell(&format!("{} was not started: {why}\n", prepared.plan.file));
            output::skipped(shell);
            return Ok(exit_code::SUCCESS);
        }
        if let Some((journal, found)) = self.unfinished(shell, &repository, &prepared)? {
            shell.tell(&format!("goes on with run {} of {}, which was not over\n", found.run, escape(&found.pipeline)));
            let going_on = GoingOn::where_it_ended(self.elsewhere, self.plan.reference.clone());
            return going_on.go_on(&self.how, shell, process, (repository, journal, found));
        }
        refusals::withheld(&prepared.plan, self.plan.stage.as_deref()).map_or(Ok(()), Err)?;
        self.how.refuse(&prepared)?;
        for stage in refusals::left_out(&prepared.plan) {
            shell.tell(&stage.warning());
        }
        self.how.start(shell, &repository, prepared, process, Goal::Run)
    }

    /// The run to go on with, where that is wanted.
    fn unfinished(
        &self,
        shell: &mut Shell,
        repository: &Repository,
        prepared: &Prepared,
    ) -> Result<Option<(Journal, RunSummary)>, Failure> {
        if !self.resume {
            return Ok(None);
        }
        let journal = open_journal(&state_folder(shell)?)?;
        let dirty_files = if self.how.no_dirty { 0 } else { prepared.uncommitted.count() };
        let Some(found) = unfinished::same(&journal, repository.root(), prepared, dirty_files)? else {
            return Ok(None);
        };
        if let Some(refusal) = found.refusal() {
            shell.tell(&format!("{refusal}\n"));
            return Ok(None);
        }
        Ok(Some((journal, found.run)))
    }
}

impl RunArgs {
    /// For a rollback that a person asks for.
    pub(crate) fn for_rollback(secrets: SecretArgs, format: Format, steps: RollbackStepArgs) -> Self {
        let RollbackStepArgs { unconfined_network, docker_host } = steps;
        Self {
            secrets,
            jobs: Some(NonZeroUsize::MIN),
            format,
            no_dirty: true,
            allow_dirty: false,
            unconfined_network,
            audit: false,
            no_cache: false,
            locked: false,
            docker_host,
            die_at: None,
            stop_at: None,
            rehearsal: None,
        }
    }

    /// Nothing of a run that cannot be finished is started.
    pub(crate) fn refuse(&self, prepared: &Prepared) -> Result<(), Failure> {
        let Prepared { plan, uncommitted, .. } = prepared;
        let dirty_files = if self.no_dirty || self.allow_dirty { 0 } else { uncommitted.count() };
        let unconfined = refusals::unconfined_network(plan).filter(|_| !self.unconfined_network);
        let found = refusals::not_yet(plan).into_iter().chain(unconfined);
        let found = found.chain(refusals::deployments(plan, dirty_files)).next();
        found.map_or(Ok(()), Err)
    }

    /// Does with the plan what `goal` says.
    ///
    /// # Errors
    ///
    /// What stands in the way of starting.
    pub(crate) fn start(
        &self,
        shell: &mut Shell,
        repository: &Repository,
        prepared: Prepared,
        process: Process,
        goal: Goal,
    ) -> Result<u8, Failure> {
        let policy = policy::load(shell)?;
        policy.check_wall(process.wall())?;
        let keep = policy.policy.keep;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new("E-RUNTIME", error.to_string()))?;
        let end = runtime.block_on(self.start_async(shell, repository, prepared, process, goal));
        if end.as_ref().is_ok_and(|end| end.unrecorded.is_none()) {
            forget_old(shell, &keep);
        }
        // Everything that the run started has ended, or was told to end at once: nobody waits for threads that still look.
        runtime.shutdown_background();
        end.map(|end| end.exit)
    }

    async fn start_async(
        &self,
        shell: &mut Shell,
        repository: &Repository,
        prepared: Prepared,
        process: Process,
        goal: Goal,
    ) -> Result<RunEnd, Failure> {
        let state = state_folder(shell)?;
        let Prepared { plan, git, uncommitted, .. } = prepared;
        let vault = self.vault(shell, &plan, &process).await?;
        process.hide();
        let sandbox = Sandbox::new().map_err(|error| Failure::new("E-SANDBOX", chain(&error)))?;
        let plugins = Plugins::of_event(shell, repository, plan.trust, &plan.github);
        let programs = programs::load(shell, &plan, &plugins, &sandbox, !self.no_cache)?;

        let purpose = if matches!(goal, Goal::RollBack { .. }) { Purpose::RollBack } else { Purpose::Plan };
        let uncommitted = Some(&uncommitted).filter(|_| !self.no_dirty);
        let (begun, to) = match goal {
            Goal::Resume(begun) => (*begun, None),
            Goal::Run => (begin(shell, &state, repository.root(), &plan)?, None),
            Goal::RollBack { to } => (begin(shell, &state, repository.root(), &plan)?, Some(to)),
        };
        let Begun { folder, mut journal, past } = begun;
        let died = self.die_at.map(|at| (at, Signal::KILL));
        if let Some((at, signal)) = died.or(self.stop_at.map(|at| (at, Signal::STOP))) {
            journal.observe(at.observer(signal));
        }
        let checkout = check_out(shell, &git, &folder, (past.as_ref(), uncommitted), &state)?;
        let run = folder.run().to_owned();
        let log = RunLog::open(&state, &run).map_err(|error| in_state(error.code(), &error, &state))?;

        let native = Native::from(|name| process.variable(name));
        let (origin, last_look) = self.rehearse(shell)?.unzip();
        let engine = self.engine()?;
        let host = process.host(&native, &checkout, engine.socket());
        let spec = RunSpec {
            plan,
            journal,
            log,
            sinks: FanOut::new(vec![output::sink(shell, self.format)]),
            vault,
            sandbox,
            programs,
            checkout,
            folder,
            wall: wall::event(host.wall(), self.unconfined_network),
            host: Arc::new(host),
            engine,
            extra_roots: process.extra_roots(),
            origin,
            last_look,
            host_env: native.env,
            goal: purpose,
            settings: self.settings(&process, past.as_ref(), uncommitted),
            jobs: self.jobs.map_or_else(|| std::thread::available_parallelism().map_or(2, usize::from), usize::from),
        };
        let end = reach(spec, past, to).await;
        tell_losses(shell, &end);
        if self.audit && self.format != Format::Jsonl {
            tell_audit(shell, &state, &run)?;
        }
        Ok(end)
    }

    /// The secrets of the plan; a workflow is told to mask them.
    async fn vault(&self, shell: &mut Shell, plan: &Plan, process: &Process) -> Result<Vault, Failure> {
        let vault = self.secrets.load(shell, plan, process).await?;
        // For the machine that reads standard output; elsewhere it would be a file with every secret in it.
        if output::is_github(shell, self.format) && shell.workflow().is_some() {
            shell.machine(&vault.workflow_masks());
        }
        Ok(vault)
    }

    fn rehearse(&self, shell: &Shell) -> Result<Option<Rehearsed>, Failure> {
        let Some(file) = self.rehearsal.as_deref().map(|file| shell.path(file)) else { return Ok(None) };
        // A scenario ends with whoever waits for it, however that ends.
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
        let unread = |error| Failure::new("E-FILE-READ", format!("{}: {error}", file.display()));
        let (servers, last_look) = scenario::rehearse(&file).map_err(unread)?;
        Ok(Some((Arc::new(servers), last_look)))
    }

    fn engine(&self) -> Result<Engine, Failure> {
        Engine::connect(self.docker_host.as_deref())
            .map_err(|error| Failure::new("E-DOCKER-HOST", error.to_string()).maybe_help(error.help.clone()))
    }

    fn settings(&self, process: &Process, past: Option<&Past>, uncommitted: Option<&Uncommitted>) -> Settings {
        let now = uncommitted.map_or(0, Uncommitted::count);
        Settings {
            unconfined_network: self.unconfined_network,
            // What was deployed with them once was allowed.
            allow_dirty: self.allow_dirty || past.is_some_and(Past::has_deployed),
            dirty_files: past.map_or(now, |past| past.start().1),
            who: process.who(),
            ssh_agent: process.variable("SSH_AUTH_SOCK").map(PathBuf::from),
        }
    }
}

/// The state folder, made where it is not there yet, without what a killed run left mounted in it.
pub(crate) fn state_folder(shell: &mut Shell) -> Result<PathBuf, Failure> {
    let state = shell.state()?;
    sealock_journal::make_state_folder(&state)
        .map_err(|error| Failure::new("E-STATE-DIR", format!("{}: {error}", state.display())))?;
    if let Err(error) = View::sweep(&state) {
        shell.tell(&format!("warning: what a killed run left mounted was not removed: {error}\n"));
    }
    Ok(state)
}

/// What is run, with what is not committed where that is wanted. A run that goes on has what it had.
fn check_out(
    shell: &mut Shell,
    git: &Git,
    folder: &RunFolder,
    (past, uncommitted): (Option<&Past>, Option<&Uncommitted>),
    state: &Path,
) -> Result<Checkout, Failure> {
    let failed = |error: sealock_workspace::CheckoutError| in_state(error.code(), &error, state);
    if let Some(past) = past {
        if let Some(checkout) = Checkout::reopen(git, folder).map_err(failed)? {
            return Ok(checkout);
        }
        if past.start().1 > 0 {
            let message = "the run had taken uncommitted changes along, and Sealock's copy of them is not there any more: \
                           this machine was started again since then, or it was removed with other old runs";
            return Err(Failure::new("E-RUN-CHANGED", message).help("start a new run"));
        }
        return Checkout::prepare(git, folder, None).map_err(failed);
    }
    let checkout = Checkout::prepare(git, folder, uncommitted).map_err(failed)?;
    for warning in checkout.warnings() {
        shell.tell(&format!("warning: {}\n", output::warning(warning)));
    }
    Ok(checkout)
}

/// A new run, with its folder and its place in the journal.
fn begin(shell: &mut Shell, state: &Path, repository: &Path, plan: &Plan) -> Result<Begun, Failure> {
    let run = ulid::Ulid::generate().to_string();
    let folder = RunFolder::create(state, &run).map_err(|error| in_state(error.code(), &error, state))?;
    machine::note(&folder, repository)?;
    let mut journal = open_journal(state)?;
    let unread = |error: sealock_journal::ReadError| Failure::unread(&error);
    tell_unfinished(shell, &journal, repository).map_err(unread)?;
    journal.begin(&head(&run, plan)).map_err(|error| in_state(error.code(), &error, state))?;
    Ok(Begun { folder, journal, past: None })
}

/// Runs, goes on, or brings back, until the end or a signal.
#[expect(clippy::option_option, reason = "whether it goes back, and whether to a release that was named")]
async fn reach(spec: RunSpec, past: Option<Past>, to: Option<Option<String>>) -> RunEnd {
    let (cancel, kill) = signals::tokens();
    let note = signals::note(spec.folder.state(), spec.folder.run());
    signals::heed(note, cancel.clone(), kill.clone());
    match (past, to) {
        (Some(past), _) => sealock_engine::resume(spec, past, &cancel, &kill).await,
        (None, Some(to)) => sealock_engine::roll_back(spec, to, &cancel).await,
        (None, None) => sealock_engine::run(spec, &cancel, &kill).await,
    }
}

/// Past runs are kept as far as the machine's policy says. The run that ended is over whether or not that works.
fn forget_old(shell: &mut Shell, keep: &Keep) {
    let pruned = shell.state().map(|state| sealock_engine::prune(&state, keep));
    if let Ok(Err(error)) = pruned {
        shell.tell(&format!("warning: old runs were not removed: {}\n", chain(&error)));
    }
}

/// Outputs that failed on the way, and a record that is not whole.
fn tell_losses(shell: &mut Shell, end: &RunEnd) {
    for retired in &end.retired {
        shell.tell(&format!("warning: the output `{}` failed: {}\n", retired.name, chain(&retired.error)));
    }
    if let Some(cause) = &end.unrecorded {
        shell.tell(&Failure::of(cause).text());
    }
}

fn tell_audit(shell: &mut Shell, state: &Path, run: &str) -> Result<(), Failure> {
    let journal = open_journal(state)?;
    shell.tell(&audit::text(&Usage::of(&journal, run)?));
    Ok(())
}

/// The journal of a run that begins or goes on.
pub(crate) fn open_journal(state: &Path) -> Result<Journal, Failure> {
    Journal::open(state)
        .map_err(|error| in_state(error.code(), &error, state).maybe_help(error.help().map(str::to_owned)))
}

/// Something in the state directory could not be made or read. A full disk is told as such, whatever hit it first.
pub(crate) fn in_state(code: &'static str, error: &(dyn std::error::Error + 'static), state: &Path) -> Failure {
    if code == "E-DISK-FULL" {
        let message = format!("nothing was started: {}", FullDisk::at(state));
        return Failure::new(code, message).help(FullDisk::HELP);
    }
    Failure::new(code, chain(error))
}

fn head(run: &str, plan: &Plan) -> RunHead {
    RunHead {
        run: run.to_owned(),
        pipeline: plan.name.clone(),
        file: plan.file.clone(),
        commit: plan.github.get("sha").and_then(|sha| sha.as_str()).map(str::to_owned),
        plan_digest: plan.digest().to_string(),
        plan_json: serde_json::to_string(plan).expect("a plan holds only maps with text keys"),
        started: sealock_events::Timestamp::from_unix_ms(jiff::Timestamp::now().as_millisecond()),
    }
}
