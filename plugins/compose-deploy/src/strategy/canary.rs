//! A share of all replicas first: they have to stay healthy for a while and to pass the verifiers; then the rest.
//!
//! The share is counted over all targets, in their order: with two targets of two replicas each, 25 % are one replica of the
//! first target, 50 % the first target.

use sealock_sdk::{Error, Level};

use super::Exchange;
use crate::deployment::{Ready, report};
use crate::report::Report;
use crate::script;

/// How many replicas of which target come first.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    target: usize,
    replicas: usize,
    of: usize,
}

pub(super) fn run(
    exchange: &Exchange<'_>,
    share: usize,
    wait_seconds: u64,
    switched: &mut Vec<String>,
) -> Result<Option<String>, Error> {
    let parts = parts(&replicas(exchange)?, share);
    let first: Vec<&Ready<'_>> = parts.iter().map(|part| &exchange.ready[part.target]).collect();
    let names = Exchange::names(&first);
    exchange.fleet.tell(Level::Notice, &format!("canary: {}", shown(&parts, exchange)));
    switched.extend(names.iter().cloned());
    sealock_rollout::switch(first.iter().copied())?;
    let one_by_one = exchange.one_by_one();
    let limit = |ready: &Ready<'_>| {
        let part = parts.iter().find(|part| exchange.ready[part.target].name == ready.name);
        match part {
            Some(part) if part.replicas < part.of => one_by_one.clone().at_most(part.replicas),
            _ => one_by_one.clone(),
        }
    };
    let problems = exchange.up(&first, limit)?;
    if !problems.is_empty() {
        return Ok(Some(problems.join("\n")));
    }
    if let Some(problem) = stay(exchange, &first, wait_seconds)? {
        return Ok(Some(problem));
    }
    exchange.fleet.verify(&names).map_err(|error| error.while_doing("verifying the canary"))?;
    rest(exchange, &parts, switched)
}

/// The pinned replicas that each target runs now; what is deployed first counts as one.
fn replicas(exchange: &Exchange<'_>) -> Result<Vec<usize>, Error> {
    let is_pinned = |service: &str| exchange.deployment.pins.iter().any(|pin| pin.service == service);
    let count = |report: &Report| report.containers.iter().filter(|found| is_pinned(&found.service)).count().max(1);
    let found = sealock_rollout::start(exchange.ready, |ready| script::status(&ready.place.project, 0))?;
    found.iter().map(|running| Ok(count(&report(running)?))).collect()
}

/// At least one replica, and never all of several.
fn parts(counts: &[usize], share: usize) -> Vec<Part> {
    let all: usize = counts.iter().sum();
    let mut left = (all * share).div_ceil(100).clamp(1, all.saturating_sub(1).max(1));
    let mut parts = Vec::new();
    for (target, &of) in counts.iter().enumerate() {
        let replicas = left.min(of);
        if replicas > 0 {
            parts.push(Part { target, replicas, of });
        }
        left -= replicas;
    }
    parts
}

fn shown(parts: &[Part], exchange: &Exchange<'_>) -> String {
    let one =
        |part: &Part| format!("{} of {} replicas on {}", part.replicas, part.of, exchange.ready[part.target].name);
    parts.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Waits, and looks whether everything is as healthy as before.
fn stay(exchange: &Exchange<'_>, first: &[&Ready<'_>], wait_seconds: u64) -> Result<Option<String>, Error> {
    exchange.fleet.pause(wait_seconds);
    if exchange.fleet.is_cancelled() {
        return Ok(Some("cancelled while the canary was watched".to_owned()));
    }
    let seconds = exchange.deployment.wait_seconds;
    let status = |ready: &Ready<'_>| script::status(&ready.place.project, seconds);
    for running in sealock_rollout::start(first.iter().copied(), status)? {
        if let Some(problem) = report(&running)?.problem(&[], seconds) {
            return Ok(Some(format!("{}: the canary did not stay healthy: {problem}", running.target.name)));
        }
    }
    Ok(None)
}

/// What is left of the first targets, and the others.
fn rest(exchange: &Exchange<'_>, parts: &[Part], switched: &mut Vec<String>) -> Result<Option<String>, Error> {
    let part_of = |index: usize| parts.iter().find(|part| part.target == index);
    let is_whole = |index: usize| part_of(index).is_some_and(|part| part.replicas == part.of);
    let open: Vec<(usize, &Ready<'_>)> = exchange.ready.iter().enumerate().filter(|(at, _)| !is_whole(*at)).collect();
    for (_, ready) in open.iter().filter(|(at, _)| part_of(*at).is_none()) {
        switched.push(ready.name.clone());
        sealock_rollout::switch([*ready])?;
    }
    let targets: Vec<&Ready<'_>> = open.into_iter().map(|(_, ready)| ready).collect();
    let roll = exchange.one_by_one();
    let problems = exchange.up(&targets, |_| roll.clone())?;
    Ok((!problems.is_empty()).then(|| problems.join("\n")))
}

#[cfg(test)]
mod tests {
    use sealock_sdk::Outcome;

    use super::*;
    use crate::deployment::{Deployment, deploy};
    use crate::strategy::Strategy;
    use crate::testing::{deployment, fleet};

    fn part(target: usize, replicas: usize, of: usize) -> Part {
        Part { target, replicas, of }
    }

    #[test]
    fn a_share_is_at_least_one_replica_and_never_all() {
        assert_eq!(parts(&[2, 2], 25), [part(0, 1, 2)]);
        assert_eq!(parts(&[2, 2], 50), [part(0, 2, 2)]);
        assert_eq!(parts(&[2, 2], 60), [part(0, 2, 2), part(1, 1, 2)]);
        assert_eq!(parts(&[1, 1], 99), [part(0, 1, 1)]);
        assert_eq!(parts(&[4], 1), [part(0, 1, 4)]);
        assert_eq!(parts(&[1], 50), [part(0, 1, 1)]);
    }

    fn canary() -> Deployment {
        Deployment { strategy: Strategy::Canary { share: 50, wait_seconds: 30 }, ..deployment(1) }
    }

    #[test]
    fn the_rest_waits_for_the_canary_and_for_the_verifiers() {
        let fleet = fleet(&["web1", "web2"]);
        assert_eq!(deploy(&fleet, &canary()).expect("good").outcome, Outcome::Success);
        let calls = fleet.calls();
        let from = calls.iter().position(|call| call == "web1 switch r2").expect("switched");
        let expected = [
            "web1 switch r2",
            "web1 up r2",
            "pause 30",
            "web1 status app-production",
            "verify web1",
            "web2 switch r2",
            "web2 up r2",
        ];
        assert_eq!(calls[from..from + 7], expected);
    }

    #[test]
    fn a_canary_that_the_verifiers_refuse_is_all_that_was_touched() {
        let mut fleet = fleet(&["web1", "web2"]);
        fleet.refuse("verify web1");
        assert_eq!(deploy(&fleet, &canary()).expect_err("no").message(), "verifying the canary: no");
        assert!(!fleet.calls().iter().any(|call| call.starts_with("web2 switch")));
    }
}
