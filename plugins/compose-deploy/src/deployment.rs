//! A deployment over all targets: prepare everywhere, then switch batch by batch.
//!
//! # Invariants
//!
//! - Nothing is switched before every target has the images, the release, and a file that its Compose can read.
//! - A batch is switched only when every target before it runs the release and, between batches, verified it.
//! - A problem ends the deployment where it stands: taking it back is `rollback`'s, on every target.

use sealock_rollout::{Fleet, KEY, Machine, Running, Staged, detail_of, invalid};
use sealock_sdk::targets::Release;
use sealock_sdk::{Error, Level, Outcome};

use crate::colour::{self, Colour};
use crate::pin::Pin;
use crate::project;
use crate::report::Report;
use crate::script::Place;
use crate::strategy::{Exchange, Strategy};

/// Details of a release that later calls look for.
pub(crate) mod detail {
    /// The Compose project.
    pub(crate) const PROJECT: &str = "project";
    /// The compose file's path in the release.
    pub(crate) const COMPOSE: &str = "compose";
}

/// What is deployed, and how.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) key: String,
    pub(crate) environment: String,
    /// As the author chose it.
    pub(crate) project: Option<String>,
    /// The compose file's path in the workspace and in the release.
    pub(crate) compose: String,
    pub(crate) pins: Vec<Pin>,
    /// Names of the environment's entries.
    pub(crate) env_names: Vec<String>,
    pub(crate) executables: Vec<String>,
    /// How targets and their replicas are exchanged.
    pub(crate) strategy: Strategy,
    pub(crate) wait_seconds: u64,
    pub(crate) keep: u32,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deployed {
    pub(crate) outcome: Outcome,
    pub(crate) release: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) targets: Vec<String>,
}

/// A target whose release is staged.
pub(crate) struct Ready<'a> {
    pub(crate) machine: Box<dyn Machine + 'a>,
    pub(crate) name: String,
    pub(crate) place: Place,
}

impl Staged for Ready<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn machine(&self) -> &dyn Machine {
        self.machine.as_ref()
    }

    fn release(&self) -> &str {
        &self.place.release
    }
}

/// Runs `deployment`.
///
/// # Errors
///
/// What a target or the host answered; whatever was switched by then stays so for `rollback`.
pub(crate) fn deploy(fleet: &dyn Fleet, deployment: &Deployment) -> Result<Deployed, Error> {
    let names = sealock_rollout::target_names(fleet)?;
    let ready = stage_everywhere(fleet, deployment, &names)?;
    let mut deployed = Deployed {
        outcome: Outcome::Success,
        release: ready.first().map(|ready| ready.place.release.clone()),
        project: ready.first().map(|ready| ready.place.project.clone()),
        targets: Vec::new(),
    };
    if let Some(problem) = prepare_everywhere(fleet, &ready, deployment)? {
        deployed.outcome = Outcome::Failed(problem);
        return Ok(deployed);
    }
    let exchange = Exchange { fleet, ready: &ready, deployment };
    if let Some(problem) = deployment.strategy.run(&exchange, &mut deployed.targets)? {
        deployed.outcome = Outcome::Failed(problem);
        return Ok(deployed);
    }
    sealock_rollout::prune(fleet, &ready, deployment.keep);
    Ok(deployed)
}

fn stage_everywhere<'a>(
    fleet: &'a dyn Fleet,
    deployment: &Deployment,
    names: &[String],
) -> Result<Vec<Ready<'a>>, Error> {
    let machines: Vec<_> = names.iter().map(|name| fleet.open(name)).collect::<Result<_, _>>()?;
    let stage = |(machine, name): (Box<dyn Machine + 'a>, &String)| {
        let place = stage(machine.as_ref(), deployment).map_err(|error| error.while_doing(name))?;
        Ok(Ready { machine, name: name.clone(), place })
    };
    machines.into_iter().zip(names).map(stage).collect()
}

fn stage(machine: &dyn Machine, deployment: &Deployment) -> Result<Place, Error> {
    let running = machine.current()?;
    let project = project_on(machine, running.as_ref(), deployment)?;
    let colour = deployment.strategy.proxy().map(|proxy| Colour::beside(running.as_ref(), proxy));
    let project = colour.as_ref().map_or(project.clone(), |colour| colour.project(&project));
    for pin in &deployment.pins {
        machine.pull(&pin.reference)?;
    }
    let images: Vec<_> = deployment.pins.iter().map(|pin| (pin.service.clone(), pin.digest.clone())).collect();
    let details = [(KEY, &deployment.key), (detail::PROJECT, &project), (detail::COMPOSE, &deployment.compose)];
    let mut details = details.map(|(name, value)| (name.to_owned(), value.clone())).to_vec();
    details.extend(colour.iter().flat_map(Colour::details));
    let release = machine.stage(&images, &details)?;
    let place = Place::new(&machine.directory(), &release.id, &project, &deployment.compose);
    Ok(place.coloured(colour))
}

/// The project that runs there already, or a new one's name. Another name would leave the old containers running.
fn project_on(machine: &dyn Machine, running: Option<&Release>, deployment: &Deployment) -> Result<String, Error> {
    let recorded = running.and_then(|release| detail_of(release, detail::PROJECT)).map(colour::base);
    match (&deployment.project, recorded) {
        (Some(chosen), Some(recorded)) if chosen != recorded => {
            let message = format!("the project is called {chosen}, and {recorded} is what runs");
            let help = format!("keep `project: {recorded}`, or stop it first: docker compose -p {recorded} down");
            Err(invalid("E-COMPOSE-PROJECT", message).help(help))
        }
        (_, Some(recorded)) => Ok(recorded.to_owned()),
        (Some(chosen), None) => Ok(chosen.clone()),
        (None, None) => Ok(project::name(&machine.directory(), &deployment.environment)),
    }
}

/// On all targets at once. What Compose says of a file that it takes are warnings.
fn prepare_everywhere(
    fleet: &dyn Fleet,
    ready: &[Ready<'_>],
    deployment: &Deployment,
) -> Result<Option<String>, Error> {
    let prepare = |ready: &Ready<'_>| ready.place.prepare(&deployment.env_names, &deployment.executables);
    let mut problems = Vec::new();
    for running in sealock_rollout::start(ready, prepare)? {
        let (code, stdout) = running.finish()?;
        let (name, said) = (&running.target.name, Report::parse(&stdout).said);
        if code == 0 {
            for line in &said {
                fleet.tell(Level::Warning, &format!("{name}: {line}"));
            }
        } else {
            problems.push(format!("{name}: Compose does not take the file: {}", said.join("\n  ")));
        }
    }
    Ok((!problems.is_empty()).then(|| problems.join("\n")))
}

/// What a script that starts or stops containers told, once it has ended.
pub(crate) fn report(running: &Running<'_, Ready<'_>>) -> Result<Report, Error> {
    Ok(Report::parse(&running.finish()?.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{deployment, failed_report, fleet, release};
    use sealock_rollout::testing::FakeFleet;

    fn outcome(fleet: &FakeFleet, batch: usize) -> Result<Outcome, Error> {
        deploy(fleet, &deployment(batch)).map(|deployed| deployed.outcome)
    }

    #[test]
    fn all_at_once_prepares_everywhere_before_anything_is_switched() {
        let fleet = fleet(&["web1", "web2"]);
        assert_eq!(outcome(&fleet, 2).expect("good"), Outcome::Success);
        assert_eq!(
            fleet.calls(),
            [
                "web1 pull acme/web@sha256:aa",
                "web1 stage",
                "web2 pull acme/web@sha256:aa",
                "web2 stage",
                "web1 prepare r2",
                "web2 prepare r2",
                "web1 switch r2",
                "web2 switch r2",
                "web1 up r2",
                "web2 up r2",
                "web1 prune 3",
                "web2 prune 3",
            ]
        );
    }

    #[test]
    fn rolling_verifies_a_batch_before_the_next_is_switched() {
        let fleet = fleet(&["web1", "web2"]);
        assert_eq!(outcome(&fleet, 1).expect("good"), Outcome::Success);
        let calls = fleet.calls();
        let from = calls.iter().position(|call| call == "web1 switch r2").expect("switched");
        assert_eq!(
            calls[from..from + 5],
            ["web1 switch r2", "web1 up r2", "verify web1", "web2 switch r2", "web2 up r2"]
        );
    }

    #[test]
    fn rolling_stops_at_the_first_batch_that_is_not_healthy() {
        let mut fleet = fleet(&["web1", "web2"]);
        fleet.answer("web1 up r2", 1, &failed_report());
        let Outcome::Failed(why) = outcome(&fleet, 1).expect("an outcome") else { panic!("expected a failure") };
        assert_eq!(why, "web1: web is unhealthy (container p-web-1)\n  | boom");
        assert!(!fleet.calls().iter().any(|call| call.starts_with("web2 switch")));
    }

    #[test]
    fn a_batch_that_does_not_verify_stops_the_rest() {
        let mut fleet = fleet(&["web1", "web2"]);
        fleet.refuse("verify web1");
        let error = outcome(&fleet, 1).expect_err("not verified");
        assert_eq!(error.message(), "verifying web1: no");
        assert!(!fleet.calls().iter().any(|call| call.starts_with("web2 switch")));
    }

    #[test]
    fn a_file_that_compose_does_not_take_is_found_before_the_switch() {
        let mut fleet = fleet(&["web1", "web2"]);
        fleet.answer("web2 prepare r2", 15, "said services.web: no such key\n");
        let Outcome::Failed(why) = outcome(&fleet, 2).expect("an outcome") else { panic!("expected a failure") };
        assert_eq!(why, "web2: Compose does not take the file: services.web: no such key");
        assert!(!fleet.calls().iter().any(|call| call.contains("switch")));
    }

    #[test]
    fn an_image_that_cannot_be_pulled_switches_nothing() {
        let mut fleet = fleet(&["web1", "web2"]);
        fleet.refuse("web2 pull acme/web@sha256:aa");
        assert_eq!(outcome(&fleet, 2).expect_err("no image").message(), "web2: no");
        assert!(!fleet.calls().iter().any(|call| call.contains("switch")));
    }

    #[test]
    fn the_project_that_runs_keeps_its_name() {
        let mut fleet = fleet(&["web1"]);
        fleet.set_current("web1", release("r1", "other-key", "old-name"));
        assert_eq!(deploy(&fleet, &deployment(1)).expect("good").project.as_deref(), Some("old-name"));
        let chosen = Deployment { project: Some("new-name".into()), ..deployment(1) };
        assert_eq!(deploy(&fleet, &chosen).expect_err("another name").code(), "E-COMPOSE-PROJECT");
    }

    #[test]
    fn without_targets_there_is_nothing_to_deploy_to() {
        assert_eq!(outcome(&fleet(&[]), 1).expect_err("none").code(), "E-TARGET-NONE");
    }
}
