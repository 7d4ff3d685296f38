//! Taking a deployment back, and finding out whether it happened.
//!
//! Both look at the targets only: at what `current` names, whose key it carries, and what runs.

use sealock_rollout::{Fleet, Machine, Releases, Script, remote};
use sealock_sdk::targets::Release;
use sealock_sdk::{EffectState, Error};

use crate::report::Report;
use crate::script::Service;

/// Releases of systemd units.
struct Units {
    wait_seconds: u64,
}

impl Releases for Units {
    fn start(&self, _: &dyn Machine, release: &Release) -> Result<Script, Error> {
        Ok(service(release)?.start(&release.id, self.wait_seconds))
    }

    fn stop(&self, _: &dyn Machine, release: &Release) -> Result<Script, Error> {
        Ok(service(release)?.stop(&release.id))
    }

    fn status(&self, _: &dyn Machine, release: &Release) -> Result<Script, Error> {
        Ok(service(release)?.status(&release.id, self.wait_seconds))
    }

    fn problem(&self, stdout: &str) -> Option<String> {
        Report::parse(stdout).problem(self.wait_seconds)
    }
}

/// Brings every target back to its last verified release; where there is none, stops the units.
///
/// # Errors
///
/// Every target that could not be brought back. The others are.
pub(crate) fn roll_back(fleet: &dyn Fleet, key: &str, wait_seconds: u64) -> Result<(), Error> {
    sealock_rollout::roll_back(fleet, key, "E-UNIT-ROLLBACK", &Units { wait_seconds })
}

/// Whether the deployment with this key happened.
///
/// # Errors
///
/// When a target cannot be asked.
pub(crate) fn probe(fleet: &dyn Fleet, key: &str, wait_seconds: u64) -> Result<EffectState, Error> {
    sealock_rollout::probe(fleet, key, &Units { wait_seconds })
}

fn service(release: &Release) -> Result<Service, Error> {
    Service::of(release).ok_or_else(|| {
        let message = format!("release {} was not made by release-deploy: how to start it is not known", release.id);
        remote("E-UNIT-RELEASE", message)
    })
}

#[cfg(test)]
mod tests {
    use sealock_rollout::testing::{FakeFleet, shown};

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
        shown(probe(fleet, "key", 60).expect("an answer"))
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
