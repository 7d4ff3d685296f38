//! What has changed since a run was planned: a changed file is another plan, and is refused with the difference.

use sealock_contract::Digest;
use sealock_journal::RunSummary;
use sealock_plan::{Facts, Plan, Request};
use serde_json::Value as Json;

use crate::catalogue::Plugins;
use crate::failure::Failure;
use crate::file::{self, Found};
use crate::planning::Repository;
use crate::policy;
use crate::shell::Shell;

/// Differences that are shown.
const SHOWN_MAX: usize = 20;
/// One value of a difference, as it is shown.
const VALUE_CHARS_MAX: usize = 60;

/// Refuses to go on with a run of another commit than `reference`, or what is checked out, or of a pipeline that has changed
/// since.
///
/// # Errors
///
/// `E-RUN-CHANGED`, with the difference.
pub(crate) fn refuse(
    shell: &mut Shell,
    repository: &Repository,
    reference: Option<&str>,
    (found, plan): (&RunSummary, &Plan),
) -> Result<(), Failure> {
    refuse_commit(shell, repository, reference, found)?;
    let path = repository.root().join(&plan.file);
    let source = match file::read(repository.root(), &Found { path, name: plan.file.clone() }) {
        Ok(source) => source,
        Err((_, diagnostic)) => {
            let message = format!("{} cannot be read any more: {}", plan.file, diagnostic.message);
            return Err(Failure::new("E-RUN-CHANGED", message).help(new_run()));
        }
    };
    if Digest::of(source.text().as_bytes()) == plan.file_digest {
        return Ok(());
    }
    let differences = differences(shell, repository, &source, plan)?;
    let message = format!("{} has changed since run {} was planned", plan.file, found.run);
    let shown = if differences.is_empty() { "only in what does not change its plan".to_owned() } else { differences };
    Err(Failure::new("E-RUN-CHANGED", format!("{message}: {shown}")).help(new_run()))
}

fn new_run() -> String {
    "put it back as it was, or start a new run: sealock run".to_owned()
}

fn refuse_commit(
    shell: &Shell,
    repository: &Repository,
    reference: Option<&str>,
    found: &RunSummary,
) -> Result<(), Failure> {
    let git = repository.git(shell, reference)?;
    let now = git.facts().commit.as_ref().map(|commit| commit.id.clone());
    if now == found.commit || found.commit.is_none() {
        return Ok(());
    }
    let (was, now) = (found.commit.clone().unwrap_or_default(), now.unwrap_or_else(|| "no commit".to_owned()));
    let message = format!("run {} is of commit {was}, and {now} is checked out", found.run);
    Err(Failure::new("E-RUN-CHANGED", message).help(format!("git checkout {was}, or start a new run: sealock run")))
}

/// What another plan of the same facts says otherwise, one line a value.
fn differences(
    shell: &Shell,
    repository: &Repository,
    source: &sealock_diagnostics::Source,
    plan: &Plan,
) -> Result<String, Failure> {
    let parsed = sealock_pipeline::parse(source);
    let Some(pipeline) = &parsed.pipeline else {
        return Ok("it has errors now (`sealock check` tells them)".to_owned());
    };
    let texts = plan.inputs.iter().map(|(name, value)| (name.clone(), text(value)));
    let facts = Facts {
        trust: plan.trust,
        github: plan.github.clone(),
        vars: plan.vars.clone().into_iter().collect(),
        inputs: texts.collect(),
        networks: policy::load(shell)?.policy.networks,
    };
    let catalogue = Plugins::of_event(shell, repository, plan.trust, &plan.github);
    let planned = sealock_plan::plan(Request { pipeline, source, facts: &facts, catalogue: &catalogue, only: None });
    let Some(now) = planned.plan else {
        return Ok("it cannot be planned now (`sealock plan` tells why)".to_owned());
    };
    let json = |plan: &Plan| serde_json::to_value(plan).unwrap_or_default();
    let mut found = Vec::new();
    compare("", &json(plan), &json(&now), &mut found);
    let more = found.len().saturating_sub(SHOWN_MAX);
    found.truncate(SHOWN_MAX);
    found.extend((more > 0).then(|| format!("and {more} more")));
    Ok(found.join("; "))
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Collects where `was` and `now` differ. Lines move for no reason that matters, and digests say what other lines say better.
fn compare(at: &str, was: &Json, now: &Json, found: &mut Vec<String>) {
    if was == now || at.rsplit('.').next() == Some("line") || at.ends_with("_digest") {
        return;
    }
    match (was, now) {
        (Json::Object(was), Json::Object(now)) => {
            let names: std::collections::BTreeSet<&String> = was.keys().chain(now.keys()).collect();
            for name in names {
                let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                compare(&at, was.get(name).unwrap_or(&Json::Null), now.get(name).unwrap_or(&Json::Null), found);
            }
        }
        (Json::Array(was), Json::Array(now)) => {
            for place in 0..was.len().max(now.len()) {
                let named = [now.get(place), was.get(place)].into_iter().flatten().find_map(name_of);
                let at = format!("{at}[{}]", named.unwrap_or_else(|| place.to_string()));
                compare(&at, was.get(place).unwrap_or(&Json::Null), now.get(place).unwrap_or(&Json::Null), found);
            }
        }
        (was, now) => found.push(format!("{at}: {} → {}", shown(was), shown(now))),
    }
}

fn name_of(value: &Json) -> Option<String> {
    ["name", "key"].into_iter().find_map(|name| value.get(name)?.as_str()).map(str::to_owned)
}

fn shown(value: &Json) -> String {
    let whole = match value {
        Json::Null => return "nothing".to_owned(),
        Json::Object(_) | Json::Array(_) => return "something else".to_owned(),
        value => text(value),
    };
    let short: String = whole.chars().take(VALUE_CHARS_MAX).collect();
    if short.len() < whole.len() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_has_its_place_by_name_and_both_values() {
        let was = json!({ "stages": [{ "name": "test", "line": 3, "steps": [{ "key": "1", "with": "true" }] }] });
        let now = json!({ "stages": [
            { "name": "test", "line": 4, "steps": [{ "key": "1", "with": "false" }] },
            { "name": "deploy", "line": 9, "steps": [] },
        ] });
        let mut found = Vec::new();
        compare("", &was, &now, &mut found);
        assert_eq!(found, ["stages[test].steps[1].with: true → false", "stages[deploy]: nothing → something else"]);
    }
}
