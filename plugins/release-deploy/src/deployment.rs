//! A deployment over all targets: prepare everywhere, then switch batch by batch.
//!
//! # Invariants
//!
//! - Nothing is switched before every target has the release, and would let it be started.
//! - A batch is switched only when every target before it runs the release and, between batches, verified it.
//! - A problem ends the deployment where it stands: taking it back is `rollback`'s, on every target.

use sealock_rollout::{Fleet, KEY, Machine, Staged, in_batches, remote};
use sealock_sdk::{Error, Level, Outcome};

use crate::report::Report;
use crate::script::Service;

/// The exit code of the script that makes ready, where sudo does not let it.
const NOT_LET: i32 = 4;

/// What is deployed, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deployment {
    pub(crate) key: String,
    pub(crate) service: Service,
    /// Folders of `shared/`.
    pub(crate) shared: Vec<String>,
    /// Names of the environment's entries.
    pub(crate) env_names: Vec<String>,
    /// How many targets are switched at once.
    pub(crate) batch: usize,
    pub(crate) wait_seconds: u64,
    pub(crate) keep: u32,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deployed {
    pub(crate) outcome: Outcome,
    pub(crate) release: Option<String>,
    pub(crate) targets: Vec<String>,
}

/// A target whose release is staged.
struct Ready<'a> {
    machine: Box<dyn Machine + 'a>,
    name: String,
    release: String,
}

impl Staged for Ready<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn machine(&self) -> &dyn Machine {
        self.machine.as_ref()
    }

    fn release(&self) -> &str {
        &self.release
    }
}

/// Runs `deployment`.
///
/// # Errors
///
/// What a target or the host answered; whatever was switched by then stays so for `rollback`.
pub(crate) fn deploy(fleet: &dyn Fleet, deployment: &Deployment) -> Result<Deployed, Error> {
    let names = sealock_rollout::target_names(fleet)?;
    let stage = |name: &String| stage(fleet, name, deployment).map_err(|error| error.while_doing(name));
    let ready = names.iter().map(stage).collect::<Result<Vec<_>, _>>()?;
    let mut deployed = Deployed {
        outcome: Outcome::Success,
        release: ready.first().map(|ready| ready.release.clone()),
        targets: Vec::new(),
    };
    prepare_everywhere(&ready, deployment)?;
    let switch = |batch: &[Ready<'_>]| switch(fleet, batch, deployment);
    if let Some(problem) = in_batches(fleet, &ready, deployment.batch, &switch, &mut deployed.targets)? {
        deployed.outcome = Outcome::Failed(problem);
        return Ok(deployed);
    }
    sealock_rollout::prune(fleet, &ready, deployment.keep);
    Ok(deployed)
}

fn stage<'a>(fleet: &'a dyn Fleet, name: &str, deployment: &Deployment) -> Result<Ready<'a>, Error> {
    let machine = fleet.open(name)?;
    let key = (KEY.to_owned(), deployment.key.clone());
    let details = [vec![key], deployment.service.details()].concat();
    let release = machine.stage(&[], &details)?.id;
    Ok(Ready { machine, name: name.to_owned(), release })
}

/// On all targets at once. Whatever stands in the way of any of them is told of all.
fn prepare_everywhere(ready: &[Ready<'_>], deployment: &Deployment) -> Result<(), Error> {
    let prepare = |ready: &Ready<'_>| {
        let (names, shared) = (&deployment.env_names, &deployment.shared);
        deployment.service.prepare(&ready.release, &ready.machine.directory(), names, shared)
    };
    let (mut problems, mut not_let) = (Vec::new(), Vec::new());
    for running in sealock_rollout::start(ready, prepare)? {
        let (code, stdout) = running.finish()?;
        let (name, report) = (&running.target.name, Report::parse(&stdout));
        match code {
            0 => {}
            NOT_LET => not_let.push((name, report.sudoers)),
            _ => problems.push(format!("{name}: {}", report.said.join("\n  "))),
        }
    }
    if let Some((name, lines)) = not_let.first() {
        let message = format!("sudo does not let the login of {name} do what starting a release needs, without asking");
        let help = format!("put into /etc/sudoers.d there:\n{}", lines.join("\n"));
        return Err(remote("E-TARGET-SUDO", message).help(help));
    }
    if problems.is_empty() { Ok(()) } else { Err(remote("E-UNIT-TARGET", problems.join("\n"))) }
}

/// Switches the targets of one batch, all at once.
fn switch(fleet: &dyn Fleet, batch: &[Ready<'_>], deployment: &Deployment) -> Result<Vec<String>, Error> {
    sealock_rollout::switch(batch)?;
    let start = |ready: &Ready<'_>| deployment.service.start(&ready.release, deployment.wait_seconds);
    let mut problems = Vec::new();
    for running in sealock_rollout::start(batch, start)? {
        let Ready { name, release, .. } = running.target;
        let (_, stdout) = running.finish()?;
        if let Some(problem) = Report::parse(&stdout).problem(deployment.wait_seconds) {
            problems.push(format!("{name}: {problem}"));
        } else {
            let units = deployment.service.units.join(", ");
            fleet.tell(Level::Notice, &format!("{name}: {release} runs ({units})"));
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::tests::fleet;

    fn deployment(batch: usize) -> Deployment {
        let service = Service { units: vec!["app.service".to_owned()], ..Service::default() };
        Deployment { key: "key".into(), service, batch, wait_seconds: 60, keep: 3, ..Deployment::default() }
    }

    #[test]
    fn everything_is_prepared_before_anything_is_switched_and_a_batch_verified_before_the_next() {
        let fleet = fleet(&["web1", "web2"]);
        assert_eq!(deploy(&fleet, &deployment(1)).expect("good").outcome, Outcome::Success);
        assert_eq!(
            fleet.calls(),
            [
                "web1 stage",
                "web2 stage",
                "web1 prepare r2",
                "web2 prepare r2",
                "web1 switch r2",
                "web1 start r2",
                "verify web1",
                "web2 switch r2",
                "web2 start r2",
                "web1 prune 3",
                "web2 prune 3",
            ]
        );
    }

    #[test]
    fn what_sudo_does_not_let_is_told_with_the_lines_that_would() {
        let mut fleet = fleet(&["web1", "web2"]);
        let line = "sudo deploy ALL=(root) NOPASSWD: /usr/bin/systemctl stop app.service\n";
        fleet.answer("web2 prepare r2", NOT_LET, line);
        let error = deploy(&fleet, &deployment(9)).expect_err("not let");
        assert_eq!(error.code(), "E-TARGET-SUDO");
        assert!(!fleet.calls().iter().any(|call| call.contains("switch")));
    }

    #[test]
    fn a_unit_that_fails_on_one_target_stops_the_rest() {
        let mut fleet = fleet(&["web1", "web2"]);
        fleet.answer("web1 start r2", 1, "verdict failed app.service\nlog boom\n");
        let outcome = deploy(&fleet, &deployment(1)).expect("an outcome").outcome;
        assert_eq!(outcome, Outcome::Failed("web1: app.service has failed\n  | boom".to_owned()));
        assert!(!fleet.calls().iter().any(|call| call.starts_with("web2 switch")));
    }

    #[test]
    fn a_target_that_has_no_such_unit_is_told_before_the_switch() {
        let mut fleet = fleet(&["web1", "web2"]);
        fleet.answer("web1 prepare r2", 3, "said systemd has no unit app.service here (not-found)\n");
        let error = deploy(&fleet, &deployment(1)).expect_err("no unit");
        assert_eq!(error.message(), "web1: systemd has no unit app.service here (not-found)");
        assert!(!fleet.calls().iter().any(|call| call.contains("switch")));
    }
}
