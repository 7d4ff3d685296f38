//! What is understood and checked, and cannot be run yet.

use crate::{Plan, PluginOrigin, WithValue};

/// What the plan uses that this version cannot run: nothing of such a plan is started.
pub fn not_yet(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    for environment in plan.environments.values().filter(|environment| environment.approvals > 0) {
        found.push(format!("approvals (environment `{}`)", environment.name));
    }
    for (name, plugin) in &plan.plugins {
        match (&plugin.origin, name.as_str()) {
            (PluginOrigin::Registry(reference), _) => found.push(format!("plugins from registries (`{reference}`)")),
            (_, "cache" | "artifact-save" | "artifact-load") => found.push(format!("the plugin `{name}`")),
            _ => {}
        }
    }
    for stage in &plan.stages {
        for step in &stage.steps {
            if let Some(strategy) = later_strategy(&step.with) {
                found.push(format!("the strategy `{strategy}` (stage `{}`)", stage.name));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

fn later_strategy(with: &[(String, WithValue)]) -> Option<&str> {
    let (_, strategy) = with.iter().find(|(name, _)| name == "strategy")?;
    match strategy {
        WithValue::Scalar { text, .. } if text == "blue-green" || text == "canary" => Some(text),
        _ => None,
    }
}
