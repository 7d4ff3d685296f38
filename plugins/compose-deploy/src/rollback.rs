//! Taking a deployment back, and finding out whether it happened.
//!
//! Both look at the targets only: at what `current` names, whose key it carries, and what runs.

use sealock_rollout::{Fleet, KEY, Machine, Switched, Undoing, detail_of, remote};
use sealock_sdk::targets::Release;
use sealock_sdk::{EffectState, Error};

use crate::colour::Colour;
use crate::deployment::{detail, finish, is_ready};
use crate::report::Report;
use crate::script::Place;

/// Brings every target, last one first, back to its last verified release; where there is none, stops the new one.
/// May be called again after a crash: a target that is back already is only looked at.
///
/// # Errors
///
/// Every target that could not be brought back. The others are.
pub(crate) fn roll_back(fleet: &dyn Fleet, key: &str, wait_seconds: u64) -> Result<(), Error> {
    let judge = |_, stdout: &str| Report::parse(stdout).problem(&[], wait_seconds);
    sealock_rollout::roll_back(fleet, "E-COMPOSE-ROLLBACK", &|name| begin(fleet, name, key, wait_seconds), &judge)
}

fn begin<'a>(fleet: &'a dyn Fleet, name: &str, key: &str, wait_seconds: u64) -> Result<Undoing<'a>, Error> {
    let machine = fleet.open(name)?;
    let current = machine.current()?;
    let is_ours = |release: &Release| detail_of(release, KEY) == Some(key);
    let (to, started, clears) = match current {
        Some(current) if is_ours(&current) => match machine.previous()? {
            Some(previous) => {
                let place = place(machine.as_ref(), &previous)?;
                machine.switch_to(&previous.id)?;
                (Some(previous.id), Some(machine.start(&place.back(wait_seconds))?), false)
            }
            None => (None, Some(machine.start(&place(machine.as_ref(), &current)?.down())?), true),
        },
        // Never switched here, or switched back before a crash: what is current has to run.
        Some(other) => {
            let place = place(machine.as_ref(), &other)?;
            (Some(other.id), Some(machine.start(&place.back(wait_seconds))?), false)
        }
        None => (None, None, false),
    };
    Ok(Undoing { machine, to, started, clears })
}

/// Where a release stands that some deployment of this plugin made.
fn place(machine: &dyn Machine, release: &Release) -> Result<Place, Error> {
    let (Some(project), Some(compose)) = (detail_of(release, detail::PROJECT), detail_of(release, detail::COMPOSE))
    else {
        let message = format!("release {} was not made by compose-deploy: how to start it is not known", release.id);
        return Err(remote("E-COMPOSE-RELEASE", message));
    };
    Ok(Place::new(&machine.directory(), &release.id, project, compose).coloured(Colour::of(release)))
}

/// Whether the deployment with this key happened.
///
/// # Errors
///
/// When a target cannot be asked.
pub(crate) fn probe(fleet: &dyn Fleet, key: &str, wait_seconds: u64) -> Result<EffectState, Error> {
    let found = sealock_rollout::switched(fleet, key)?;
    if found.ours.is_empty() {
        return Ok(EffectState::NotApplied);
    }
    match found.half() {
        Some(half) => Ok(EffectState::Partly(half)),
        None => look(&found, wait_seconds),
    }
}

/// The release is current everywhere: whether it runs everywhere, too.
fn look(found: &Switched<'_>, wait_seconds: u64) -> Result<EffectState, Error> {
    for (machine, release) in &found.ours {
        let name = machine.name();
        let status = place(machine.as_ref(), release)?.status(wait_seconds);
        let report = finish(machine.start(&status)?.as_ref(), &name)?;
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
    use crate::testing::{failed_report, fleet, release};
    use sealock_rollout::testing::FakeFleet;

    fn two_targets() -> FakeFleet {
        let mut fleet = fleet(&["web1", "web2"]);
        for name in ["web1", "web2"] {
            fleet.set_current(name, release("r2", "key", "p"));
            fleet.set_previous(name, release("r1", "older", "p"));
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
        assert_eq!(fleet.calls(), ["web2 switch r1", "web2 back r1", "web1 switch r1", "web1 back r1"]);
        assert_eq!(fleet.told(), ["web2: r1 runs again", "web1: r1 runs again"]);
    }

    #[test]
    fn a_target_that_was_not_switched_is_only_looked_at() {
        let mut fleet = two_targets();
        fleet.set_current("web2", release("r1", "older", "p"));
        roll_back(&fleet, "key", 60).expect("back");
        assert_eq!(fleet.calls(), ["web2 back r1", "web1 switch r1", "web1 back r1"]);
    }

    #[test]
    fn after_the_first_deployment_nothing_is_current_and_that_only_when_nothing_runs() {
        let mut fleet = fleet(&["web1"]);
        fleet.set_current("web1", release("r1", "key", "p"));
        roll_back(&fleet, "key", 60).expect("down");
        assert_eq!(fleet.calls(), ["web1 down r1", "web1 switch "]);

        let mut stuck = crate::testing::fleet(&["web1"]);
        stuck.set_current("web1", release("r1", "key", "p"));
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
        let calls = ["web2 switch r1", "web1 switch r1", "web1 back r1", "web2 switch r1"];
        assert_eq!(fleet.calls(), calls, "web1 did not wait for web2, which is asked once more");
    }

    #[test]
    fn an_old_release_that_does_not_get_healthy_is_a_failed_rollback() {
        let mut fleet = two_targets();
        fleet.answer("web1 back r1", 1, &failed_report());
        let error = roll_back(&fleet, "key", 60).expect_err("unhealthy");
        assert_eq!(error.message(), "web1: web is unhealthy (container p-web-1)\n  | boom");
    }

    #[test]
    fn the_probe_goes_by_the_key_and_by_what_runs() {
        let mut fleet = two_targets();
        assert_eq!(probed(&fleet), "applied");
        fleet.answer("web2 status p", 1, &failed_report());
        assert!(probed(&fleet).starts_with("partly: web2 is on the new release: web is unhealthy"));
        fleet.set_current("web2", release("r1", "older", "p"));
        assert_eq!(probed(&fleet), "partly: web1 is on the new release, and web2 is not");
        fleet.set_current("web1", release("r1", "older", "p"));
        assert_eq!(probed(&fleet), "not applied");
        assert!(fleet.calls().iter().all(|call| call.contains(" status ")), "a probe changes nothing");
    }
}
