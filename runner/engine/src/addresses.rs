//! Where targets are dialled when a step names one in a request.

use std::collections::HashMap;

use sealock_broker::http::TargetAddresses;
use sealock_contract::StepName;
use sealock_plan::Plan;

/// The targets of each stage's environment, by stage and name.
pub(crate) struct Addresses {
    hosts: HashMap<(String, String), String>,
}

impl Addresses {
    pub(crate) fn of(plan: &Plan) -> Self {
        let stages =
            plan.stages.iter().filter_map(|stage| Some((stage, plan.environments.get(stage.environment.as_ref()?)?)));
        let hosts = stages.flat_map(|(stage, environment)| {
            environment.targets.iter().map(|target| ((stage.name.clone(), target.name.clone()), target.host.clone()))
        });
        Self { hosts: hosts.collect() }
    }
}

impl TargetAddresses for Addresses {
    fn host(&self, step: &StepName, target: &str) -> Option<String> {
        self.hosts.get(&(step.stage.clone(), target.to_owned())).cloned()
    }
}
