//! How the new release takes the place of the old one. A strategy's unit is (target, service, replica): two replicas behind
//! one proxy on one target are exchanged one after the other like two targets.

mod all_at_once;
mod blue_green;
mod canary;
#[cfg(test)]
mod replicas;
mod rolling;

use sealock_rollout::Fleet;
use sealock_sdk::{Error, Level};

use crate::colour::Proxy;
use crate::deployment::{Deployment, Ready, report};
use crate::pin::Pin;
use crate::report::Report;
use crate::script::Roll;

/// The author's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Every target, as Compose sees fit.
    AllAtOnce,
    /// So many targets at once, each replica by replica.
    Rolling { batch: usize },
    /// A share of all replicas first.
    Canary { share: usize, wait_seconds: u64 },
    /// Beside the old release, then the proxy.
    BlueGreen(Proxy),
}

/// What is exchanged: every target has its release, ready to be started.
pub(crate) struct Exchange<'a> {
    pub(crate) fleet: &'a dyn Fleet,
    pub(crate) ready: &'a [Ready<'a>],
    pub(crate) deployment: &'a Deployment,
}

impl Strategy {
    /// Exchanges the release on all targets. Gives the first problem; `switched` gets the targets that were touched.
    pub(crate) fn run(&self, exchange: &Exchange<'_>, switched: &mut Vec<String>) -> Result<Option<String>, Error> {
        match self {
            Self::AllAtOnce => all_at_once::run(exchange, switched),
            Self::Rolling { batch } => rolling::run(exchange, *batch, switched),
            Self::Canary { share, wait_seconds } => canary::run(exchange, *share, *wait_seconds, switched),
            Self::BlueGreen(_) => blue_green::run(exchange, switched),
        }
    }

    /// The proxy, where there are two stacks.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        match self {
            Self::BlueGreen(proxy) => Some(proxy),
            _ => None,
        }
    }
}

impl Exchange<'_> {
    /// Moves `current` of these targets, and brings the release up on all of them at once. Gives what is wrong.
    fn switch(&self, targets: &[&Ready<'_>], roll: &Roll) -> Result<Vec<String>, Error> {
        sealock_rollout::switch(targets.iter().copied())?;
        self.up(targets, |_| roll.clone())
    }

    /// Brings the release up on these targets, on all at once. Where replicas of the old one stay, its images may run.
    fn up(&self, targets: &[&Ready<'_>], roll: impl Fn(&Ready<'_>) -> Roll) -> Result<Vec<String>, Error> {
        let wait_seconds = self.deployment.wait_seconds;
        let started =
            sealock_rollout::start(targets.iter().copied(), |ready| ready.place.up(wait_seconds, &roll(ready)))?;
        let mut problems = Vec::new();
        for running in started {
            let (ready, report) = (running.target, report(&running)?);
            report.said.iter().for_each(|line| self.fleet.tell(Level::Debug, &format!("{}: {line}", ready.name)));
            let roll = roll(ready);
            let pins: &[Pin] = if roll.is_part() { &[] } else { &self.deployment.pins };
            match report.problem(pins, wait_seconds) {
                Some(problem) => problems.push(format!("{}: {problem}", ready.name)),
                None => self.fleet.tell(Level::Notice, &now_runs(ready, &report, &roll)),
            }
        }
        Ok(problems)
    }

    /// Every service whose image is pinned, replica by replica.
    fn one_by_one(&self) -> Roll {
        Roll::new(self.deployment.pins.iter().map(|pin| (pin.service.as_str(), pin.reference.as_str())), None)
    }

    fn names(targets: &[&Ready<'_>]) -> Vec<String> {
        targets.iter().map(|ready| ready.name.clone()).collect()
    }
}

fn now_runs(ready: &Ready<'_>, report: &Report, roll: &Roll) -> String {
    let healthy = report.containers.iter().filter(|container| container.health == "healthy").count();
    let (name, place, all) = (&ready.name, &ready.place, report.containers.len());
    let what = if roll.is_part() { "runs a part of" } else { "runs" };
    format!("{name}: {} {what} {}, {healthy} of {all} containers healthy", place.project, place.release)
}
