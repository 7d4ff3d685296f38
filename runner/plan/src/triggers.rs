//! Whether `on` takes what happened.
//!
//! As in GitHub's own `on`: filters of one kind narrow, the last glob that matches a name decides (`!glob` takes away), a push of a tag
//! does not count where only branches are named, and the other way round. What is not known (which files a commit of a shallow
//! checkout changed) narrows nothing: a pipeline that runs once too often is the smaller mistake.

use sealock_contract::grant::Pattern;
use sealock_pipeline::{PullRequestFilter, PushFilter, Spanned, Triggers};
use serde_json::{Map, Value as Json};

/// GitHub's types of a pull request that count where none are named.
const PULL_TYPES: [&str; 3] = ["opened", "synchronize", "reopened"];

/// Why `on` does not take what the `github` context says; `None` when it does, and where there is no `on`. `changed` are the files that
/// it changed, when that is known.
pub fn refuses(on: &Triggers, github: &Map<String, Json>, changed: Option<&[String]>) -> Option<String> {
    if *on == Triggers::default() {
        return None;
    }
    let name = github.get("event_name").and_then(Json::as_str).unwrap_or_default();
    let is_taken = match name {
        "push" => return push(on, github, changed),
        "pull_request" => return pull_request(on, github, changed),
        "schedule" => !on.schedule.is_empty(),
        "workflow_dispatch" => on.manual.is_some(),
        _ => false,
    };
    (!is_taken).then(|| format!("`on` does not name {}", if name.is_empty() { "this event" } else { name }))
}

/// Whether some filter of files makes it worth to know which changed.
pub fn looks_at_files(on: &Triggers) -> bool {
    let of_push = on.push.as_ref().is_some_and(|own| !own.value.paths.is_empty() || !own.value.paths_ignore.is_empty());
    let of_pull = on.pull_request.as_ref();
    of_push || of_pull.is_some_and(|own| !own.value.paths.is_empty() || !own.value.paths_ignore.is_empty())
}

fn push(on: &Triggers, github: &Map<String, Json>, changed: Option<&[String]>) -> Option<String> {
    let Some(PushFilter { branches, branches_ignore, tags, tags_ignore, paths, paths_ignore }) =
        on.push.as_ref().map(|own| &own.value)
    else {
        return Some("`on` does not name push".to_owned());
    };
    let reference = github.get("ref").and_then(Json::as_str).unwrap_or_default();
    let (names_branches, names_tags) =
        (!branches.is_empty() || !branches_ignore.is_empty(), !tags.is_empty() || !tags_ignore.is_empty());
    if let Some(tag) = reference.strip_prefix("refs/tags/") {
        let is_taken = if names_tags { is_named(tags, tags_ignore, tag) } else { !names_branches };
        // A tag changes no files.
        return (!is_taken).then(|| format!("`on.push` does not take the tag `{tag}`"));
    }
    let branch = reference.strip_prefix("refs/heads/").unwrap_or(reference);
    let is_taken = if names_branches { is_named(branches, branches_ignore, branch) } else { !names_tags };
    if !is_taken {
        return Some(format!("`on.push` does not take the branch `{branch}`"));
    }
    files("push", paths, paths_ignore, changed)
}

fn pull_request(on: &Triggers, github: &Map<String, Json>, changed: Option<&[String]>) -> Option<String> {
    let Some(PullRequestFilter { branches, branches_ignore, paths, paths_ignore, types }) =
        on.pull_request.as_ref().map(|own| &own.value)
    else {
        return Some("`on` does not name pull_request".to_owned());
    };
    let text = |value: Option<&Json>| value.and_then(Json::as_str).map(str::to_owned);
    let base = text(github.get("base_ref")).unwrap_or_default();
    if !is_named(branches, branches_ignore, &base) {
        return Some(format!("`on.pull_request` does not take pull requests to `{base}`"));
    }
    let action = text(github.get("event").and_then(|event| event.get("action")));
    let is_type = |action: &str| {
        if types.is_empty() { PULL_TYPES.contains(&action) } else { types.iter().any(|own| own.value == action) }
    };
    if let Some(action) = action.filter(|action| !is_type(action)) {
        return Some(format!("`on.pull_request` does not take the type `{action}`"));
    }
    files("pull_request", paths, paths_ignore, changed)
}

fn files(
    event: &str,
    paths: &[Spanned<String>],
    ignored: &[Spanned<String>],
    changed: Option<&[String]>,
) -> Option<String> {
    let changed = changed?;
    let counts = |path: &String| is_named(paths, ignored, path);
    let narrows = !paths.is_empty() || !ignored.is_empty();
    (narrows && !changed.iter().any(counts)).then(|| format!("no changed file counts for `on.{event}`"))
}

/// Whether a name is one of `wanted`, where there are any, and none of `ignored`.
fn is_named(wanted: &[Spanned<String>], ignored: &[Spanned<String>], name: &str) -> bool {
    let matches = |glob: &str| Pattern(glob.to_owned()).matches(name);
    let last = wanted.iter().rev().find(|own| matches(own.value.trim_start_matches('!')));
    let is_wanted = wanted.is_empty() || last.is_some_and(|own| !own.value.starts_with('!'));
    is_wanted && !ignored.iter().any(|own| matches(&own.value))
}

#[cfg(test)]
mod tests {
    use sealock_diagnostics::Source;
    use serde_json::json;

    use super::*;

    fn why(on: &str, github: &Json, changed: Option<&[&str]>) -> Option<String> {
        let text = format!("name: x\non: {on}\nstages: {{ a: {{ steps: [{{ run: x }}] }} }}\n");
        let parsed = sealock_pipeline::parse(&Source::new("main.yml", text));
        let pipeline = parsed.pipeline.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
        let changed: Option<Vec<String>> = changed.map(|files| files.iter().map(|file| (*file).to_owned()).collect());
        refuses(&pipeline.on, github.as_object().expect("a map"), changed.as_deref())
    }

    fn push(reference: &str) -> Json {
        json!({ "event_name": "push", "ref": reference })
    }

    #[test]
    fn branches_and_tags_narrow_each_other() {
        let on = "{ push: { branches: [main, \"release/**\", \"!release/old\"] } }";
        for (reference, taken) in [
            ("refs/heads/main", true),
            ("refs/heads/release/a/b", true),
            ("refs/heads/release/old", false),
            ("refs/heads/feature", false),
            ("refs/tags/v1", false),
        ] {
            assert_eq!(why(on, &push(reference), None).is_none(), taken, "{reference}");
        }
        assert!(why("{ push: { tags: [\"v*\"] } }", &push("refs/tags/v1"), None).is_none());
        assert!(why("{ push: { tags: [\"v*\"] } }", &push("refs/heads/main"), None).is_some());
        assert!(why("push", &push("refs/tags/x"), None).is_none());
        assert!(why("{ push: { branches-ignore: [wip] } }", &push("refs/heads/wip"), None).is_some());
    }

    #[test]
    fn files_count_where_they_are_known() {
        let on = "{ push: { paths-ignore: [\"docs/**\"] } }";
        let main = push("refs/heads/main");
        assert!(why(on, &main, Some(&["docs/a.md"])).is_some());
        assert!(why(on, &main, Some(&["docs/a.md", "src/a.rs"])).is_none());
        assert!(why(on, &main, None).is_none());
        assert!(why("{ push: { paths: [\"src/**\"] } }", &main, Some(&["docs/a.md"])).is_some());
    }

    #[test]
    fn a_pull_request_counts_by_where_it_goes_and_what_happens_to_it() {
        let pull = |base: &str, action: &str| json!({ "event_name": "pull_request", "base_ref": base, "event": { "action": action } });
        let on = "{ pull_request: { branches: [main] } }";
        assert!(why(on, &pull("main", "opened"), None).is_none());
        assert!(why(on, &pull("old", "opened"), None).is_some());
        assert!(why(on, &pull("main", "labeled"), None).is_some());
        assert!(why("{ pull_request: { types: [labeled] } }", &pull("main", "labeled"), None).is_none());
        assert!(why("push", &pull("main", "opened"), None).is_some());
    }

    #[test]
    fn the_rest_is_named_or_not() {
        let named = |name: &str| json!({ "event_name": name });
        assert!(why("{ manual: }", &named("workflow_dispatch"), None).is_none());
        assert!(why("{ manual: }", &named("schedule"), None).is_some());
        assert!(why("{ push: }", &named("workflow_run"), None).is_some());
        assert_eq!(refuses(&Triggers::default(), &Map::new(), None), None);
    }
}
