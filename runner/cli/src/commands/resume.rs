//! `sealock resume [RUN]`

use std::path::Path;

use clap::Args;
use sealock_contract::Digest;
use sealock_diagnostics::escape;
use sealock_engine::Past;
use sealock_events::{Goal as Purpose, ProbeState, RunResult};
use sealock_journal::{Journal, ReadError, RunSummary};
use sealock_plan::Plan;
use sealock_workspace::{RunFolder, Uncommitted};

use super::by_hand::ByHand;
use super::run::{Begun, Goal, RunArgs, in_state, open_journal, state_folder};
use super::runs::Standing;
use crate::catalogue::Plugins;
use crate::changes;
use crate::environment::Process;
use crate::failure::Failure;
use crate::machine;
use crate::planning::{Prepared, Repository};
use crate::shell::Shell;
use crate::{output, policy};

/// Go on with a run where it stopped: what is finished is not run again. Without a run: the newest that is not over.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// A run's id, or its beginning
    run: Option<String>,
    /// What of it.
    #[command(flatten)]
    going_on: GoingOn,
    /// How to run it.
    #[command(flatten)]
    how: RunArgs,
}

/// What to make of a run that goes on.
#[derive(Debug, Args)]
pub(crate) struct GoingOn {
    /// Run this stage again from its first step, effects too, and what is behind it
    #[arg(long, value_name = "STAGE")]
    from: Vec<String>,
    /// What became of an effect that nobody could tell: `stage/step=applied` or `stage/step=not-applied`
    #[arg(long, value_name = "STEP=STATE", value_parser = word)]
    settle: Vec<(String, ProbeState)>,
    /// Go on though it began on another machine: nothing of it runs there any more
    #[arg(long)]
    elsewhere: bool,
    /// What is run where it is not what is checked out, as `run --ref` names it.
    #[arg(skip)]
    reference: Option<String>,
}

/// Reads `stage/step=applied`.
///
/// # Errors
///
/// When it is not that.
fn word(text: &str) -> Result<(String, ProbeState), String> {
    let (step, state) = text.rsplit_once('=').ok_or("expected STAGE/STEP=applied or STAGE/STEP=not-applied")?;
    match state {
        "applied" => Ok((step.to_owned(), ProbeState::Applied)),
        "not-applied" => Ok((step.to_owned(), ProbeState::NotApplied)),
        other => Err(format!("expected applied or not-applied, found `{other}`")),
    }
}

impl Resume {
    /// Goes on.
    ///
    /// # Errors
    ///
    /// What stands in the way; what happens after that is told by the run.
    pub(crate) fn run(&self, shell: &mut Shell, process: Process) -> Result<u8, Failure> {
        output::begin(shell, self.how.format);
        let state = state_folder(shell)?;
        let journal = open_journal(&state)?;
        let repository = Repository::at(shell);
        let found = self.find(&journal, repository.root())?;
        self.going_on.go_on(&self.how, shell, process, (repository, journal, found))
    }

    /// The run that is named, else the newest of this repository that is not over. A rollback by hand is made again instead.
    fn find(&self, journal: &Journal, repository: &Path) -> Result<RunSummary, Failure> {
        if let Some(name) = &self.run {
            return journal.run(name).map_err(unread);
        }
        let mut by_hand = None;
        for mut run in journal.runs(usize::MAX).map_err(unread)? {
            let is_here = RunFolder::repository(journal.state(), &run.run).as_deref() == Some(repository);
            if is_here && Standing::of(&mut run, journal).map_err(unread)? == Standing::Interrupted {
                match ByHand::of(journal, &run.run) {
                    None => return Ok(run),
                    Some(own) => by_hand = by_hand.or(Some(own)),
                }
            }
        }
        let also = by_hand.map(|own| format!("; a rollback by hand, which was, is made again: {}", own.command()));
        let help = "`sealock runs` lists all runs; a failed one is resumed by its id";
        Err(Failure::new("E-RUN-UNKNOWN", "no run of this repository was interrupted")
            .help(format!("{help}{}", also.unwrap_or_default())))
    }
}

impl GoingOn {
    /// From where the record ends; on another machine when `elsewhere`, and at `reference` when one is given.
    pub(super) fn where_it_ended(elsewhere: bool, reference: Option<String>) -> Self {
        Self { from: Vec::new(), settle: Vec::new(), elsewhere, reference }
    }

    /// Goes on with the run `found`.
    ///
    /// # Errors
    ///
    /// What stands in the way; what happens after that is told by the run.
    pub(super) fn go_on(
        &self,
        how: &RunArgs,
        shell: &mut Shell,
        process: Process,
        (repository, mut journal, found): (Repository, Journal, RunSummary),
    ) -> Result<u8, Failure> {
        let state = state_folder(shell)?;
        // From here on nobody else takes the run up.
        let folder = RunFolder::create(&state, &found.run).map_err(|error| in_state(error.code(), &error, &state))?;
        let found = journal.run(&found.run).map_err(unread)?;
        self.check_result(&found)?;
        self.check_place(&state, &found, repository.root())?;
        let plan = stored_plan(&journal, &found)?;
        journal.go_on(&found.run).map_err(unread)?;
        let past = self.past(&journal, &found, &plan)?;
        policy::load(shell)?.check(&plan)?;
        let plugins = Plugins::of_event(shell, &repository, plan.trust, &plan.github);
        for (name, plugin) in &plan.plugins {
            plugins.hold(name, plugin).map_err(Failure::catalogue)?;
        }
        changes::refuse(shell, &repository, self.reference.as_deref(), (&found, &plan))?;
        machine::note(&folder, repository.root())?;
        folder.clear_steps().map_err(|error| Failure::new("E-DISK", error.to_string()))?;
        let git = repository.git(shell, found.commit.as_deref())?;
        let prepared = Prepared { plan, git, uncommitted: Uncommitted::default(), not_due: None };
        how.refuse(&prepared)?;
        let begun = Begun { folder, journal, past: Some(past) };
        how.start(shell, &repository, prepared, process, Goal::Resume(Box::new(begun)))
    }

    fn check_result(&self, found: &RunSummary) -> Result<(), Failure> {
        if found.result == Some(RunResult::Success) && self.from.is_empty() {
            return Err(Failure::new("E-RUN-FINISHED", format!("run {} succeeded: nothing is left of it", found.run))
                .help("`--from STAGE` runs a stage and what is behind it again"));
        }
        Ok(())
    }

    /// Refuses a run of another repository, and one that another machine may go on with.
    fn check_place(&self, state: &Path, found: &RunSummary, here: &Path) -> Result<(), Failure> {
        let run = &found.run;
        if let Some(name) = machine::other(state, run) {
            if self.elsewhere {
                // Paths there say nothing here; what has changed since is looked at below.
                return Ok(());
            }
            let message = format!("run {run} began on the machine {}, and may go on there", escape(&name));
            let help = format!("when nothing of it runs there any more: sealock resume {run} --elsewhere");
            return Err(Failure::new("E-RUN-ELSEWHERE", message).help(help));
        }
        match RunFolder::repository(state, run) {
            Some(root) if root != here => {
                let message = format!("run {run} is of the repository {}", root.display());
                let help = format!("sealock -C {} resume {run}", root.display());
                Err(Failure::new("E-RUN-ELSEWHERE", message).help(help))
            }
            _ => Ok(()),
        }
    }

    fn past(&self, journal: &Journal, found: &RunSummary, plan: &Plan) -> Result<Past, Failure> {
        let events = journal.events(&found.run).map_err(unread)?.collect::<Result<Vec<_>, _>>().map_err(unread)?;
        let past = Past::read(plan, events);
        let mut past = past.map_err(|error| Failure::new("E-RUN-RECORD", error.to_string()))?;
        if past.start().0 == Purpose::RollBack {
            let message = format!("run {} is a rollback by hand, which is not resumed but made again", found.run);
            let again = ByHand::of(journal, &found.run).map(|own| own.command());
            return Err(Failure::new("E-RUN-FINISHED", message).maybe_help(again));
        }
        for stage in &self.from {
            if !past.run_again(plan, stage) {
                let names: Vec<&str> = plan.stages.iter().map(|stage| stage.name.as_str()).collect();
                return Err(Failure::new("E-STAGE-UNKNOWN", format!("the run has no stage `{stage}`"))
                    .help(format!("it has {}", names.join(", "))));
            }
        }
        for (step, state) in &self.settle {
            past.settle(step, *state);
        }
        Ok(past)
    }
}

/// The plan that the run began with, word for word.
pub(super) fn stored_plan(journal: &Journal, found: &RunSummary) -> Result<Plan, Failure> {
    let text = journal.plan(&found.run).map_err(unread)?;
    let changed = |why: String| {
        Failure::new("E-RUN-VERSION", format!("the plan of run {} cannot be used by this version: {why}", found.run))
            .help("resume it with the version that began it, or start a new run")
    };
    let plan: Plan = serde_json::from_str(&text).map_err(|error| changed(error.to_string()))?;
    let digest: Digest = plan.digest();
    if digest.to_string() != found.plan_digest {
        return Err(changed("it reads back as another plan".to_owned()));
    }
    Ok(plan)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn unread(error: ReadError) -> Failure {
    Failure::unread(&error)
}
