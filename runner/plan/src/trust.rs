//! How far what happened is trusted, and what that takes away from a plan.
//!
//! The pipeline file of a pull request is written by whoever opened it. So nothing in the file can raise the trust: it is read
//! from the event alone, and a stage that would need more than the event gets is left out as a whole, with the reason
//! as its condition. A step that got less than its author wrote would fail, and say something else.
//!
//! # Invariants
//!
//! - An event that is not known here is from outside.
//! - What is withheld is gone from the plan: its steps, its grants, its secrets. Whoever runs the plan cannot give it.

use std::collections::BTreeSet;

use sealock_pipeline::Login;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::frozen::{PlannedStage, collect_secrets};
use crate::planner::Planner;

/// How far what happened is trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// A stranger's text and code: no secrets, no deployment.
    Outside,
    /// Code of somebody who may write to the repository, before it is where it is looked at: no secrets of environments, no
    /// deployment.
    Internal,
    /// What the pipeline and the policy allow.
    #[default]
    Trusted,
}

impl Trust {
    /// What the `github` context says of the event. Everything that is not named here is from outside: comments, reviews,
    /// `pull_request_target`, `workflow_run`, which run with the repository's rights on what strangers wrote.
    pub fn of(github: &Map<String, Json>) -> Self {
        match text(github.get("event_name")).unwrap_or_default() {
            "workflow_dispatch" | "schedule" => Self::Trusted,
            "push" => of_push(github),
            "pull_request" if is_own(github) => Self::Internal,
            _ => Self::Outside,
        }
    }

    /// The trust in words, where something is taken away.
    pub fn words(self, github: &Map<String, Json>) -> Option<&'static str> {
        let is_pull = text(github.get("event_name")) == Some("pull_request");
        match self {
            Self::Trusted => None,
            Self::Internal if is_pull => Some("a pull request of this repository"),
            Self::Internal => Some("a branch that is not protected"),
            Self::Outside if is_pull => Some("a pull request of a fork"),
            Self::Outside => Some("an event from outside"),
        }
    }
}

/// A tag, a branch that is protected, and the default branch. Where nothing of that is known, nobody but the operator says
/// that it is a push.
fn of_push(github: &Map<String, Json>) -> Trust {
    let reference = text(github.get("ref")).unwrap_or_default();
    let is_protected = github.get("ref_protected").and_then(Json::as_bool);
    let default = text(github.get("event").and_then(|event| event.pointer("/repository/default_branch")));
    let is_default = default.map(|branch| reference.strip_prefix("refs/heads/") == Some(branch));
    match (is_protected, is_default) {
        _ if reference.starts_with("refs/tags/") => Trust::Trusted,
        (Some(true), _) | (_, Some(true)) | (None, None) => Trust::Trusted,
        _ => Trust::Internal,
    }
}

/// Whether the pull request comes from the repository that it goes to. A deleted fork has no repository any more.
fn is_own(github: &Map<String, Json>) -> bool {
    let Some(pull) = github.get("event").and_then(|event| event.get("pull_request")) else {
        return false;
    };
    let repository = |side: &str| text(pull.pointer(&format!("/{side}/repo/full_name")));
    let (Some(head), Some(base)) = (repository("head"), repository("base")) else {
        return false;
    };
    let id = |side: &str| pull.pointer(&format!("/{side}/repo/id"));
    let is_here = text(github.get("repository")).is_none_or(|here| here.eq_ignore_ascii_case(base));
    head.eq_ignore_ascii_case(base) && id("head") == id("base") && is_here
}

fn text(value: Option<&Json>) -> Option<&str> {
    value.and_then(Json::as_str)
}

/// The secrets that the plan may name.
pub(crate) fn secrets(planner: &Planner<'_>) -> Vec<String> {
    let kept = planner.request.pipeline.secrets.iter().map(|secret| secret.value.clone());
    let taken = Taken::of(planner);
    kept.filter(|secret| !taken.takes(secret)).collect()
}

/// Takes away what the event does not get.
pub(crate) fn cap(planner: &mut Planner<'_>, stages: Vec<PlannedStage>) -> Vec<PlannedStage> {
    let Some(who) = planner.request.facts.trust.words(&planner.request.facts.github) else {
        return stages;
    };
    let taken = Taken::of(planner);
    let shared = taken.first(written(&planner.request.pipeline.env));
    let capped = stages.into_iter().map(|stage| {
        let secret = shared.clone().or_else(|| taken.first(used(planner, &stage)));
        let why = match (deploys(planner, &stage), secret) {
            (true, _) => format!("{who} deploys nothing"),
            (false, Some(secret)) => format!("{who} does not get the secret {secret}"),
            (false, None) => return stage,
        };
        planner.grants.retain(|step, _| step.stage != stage.name && step.stage != stage.id);
        bare(stage, why)
    });
    capped.collect()
}

/// Which secrets are taken away.
enum Taken {
    All,
    These(BTreeSet<String>),
}

impl Taken {
    fn of(planner: &Planner<'_>) -> Self {
        match planner.request.facts.trust {
            Trust::Outside => Self::All,
            Trust::Internal => Self::These(of_environments(planner)),
            Trust::Trusted => Self::These(BTreeSet::new()),
        }
    }

    fn takes(&self, secret: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.contains(secret),
        }
    }

    fn first(&self, used: BTreeSet<String>) -> Option<String> {
        used.into_iter().find(|secret| self.takes(secret))
    }
}

/// Secrets that some environment of the file logs in with, or gives to its releases.
fn of_environments(planner: &Planner<'_>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in &planner.request.pipeline.environments {
        names.append(&mut written(&entry.value.env));
        for target in &entry.value.targets {
            if let Login::Key(secret) = &target.value.login {
                names.insert(secret.value.clone());
            }
        }
    }
    names
}

fn written(env: &sealock_pipeline::Env) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in env {
        collect_secrets(&entry.value.value.raw().into(), &mut names);
    }
    names
}

/// Every secret that the stage names, or its steps were granted.
fn used(planner: &Planner<'_>, stage: &PlannedStage) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect_secrets(&serde_json::to_value(stage).expect("a stage holds only maps with text keys"), &mut names);
    let grants = planner.grants.iter().filter(|(step, _)| step.stage == stage.name || step.stage == stage.id);
    names.extend(grants.flat_map(|(_, grant)| grant.secrets.iter().cloned()));
    names
}

fn deploys(planner: &Planner<'_>, stage: &PlannedStage) -> bool {
    let mut grants = planner.grants.iter().filter(|(step, _)| step.stage == stage.name || step.stage == stage.id);
    stage.environment.is_some() || grants.any(|(_, grant)| !grant.targets.is_empty())
}

/// The stage without anything that could be run.
fn bare(stage: PlannedStage, why: String) -> PlannedStage {
    PlannedStage {
        withheld: Some(why),
        late_matrix: None,
        env: Vec::new(),
        container: None,
        services: Vec::new(),
        environment: None,
        concurrency: None,
        outputs: Vec::new(),
        steps: Vec::new(),
        rollback: Vec::new(),
        ..stage
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trust(github: &Json) -> Trust {
        Trust::of(github.as_object().expect("a map"))
    }

    fn pull(head: &Json) -> Json {
        let base = json!({ "repo": { "full_name": "acme/blog", "id": 1 } });
        json!({ "event_name": "pull_request", "repository": "acme/blog", "event": { "pull_request": { "head": head, "base": base } } })
    }

    #[test]
    fn a_pull_request_is_internal_only_from_the_very_repository_that_it_goes_to() {
        let repo = |name: &str, id: u32| json!({ "repo": { "full_name": name, "id": id } });
        assert_eq!(trust(&pull(&repo("acme/blog", 1))), Trust::Internal);
        assert_eq!(trust(&pull(&repo("Acme/Blog", 1))), Trust::Internal);
        for head in
            [repo("evil/blog", 2), repo("evil/blog", 1), repo("acme/blog", 2), json!({ "repo": null }), json!({})]
        {
            assert_eq!(trust(&pull(&head)), Trust::Outside, "{head}");
        }
        let mut elsewhere = pull(&repo("acme/blog", 1));
        elsewhere["repository"] = "acme/other".into();
        assert_eq!(trust(&elsewhere), Trust::Outside);
        assert_eq!(trust(&json!({ "event_name": "pull_request", "event": {} })), Trust::Outside);
    }

    #[test]
    fn events_that_run_strangers_text_with_the_repositorys_rights_are_from_outside() {
        let own = json!({ "repo": { "full_name": "acme/blog", "id": 1 } });
        let names = [
            "pull_request_target",
            "workflow_run",
            "issue_comment",
            "pull_request_review",
            "issues",
            "release",
            "fork",
            "what-comes-next",
            "",
        ];
        for name in names {
            let mut event = pull(&own);
            event["event_name"] = name.into();
            assert_eq!(trust(&event), Trust::Outside, "{name}");
        }
    }

    #[test]
    fn a_push_is_trusted_on_tags_and_on_branches_that_are_looked_after() {
        let push = |reference: &str, protected: Json, default: Json| {
            let event = json!({ "repository": { "default_branch": default } });
            trust(&json!({ "event_name": "push", "ref": reference, "ref_protected": protected, "event": event }))
        };
        assert_eq!(push("refs/tags/v1", json!(false), json!("main")), Trust::Trusted);
        assert_eq!(push("refs/heads/stable", json!(true), json!("main")), Trust::Trusted);
        assert_eq!(push("refs/heads/main", json!(false), json!("main")), Trust::Trusted);
        assert_eq!(push("refs/heads/main", json!(null), json!(null)), Trust::Trusted);
        assert_eq!(push("refs/heads/feature", json!(false), json!("main")), Trust::Internal);
        assert_eq!(push("refs/heads/feature", json!(null), json!("main")), Trust::Internal);
        assert_eq!(push("refs/heads/feature", json!(false), json!(null)), Trust::Internal);
        assert_eq!(trust(&json!({ "event_name": "schedule" })), Trust::Trusted);
    }
}
