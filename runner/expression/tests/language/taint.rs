//! Text that anyone can write.

use sealock_expression::{Expression, FindingKind, TaintSource};

/// What `expression` hands on that anyone can write.
fn taint(expression: &str) -> Option<(String, TaintSource)> {
    let taint = Expression::parse(expression)
        .expect("the expression is right")
        .taint(|reference| reference.to_string() == "env.TITLE")?;
    assert!(!taint.at.is_empty());
    Some((taint.path, taint.source))
}

/// The places at which `expression` is lawful and almost surely wrong.
fn findings(expression: &str) -> Vec<(FindingKind, &str, String)> {
    let findings = Expression::parse(expression).expect("the expression is right").findings().into_iter();
    findings.map(|finding| (finding.kind, &expression[finding.at], finding.path)).collect()
}

#[test]
fn every_field_that_outsiders_write_is_tainted() {
    for field in [
        "issue.title",
        "issue.body",
        "discussion.title",
        "discussion.body",
        "comment.body",
        "review.body",
        "review_comment.body",
        "pages.*.page_name",
        "commits.*.message",
        "commits.*.author.email",
        "commits.*.author.name",
        "head_commit.message",
        "head_commit.author.email",
        "head_commit.author.name",
        "pull_request.title",
        "pull_request.body",
    ] {
        let path = format!("github.event.{field}");
        assert_eq!(taint(&path), Some((path.clone(), TaintSource::Text)));
    }
    for field in
        ["head_ref", "ref", "ref_name", "base_ref", "event.pull_request.head.ref", "event.pull_request.head.label"]
    {
        let path = format!("github.{field}");
        assert_eq!(taint(&path), Some((path.clone(), TaintSource::RefName)));
    }
    let default_branch = "github.event.pull_request.head.repo.default_branch";
    assert_eq!(taint(default_branch).map(|(_, source)| source), Some(TaintSource::RefName));
}

#[test]
fn another_spelling_is_the_same_field() {
    for expression in [
        "GitHub.Event.ISSUE.Title",
        "github['event']['issue']['title']",
        "github.event.commits[0].message",
        "github.event.commits[inputs.i].message",
        "github[inputs.x]",
        "github.event.*.title",
        "github.*",
        "github",
        "github.event",
        "github.event.issue",
        "github.event[format('{0}', 'issue')].title",
        "(github.event).issue.title",
    ] {
        assert!(taint(expression).is_some(), "{expression}");
    }
}

#[test]
fn what_makes_text_of_its_arguments_hands_it_on() {
    for expression in [
        "toJSON(github.event)",
        "fromJSON(toJSON(github.event)).number",
        "format('x-{0}', github.head_ref)",
        "join(github.event.commits.*.message, ' ')",
        "inputs.x || github.head_ref",
        "github.sha && github.head_ref",
        "case(true, github.head_ref, 'x')",
        "case(false, 'x', github.head_ref)",
        "env.TITLE",
        "format('{0}', env.TITLE)",
    ] {
        assert!(taint(expression).is_some(), "{expression}");
    }
}

#[test]
fn what_only_asks_hands_nothing_on() {
    for expression in [
        "github.sha",
        "github.event.issue.number",
        "github.event.pull_request.head.sha",
        "github.event.commits.*.id",
        "github.event_name",
        "env.OTHER",
        "github.head_ref == 'main'",
        "!github.head_ref",
        "contains(github.event.issue.title, 'x')",
        "startsWith(github.ref, 'refs/tags/') && 'tag' || 'branch'",
        "case(github.ref == 'refs/heads/main', 'a', 'b')",
        "github.head_ref && 'pull' || 'push'",
        "hashFiles(github.head_ref)",
        "inputs[github.head_ref]",
        "'github.head_ref'",
    ] {
        assert_eq!(taint(expression), None, "{expression}");
    }
}

#[test]
fn the_place_is_that_of_the_reading() {
    let expression = "format('{0}', github.event . issue['title'])";
    let taint = Expression::parse(expression).unwrap().taint(|_| false).unwrap();
    assert_eq!(&expression[taint.at], "github.event . issue['title']");
    assert_eq!(taint.path, "github.event.issue.title");
}

#[test]
fn looking_for_a_context_inside_a_written_text_is_found() {
    let call = "contains('refs/heads/main refs/heads/next', github.ref)";
    let expression = format!("success() && {call}");
    assert_eq!(findings(&expression), [(FindingKind::UnsoundContains, call, "github.ref".to_owned())]);
    assert_eq!(findings("contains('main', format('{0}', env.X))").len(), 1);
    for sound in
        ["contains(github.ref, 'main')", "contains(fromJSON('[\"main\"]'), github.ref_name)", "contains('a', 'b')"]
    {
        assert_eq!(findings(sound), []);
    }
}

#[test]
fn comparing_the_actor_with_a_bot_is_found() {
    for expression in [
        "github.actor == 'dependabot[bot]'",
        "'Renovate[Bot]' != github.triggering_actor",
        "endsWith(github.actor, '[bot]')",
        "contains(fromJSON('[\"dependabot[bot]\"]'), github.event.sender.login)",
        "github['actor'] == 'dependabot[bot]'",
    ] {
        let found: Vec<_> = findings(expression).into_iter().map(|(kind, part, _)| (kind, part)).collect();
        assert_eq!(found, [(FindingKind::SpoofableActor, expression)]);
    }
    for sound in [
        "github.actor == 'alice'",
        "github.event.pull_request.user.login == 'dependabot[bot]'",
        "(github.actor == 'alice') == ('x' == '[bot]')",
    ] {
        assert_eq!(findings(sound), []);
    }
}
