//! Taking a deployment back, and finding out whether it happened.
//!
//! Both look at the targets only: at what `current` names, whose key it carries, and what runs.

use sealock_rollout::{Fleet, KEY, Undoing, detail_of, remote};
use sealock_sdk::targets::Release;
use sealock_sdk::{EffectState, Error};

use crate::report::Report;
use crate::script::Service;

/// Brings every target, last one first, back to its last verified release; where there is none, stops the units.
/// May be called again after a crash: what is current has to run, whatever was done before.
///
/// # Errors
///
/// Every target that could not be brought back. The others are.
pub(crate) fn roll_back(fleet: &dyn Fleet, key: &str, wait_seconds: u64) -> Result<(), Error> {
    let judge = |_, stdout: &str| Report::parse(stdout).problem(wait_seconds);
    sealock_rollout::roll_back(fleet, "E-UNIT-ROLLBACK", &|name| begin(fleet, name, key, wait_seconds), &judge)
}

fn begin<'a>(fleet: &'a dyn Fleet, name: &str, key: &str, wait_seconds: u64) -> Result<Undoing<'a>, Error> {
    let machine = fleet.open(name)?;
    let current = machine.current()?;
    let is_ours = |release: &Release| detail_of(release, KEY) == Some(key);
    let (to, started, clears) = match current {
        Some(current) if is_ours(&current) => match machine.previous()? {
            Some(previous) => {
                let service = service(&previous)?;
                machine.switch_to(&previous.id)?;
                let start = service.start(&previous.id, wait_seconds);
                (Some(previous.id), Some(machine.start(&start)?), false)
            }
            None => (None, Some(machine.start(&service(&current)?.stop(&current.id))?), true),
        },
        Some(other) => {
            let start = service(&other)?.start(&other.id, wait_seconds);
            (Some(other.id), Some(machine.start(&start)?), false)
        }
        None => (None, None, false),
    };
    Ok(Undoing { machine, to, started, clears })
}

fn service(release: &Release) -> Result<Service, Error> {
    Service::of(release).ok_or_else(|| {
        let message = format!("release {} was not made by release-deploy: how to start it is not known", release.id);
        remote("E-UNIT-RELEASE", message)
    })
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
    if let Some(half) = found.half() {
        return Ok(EffectState::Partly(half));
    }
    for (machine, release) in &found.ours {
        let status = service(release)?.status(&release.id, wait_seconds);
        let (_, stdout) = machine.start(&status)?.finish()?;
        if let Some(problem) = Report::parse(&stdout).problem(wait_seconds) {
            return Ok(EffectState::Partly(format!("{} is on the new release: {problem}", machine.name())));
        }
    }
    Ok(EffectState::Applied)
}

#[cfg(test)]
mod tests {
    use sealock_rollout::testing::FakeFleet;

    use super::*;
    use crate::script::tests::{fleet, release};

    fn two_targets() -> FakeFleet {
        let mut fleet = fleet(&["web1", "web2"]);
        for name in ["web1", "web2"] {
            fleet.set_current(name, release("r2", "key"));
            fleet.set_previous(name, release("r1", "older"));
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
        assert_eq!(fleet.calls(), ["web2 switch r1", "web2 start r1", "web1 switch r1", "web1 start r1"]);
        assert_eq!(fleet.told(), ["web2: r1 runs again", "web1: r1 runs again"]);
    }

    #[test]
    fn after_the_first_deployment_the_units_are_stopped_and_nothing_is_current() {
        let mut fleet = fleet(&["web1"]);
        fleet.set_current("web1", release("r1", "key"));
        roll_back(&fleet, "key", 60).expect("stopped");
        assert_eq!(fleet.calls(), ["web1 stop r1", "web1 switch "]);
    }

    #[test]
    fn one_target_that_is_cut_off_does_not_keep_the_others_from_going_back() {
        let mut fleet = two_targets();
        fleet.refuse("web2 switch r1");
        let error = roll_back(&fleet, "key", 60).expect_err("web2 is cut off");
        assert_eq!(error.message(), "web2: no");
        assert_eq!(fleet.calls(), ["web2 switch r1", "web1 switch r1", "web1 start r1", "web2 switch r1"]);
    }

    #[test]
    fn the_probe_goes_by_the_key_and_by_what_runs() {
        let mut fleet = two_targets();
        assert_eq!(probed(&fleet), "applied");
        fleet.answer("web2 status r2", 1, "verdict failed app.service\n");
        assert_eq!(probed(&fleet), "partly: web2 is on the new release: app.service has failed");
        fleet.set_current("web2", release("r1", "older"));
        assert_eq!(probed(&fleet), "partly: web1 is on the new release, and web2 is not");
        fleet.set_current("web1", release("r1", "older"));
        assert_eq!(probed(&fleet), "not applied");
        assert!(fleet.calls().iter().all(|call| call.contains(" status ")), "a probe changes nothing");
    }
}
