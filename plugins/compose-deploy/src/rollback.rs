//! Taking a deployment back, and finding out whether it happened.
//!
//! Both look at the targets only: at what `current` names, whose key it carries, and what runs.

use sealock_sdk::targets::Release;
use sealock_sdk::{EffectState, Error, Level};

use crate::deployment::{detail, detail_of, finish, is_ready};
use crate::machine::{Fleet, Machine, NO_RELEASE, Started};
use crate::problem::remote;
use crate::script::{self, Place};

/// What has been started on a target to take the deployment back.
struct Undoing<'a> {
    machine: Box<dyn Machine + 'a>,
    name: String,
    /// The release that is to run, or none.
    to: Option<String>,
    started: Option<Box<dyn Started>>,
    /// Whether `current` is to name nothing once the containers are gone.
    clears: bool,
}

/// Brings every target, last one first, back to its last verified release; where there is none, stops the new one.
/// May be called again after a crash: a target that is back already is only looked at.
///
/// # Errors
///
/// Every target that could not be brought back. The others are.
pub(crate) fn roll_back(fleet: &dyn Fleet, key: &str, wait_seconds: u64) -> Result<(), Error> {
    let (mut problems, mut unreached) = (Vec::new(), Vec::new());
    let names = fleet.names().into_iter().rev().collect();
    round(fleet, names, key, wait_seconds, &mut problems, &mut unreached);
    // What did not answer may answer now that the others are back.
    let names = unreached.drain(..).map(|(name, _)| name).collect();
    round(fleet, names, key, wait_seconds, &mut problems, &mut unreached);
    problems.extend(unreached.into_iter().map(|(name, error)| format!("{name}: {error}")));
    if problems.is_empty() {
        return Ok(());
    }
    Err(remote("E-COMPOSE-ROLLBACK", problems.join("\n")))
}

/// Begins on all of `names`, then waits for them. Those that could not be begun on are `unreached`.
fn round(
    fleet: &dyn Fleet,
    names: Vec<String>,
    key: &str,
    wait_seconds: u64,
    problems: &mut Vec<String>,
    unreached: &mut Vec<(String, Error)>,
) {
    let mut undoing = Vec::new();
    for name in names {
        match begin(fleet, &name, key, wait_seconds) {
            Ok(begun) => undoing.push(begun),
            Err(error) => unreached.push((name, error)),
        }
    }
    for undoing in undoing {
        match end(&undoing, wait_seconds) {
            Ok(line) => fleet.tell(Level::Notice, &line),
            Err(error) => problems.push(error.to_string()),
        }
    }
}

fn begin<'a>(fleet: &'a dyn Fleet, name: &str, key: &str, wait_seconds: u64) -> Result<Undoing<'a>, Error> {
    let machine = fleet.open(name)?;
    let current = machine.current()?;
    let is_ours = |release: &Release| detail_of(release, detail::KEY) == Some(key);
    let (to, started, clears) = match current {
        Some(current) if is_ours(&current) => match machine.previous()? {
            Some(previous) => {
                let place = place(machine.as_ref(), &previous)?;
                machine.switch_to(&previous.id)?;
                (Some(previous.id), Some(machine.start(&place.up(wait_seconds))?), false)
            }
            None => (None, Some(machine.start(&place(machine.as_ref(), &current)?.down())?), true),
        },
        // Never switched here, or switched back before a crash: what is current has to run.
        Some(other) => {
            let place = place(machine.as_ref(), &other)?;
            (Some(other.id), Some(machine.start(&place.up(wait_seconds))?), false)
        }
        None => (None, None, false),
    };
    Ok(Undoing { machine, name: name.to_owned(), to, started, clears })
}

fn end(undoing: &Undoing<'_>, wait_seconds: u64) -> Result<String, Error> {
    let name = &undoing.name;
    if let Some(started) = &undoing.started {
        let report = finish(started.as_ref(), name)?;
        if let Some(problem) = report.problem(&[], wait_seconds) {
            return Err(remote("E-COMPOSE-ROLLBACK", format!("{name}: {problem}")));
        }
    }
    if undoing.clears {
        undoing.machine.switch_to(NO_RELEASE).map_err(|error| error.while_doing(name))?;
    }
    Ok(match &undoing.to {
        Some(release) => format!("{name}: {release} runs again"),
        None => format!("{name}: nothing runs, as before the first deployment"),
    })
}

/// Where a release stands that some deployment of this plugin made.
fn place(machine: &dyn Machine, release: &Release) -> Result<Place, Error> {
    let (Some(project), Some(compose)) = (detail_of(release, detail::PROJECT), detail_of(release, detail::COMPOSE))
    else {
        let message = format!("release {} was not made by compose-deploy: how to start it is not known", release.id);
        return Err(remote("E-COMPOSE-RELEASE", message));
    };
    Ok(Place::new(&machine.directory(), &release.id, project, compose))
}

/// Whether the deployment with this key happened.
///
/// # Errors
///
/// When a target cannot be asked.
pub(crate) fn probe(fleet: &dyn Fleet, key: &str, wait_seconds: u64) -> Result<EffectState, Error> {
    let (mut switched, mut others, mut projects) = (Vec::new(), Vec::new(), Vec::new());
    for name in fleet.names() {
        let machine = fleet.open(&name)?;
        match machine.current()?.filter(|release| detail_of(release, detail::KEY) == Some(key)) {
            Some(release) => {
                projects.push((machine, place_project(&release)));
                switched.push(name);
            }
            None => others.push(name),
        }
    }
    match (switched.as_slice(), others.as_slice()) {
        ([], _) => Ok(EffectState::NotApplied),
        (_, []) => look(&projects, wait_seconds),
        (switched, others) => {
            let (switched, others) = (switched.join(", "), others.join(", "));
            Ok(EffectState::Partly(format!("{switched} is on the new release, and {others} is not")))
        }
    }
}

fn place_project(release: &Release) -> String {
    detail_of(release, detail::PROJECT).unwrap_or_default().to_owned()
}

/// The release is current everywhere: whether it runs everywhere, too.
fn look(projects: &[(Box<dyn Machine + '_>, String)], wait_seconds: u64) -> Result<EffectState, Error> {
    for (machine, project) in projects {
        let name = machine.name();
        let report = finish(machine.start(&script::status(project, wait_seconds))?.as_ref(), &name)?;
        if !is_ready(&report) {
            let why = report.problem(&[], wait_seconds).unwrap_or_default();
            return Ok(EffectState::Partly(format!("{name} is on the new release: {why}")));
        }
    }
    Ok(EffectState::Applied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeFleet, failed_report};

    fn two_targets() -> FakeFleet {
        let mut fleet = FakeFleet::new(&["web1", "web2"]);
        for name in ["web1", "web2"] {
            fleet.set_current(name, "r2", "key", "p");
            fleet.set_previous(name, "r1", "p");
        }
        fleet
    }

    fn probed(fleet: &FakeFleet) -> String {
        match probe(fleet, "key", 60).expect("an answer") {
            EffectState::Applied => "applied".to_owned(),
            EffectState::NotApplied => "not applied".to_owned(),
            EffectState::Partly(why) => format!("partly: {why}"),
            EffectState::Unknown(why) => format!("unknown: {why}"),
        }
    }

    #[test]
    fn every_target_goes_back_the_last_one_first() {
        let fleet = two_targets();
        roll_back(&fleet, "key", 60).expect("back");
        assert_eq!(fleet.calls(), ["web2 switch r1", "web2 up r1", "web1 switch r1", "web1 up r1"]);
        assert_eq!(fleet.told(), ["web2: r1 runs again", "web1: r1 runs again"]);
    }

    #[test]
    fn a_target_that_was_not_switched_is_only_looked_at() {
        let mut fleet = two_targets();
        fleet.set_current("web2", "r1", "older", "p");
        roll_back(&fleet, "key", 60).expect("back");
        assert_eq!(fleet.calls(), ["web2 up r1", "web1 switch r1", "web1 up r1"]);
    }

    #[test]
    fn after_the_first_deployment_nothing_is_current_and_that_only_when_nothing_runs() {
        let mut fleet = FakeFleet::new(&["web1"]);
        fleet.set_current("web1", "r1", "key", "p");
        roll_back(&fleet, "key", 60).expect("down");
        assert_eq!(fleet.calls(), ["web1 down r1", "web1 switch "]);

        let mut stuck = FakeFleet::new(&["web1"]);
        stuck.set_current("web1", "r1", "key", "p");
        stuck.answer("web1 down r1", 1, &failed_report());
        assert!(roll_back(&stuck, "key", 60).is_err());
        assert_eq!(stuck.calls(), ["web1 down r1"]);
    }

    #[test]
    fn one_target_that_is_cut_off_does_not_keep_the_others_from_going_back() {
        let mut fleet = two_targets();
        fleet.refuse("web2 switch r1");
        let error = roll_back(&fleet, "key", 60).expect_err("web2 is cut off");
        assert_eq!(error.message(), "web2: no");
        let calls = ["web2 switch r1", "web1 switch r1", "web1 up r1", "web2 switch r1"];
        assert_eq!(fleet.calls(), calls, "web1 did not wait for web2, which is asked once more");
    }

    #[test]
    fn an_old_release_that_does_not_get_healthy_is_a_failed_rollback() {
        let mut fleet = two_targets();
        fleet.answer("web1 up r1", 1, &failed_report());
        let error = roll_back(&fleet, "key", 60).expect_err("unhealthy");
        assert_eq!(error.message(), "web1: web is unhealthy (container p-web-1)\n  | boom");
    }

    #[test]
    fn the_probe_goes_by_the_key_and_by_what_runs() {
        let mut fleet = two_targets();
        assert_eq!(probed(&fleet), "applied");
        fleet.answer("web2 status p", 1, &failed_report());
        assert!(probed(&fleet).starts_with("partly: web2 is on the new release: web is unhealthy"));
        fleet.set_current("web2", "r1", "older", "p");
        assert_eq!(probed(&fleet), "partly: web1 is on the new release, and web2 is not");
        fleet.set_current("web1", "r1", "older", "p");
        assert_eq!(probed(&fleet), "not applied");
        assert!(fleet.calls().iter().all(|call| call.contains(" status ")), "a probe changes nothing");
    }
}
