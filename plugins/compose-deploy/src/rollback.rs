//! Taking a deployment back, and finding out whether it happened.
//!
//! Both look at the targets only: at what `current` names, whose key it carries, and what runs.

use sealock_rollout::{Fleet, Machine, Releases, Script, detail_of, remote};
use sealock_sdk::targets::Release;
use sealock_sdk::{EffectState, Error};

use crate::colour::Colour;
use crate::deployment::detail;
use crate::report::Report;
use crate::script::Place;

/// Releases of Compose projects.
struct Projects {
    wait_seconds: u64,
}

impl Releases for Projects {
    fn start(&self, machine: &dyn Machine, release: &Release) -> Result<Script, Error> {
        Ok(place(machine, release)?.back(self.wait_seconds))
    }

    fn stop(&self, machine: &dyn Machine, release: &Release) -> Result<Script, Error> {
        Ok(place(machine, release)?.down())
    }

    fn status(&self, machine: &dyn Machine, release: &Release) -> Result<Script, Error> {
        Ok(place(machine, release)?.status(self.wait_seconds))
    }

    fn problem(&self, stdout: &str) -> Option<String> {
        Report::parse(stdout).problem(&[], self.wait_seconds)
    }
}

/// Brings every target back to its last verified release; where there is none, stops the new one.
///
/// # Errors
///
/// Every target that could not be brought back. The others are.
pub(crate) fn roll_back(fleet: &dyn Fleet, key: &str, wait_seconds: u64) -> Result<(), Error> {
    sealock_rollout::roll_back(fleet, key, "E-COMPOSE-ROLLBACK", &Projects { wait_seconds })
}

/// Whether the deployment with this key happened.
///
/// # Errors
///
/// When a target cannot be asked.
pub(crate) fn probe(fleet: &dyn Fleet, key: &str, wait_seconds: u64) -> Result<EffectState, Error> {
    sealock_rollout::probe(fleet, key, &Projects { wait_seconds })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{failed_report, fleet, release};
    use sealock_rollout::testing::{FakeFleet, shown};

    fn two_targets() -> FakeFleet {
        let mut fleet = fleet(&["web1", "web2"]);
        for name in ["web1", "web2"] {
            fleet.set_current(name, release("r2", "key", "p"));
            fleet.set_previous(name, release("r1", "older", "p"));
        }
        fleet
    }

    fn probed(fleet: &FakeFleet) -> String {
        shown(probe(fleet, "key", 60).expect("an answer"))
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
