//! What is known of deployments before the run: which stages will deploy, and which environments refuse what is run.

use std::collections::BTreeSet;

use sealock_contract::Manifest;
use sealock_contract::grant::{Capability, Pattern};
use sealock_contract::manifest::{RequestSpec, Source};
use sealock_diagnostics::Diagnostic;
use sealock_expression::Expression;
use sealock_pipeline::Stage;
use serde_json::Value as Json;

use crate::evaluate::{self, Known, Maps};
use crate::planner::Planner;
use crate::{Plan, PlannedEnvironment, PlannedStage, PlannedStep};

/// Why an environment takes no deployment of what is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub code: &'static str,
    /// What was found.
    pub message: String,
    /// What to do.
    pub help: Option<&'static str>,
}

/// The branch that is run may not deploy to `environment`.
pub fn refuse_branch(plan: &Plan, environment: &PlannedEnvironment) -> Option<Refusal> {
    let branch = plan.github.get("ref").and_then(Json::as_str).and_then(|name| name.strip_prefix("refs/heads/"));
    let is_allowed = |branch: &str| environment.branches.iter().any(|glob| Pattern(glob.clone()).matches(branch));
    if environment.branches.is_empty() || branch.is_some_and(is_allowed) {
        return None;
    }
    let found = branch.map_or_else(|| "no branch is checked out".to_owned(), |branch| format!("found `{branch}`"));
    let message = format!("`{}` takes deployments from {}; {found}", environment.name, environment.branches.join(", "));
    Some(Refusal { code: "E-DEPLOY-BRANCH", message, help: None })
}

/// So many uncommitted files would be deployed to `environment`.
pub fn refuse_dirty(dirty_files: u64, environment: &PlannedEnvironment) -> Option<Refusal> {
    let help = "commit them, leave them out with `--no-dirty`, or deploy them with `--allow-dirty`, which the ledger \
                then says";
    let message = format!("{dirty_files} uncommitted files would be deployed to `{}`", environment.name);
    (dirty_files > 0).then_some(Refusal { code: "E-DEPLOY-DIRTY", message, help: Some(help) })
}

impl Plan {
    /// The environments that will be deployed to if every step succeeds. A stage counts whose condition, and those of
    /// the stages that it needs, are known to hold; the others are looked at when they start.
    pub fn deployed_to(&self) -> Vec<&PlannedEnvironment> {
        let mut running: BTreeSet<&str> = BTreeSet::new();
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for stage in &self.stages {
            let is_reached = stage.withheld.is_none() && stage.needs.iter().all(|need| running.contains(need.as_str()));
            if is_reached && self.holds(stage) == Some(true) {
                running.insert(&stage.id);
                names.extend(stage.environment.as_deref());
            }
        }
        names.into_iter().filter_map(|name| self.environments.get(name)).collect()
    }

    /// Whether the stage's condition holds if everything before it succeeds; `None` when that is known only during
    /// the run.
    fn holds(&self, stage: &PlannedStage) -> Option<bool> {
        let Some(written) = &stage.condition else {
            return Some(true);
        };
        let known = SoFarGood(self.known(stage, &[&self.env, &stage.env]));
        let expression = Expression::parse_condition(written).ok()?;
        let is_known =
            expression.references().iter().all(|one| known.json(&one.context.to_ascii_lowercase()).is_some());
        if is_known { evaluate::condition(written, &known).ok() } else { None }
    }
}

/// What an author should know of a stage that deploys and may do less than it seems to.
pub(crate) fn warn(planner: &mut Planner<'_>, stage: &Stage, steps: &[PlannedStep]) {
    let Some(environment) = &stage.environment else {
        return;
    };
    let is_missing = |step: &PlannedStep| planner.missing.contains(&step.plugin);
    if steps.iter().any(is_missing) || planner.request.told.excuses(environment.span) {
        return;
    }
    let any = |wanted: fn(&Manifest) -> bool| {
        let manifests = steps.iter().filter_map(|step| planner.plugins.get(&step.plugin)?.manifest.as_ref());
        manifests.into_iter().any(wanted)
    };
    let (deploys, verifies) = (any(changes_targets), any(|manifest| manifest.verifies));
    let id = &stage.id.value;
    if !deploys {
        let message = format!("stage `{id}` deploys to an environment, and no plugin of its steps changes the targets");
        let found = Diagnostic::warning("E-DEPLOY-NOTHING", message, environment.span)
            .label("nothing will be switched, and nothing can be taken back")
            .help("add a step that deploys, such as `uses: compose-deploy`, or take `environment` out");
        planner.report(found);
    } else if !verifies {
        let message = format!("stage `{id}` deploys without a verifier");
        let found = Diagnostic::warning("E-DEPLOY-UNVERIFIED", message, environment.span)
            .label("container health counts as the verification")
            .help("add a step that asks the release, such as `uses: smoke-test`");
        planner.report(found);
    }
}

/// Whether it changes something on the targets of the stage's environment, and takes it back.
fn changes_targets(manifest: &Manifest) -> bool {
    let of_environment =
        |request: &RequestSpec| request.capability == Capability::Targets && request.source() == Source::Environment;
    manifest.effect && manifest.requests.iter().any(of_environment)
}

/// The contexts of a run in which nothing has failed.
struct SoFarGood(Maps);

impl Known for SoFarGood {
    fn json(&self, name: &str) -> Option<Json> {
        self.0.json(name)
    }

    fn function(&self, name: &str, _arguments: &[String]) -> Option<Result<Json, String>> {
        match name {
            "success" | "always" => Some(Ok(true.into())),
            "failure" | "cancelled" => Some(Ok(false.into())),
            _ => None,
        }
    }
}
