//! The new release beside the old one, on ports of its own; when all of it is healthy everywhere, the proxy of each target is
//! told to send the world to it. The old one runs on until the deployment is verified: going back is the proxy's affair.

use sealock_sdk::{Error, Level};

use super::Exchange;
use crate::deployment::{Ready, report};
use crate::script::Roll;

pub(super) fn run(exchange: &Exchange<'_>, switched: &mut Vec<String>) -> Result<Option<String>, Error> {
    let all: Vec<_> = exchange.ready.iter().collect();
    let problems = exchange.up(&all, |_| Roll::default())?;
    if !problems.is_empty() {
        return Ok(Some(problems.join("\n")));
    }
    if exchange.fleet.is_cancelled() {
        return Ok(Some("cancelled before the proxies were told".to_owned()));
    }
    switched.extend(Exchange::names(&all));
    sealock_rollout::switch(exchange.ready)?;
    let mut problems = Vec::new();
    for running in sealock_rollout::start(exchange.ready, |ready| ready.place.proxy())? {
        let Ready { name, place, .. } = running.target;
        match report(&running)?.problem(&[], 0) {
            Some(problem) => problems.push(format!("{name}: {problem}")),
            None => exchange.fleet.tell(Level::Notice, &format!("{name}: the proxy sends to {}", place.project)),
        }
    }
    if problems.is_empty() {
        let names = Exchange::names(&all);
        exchange.fleet.verify(&names).map_err(|error| error.while_doing("verifying the new stack"))?;
        return Ok(None);
    }
    Ok(Some(problems.join("\n")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sealock_sdk::Outcome;

    use crate::colour::{Ports, Proxy};
    use crate::deployment::{Deployment, deploy};
    use crate::strategy::Strategy;
    use crate::testing::{deployment, failed_report, fleet, release};

    fn blue_green() -> Deployment {
        let ports: Ports = serde_json::from_str(r#"{"blue":"8000","green":"8001"}"#).expect("ports");
        let proxy = Proxy::new("upstreams.conf", Some(&BTreeMap::from([("app".to_owned(), ports)]))).expect("good");
        Deployment { strategy: Strategy::BlueGreen(proxy), ..deployment(1) }
    }

    #[test]
    fn no_proxy_is_told_before_the_new_stack_is_healthy_everywhere() {
        let mut fleet = fleet(&["web1", "web2"]);
        fleet.set_current("web1", release("r1", "older", "p-blue"));
        fleet.set_current("web2", release("r1", "older", "p-blue"));
        let deployed = deploy(&fleet, &blue_green()).expect("good");
        assert_eq!((deployed.outcome, deployed.project.as_deref()), (Outcome::Success, Some("p-green")));
        let calls = fleet.calls();
        let from = calls.iter().position(|call| call == "web1 up r2").expect("brought up");
        let expected = [
            "web1 up r2",
            "web2 up r2",
            "web1 switch r2",
            "web2 switch r2",
            "web1 proxy r2",
            "web2 proxy r2",
            "verify web1 web2",
        ];
        assert_eq!(calls[from..from + 7], expected);
    }

    #[test]
    fn a_stack_that_is_not_healthy_on_one_target_moves_no_proxy() {
        let mut fleet = fleet(&["web1", "web2"]);
        fleet.answer("web2 up r2", 1, &failed_report());
        assert!(matches!(deploy(&fleet, &blue_green()).expect("an outcome").outcome, Outcome::Failed(_)));
        assert!(!fleet.calls().iter().any(|call| call.contains("switch") || call.contains("proxy")));
    }
}
