//! What is understood and checked, and cannot be run yet.

use sealock_contract::Value;

use crate::inputs::Input;
use crate::{Plan, PlannedStage, PlannedStep};

/// Ways to switch targets that a plugin's manifest may offer already.
const LATER_STRATEGIES: [&str; 2] = ["blue-green", "canary"];

/// What the plan uses that this version cannot run: nothing of such a plan is started.
pub fn not_yet(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    for environment in plan.environments.values().filter(|environment| environment.approvals > 0) {
        found.push(format!("approvals (environment `{}`)", environment.name));
    }
    for stage in &plan.stages {
        let steps = stage.steps.iter().chain(&stage.rollback);
        found.extend(steps.filter_map(|step| later_strategy(plan, stage, step)));
    }
    found.sort();
    found.dedup();
    found
}

/// The strategy of `step`, if it is one for later, or could turn out to be one.
fn later_strategy(plan: &Plan, stage: &PlannedStage, step: &PlannedStep) -> Option<String> {
    let manifest = plan.plugins.get(&step.plugin)?.manifest.as_ref()?;
    let is_later = |option: &str| LATER_STRATEGIES.contains(&option);
    manifest.inputs.get("strategy").filter(|spec| spec.options.iter().any(|option| is_later(option)))?;
    match plan.known_input(stage, step, "strategy") {
        Some(Input::Value(Value::Text(text))) if is_later(&text) => {
            Some(format!("the strategy `{text}` (stage `{}`)", stage.name))
        }
        Some(_) => None,
        None => Some(format!("a strategy that is known only during the run (stage `{}`)", stage.name)),
    }
}
