//! What is understood and checked, and cannot be run yet.

use crate::Plan;

/// What the plan uses that this version cannot run: nothing of such a plan is started.
pub fn not_yet(plan: &Plan) -> Vec<String> {
    let approving = plan.environments.values().filter(|environment| environment.approvals > 0);
    approving.map(|environment| format!("approvals (environment `{}`)", environment.name)).collect()
}
