//! A stranger's pull request brings its own lockfile: what counts is that of the branch that it goes to.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::super::support::{Told, finish};
use super::support::{LONG_AGO, Yard, asking};

/// A pull request of this repository's head, to `base`.
fn pull(head: &str, base: &str) -> Value {
    let side = |name: &str, sha: &str| json!({ "ref": "x", "sha": sha, "repo": { "full_name": name } });
    json!({ "action": "opened", "number": 7, "pull_request": { "head": side(head, ""), "base": side("acme/blog", base) } })
}

fn run(yard: &Yard, event: &Value) -> Told {
    fs::write(yard.scene.repo().join("../event.json"), event.to_string()).expect("the scene is ours");
    let words = ["run", "--format", "jsonl", "--event", "../event.json"];
    finish(yard.command(&words).spawn().expect("it starts"))
}

fn head(yard: &Yard) -> String {
    let told = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(yard.scene.repo()).output();
    String::from_utf8(told.expect("git is there").stdout).expect("text").trim().to_owned()
}

/// A locked plugin at the base, and what its two versions say of themselves: a program that tells its greeting, and a step
/// that fails without its inputs.
fn yard() -> (Yard, String) {
    let yard = Yard::using(&["acme/step:1.0"]);
    yard.depot.put_plugin("acme/step", "1.0", &asking("1.0.0", ""), LONG_AGO);
    yard.call(&["lock"]).exits(0);
    yard.scene.commit();
    let base = head(&yard);
    (yard, base)
}

#[test]
fn a_lockfile_that_a_stranger_changed_decides_nothing() {
    let (yard, base) = yard();
    yard.depot.put_plugin("acme/step", "1.0", &asking("6.6.6", ""), LONG_AGO);
    let honest = yard.lockfile().expect("it is written");
    yard.call(&["update"]).exits(0);
    assert_ne!(yard.lockfile(), Some(honest.clone()));
    yard.scene.commit();
    let digest = |lockfile: &str| {
        let line = lockfile.lines().find(|line| line.starts_with("component = ")).expect("it is pinned");
        line.split('"').nth(1).expect("a digest").to_owned()
    };
    let plan = |head: &str| {
        fs::write(yard.scene.repo().join("../event.json"), pull(head, &base).to_string()).expect("the scene is ours");
        yard.call(&["plan", "--format", "json", "--event", "../event.json"]).exits(0).stdout.clone()
    };
    let (theirs, ours) = (digest(&yard.lockfile().expect("it is there")), digest(&honest));
    let stranger = plan("evil/blog");
    assert!(stranger.contains(&ours) && !stranger.contains(&theirs), "{stranger}");
    let member = plan("acme/blog");
    assert!(member.contains(&theirs), "who may write to the repository may lock\n{member}");
    assert!(run(&yard, &pull("evil/blog", &base)).exits(0).stdout.contains("greeting: hello"));

    yard.write_lockfile("<<<<<<< mine\n");
    run(&yard, &pull("evil/blog", &base)).exits(0);
    run(&yard, &pull("acme/blog", &base)).exits(5).says("E-LOCK-FORMAT");
}

#[test]
fn a_plugin_that_only_a_stranger_locked_does_not_run() {
    let (yard, base) = yard();
    yard.depot.put_plugin("acme/other", "1.0", &asking("1.0.0", ""), LONG_AGO);
    let pipeline =
        format!("name: yard\nstages:\n  only: {{ steps: [{{ uses: \"{}\" }}] }}\n", yard.name("acme/other:1.0"));
    yard.scene.write("pipelines/main.yml", pipeline);
    yard.call(&["lock"]).exits(0);
    yard.scene.commit();
    let told = run(&yard, &pull("evil/blog", &base));
    told.exits(5).says("E-LOCK-MISSING").says("the branch that this pull request goes to");
    assert!(told.of("step-started").is_empty());
    run(&yard, &pull("acme/blog", &base)).exits(0);
}

#[test]
fn where_the_branch_it_goes_to_is_not_known_nothing_of_a_registry_runs() {
    let (yard, _) = yard();
    let away = "0123456789abcdef0123456789abcdef01234567";
    for event in [pull("evil/blog", away), json!({ "action": "x", "pull_request": {} })] {
        let told = run(&yard, &event);
        told.exits(5).says("E-TRUST-LOCKFILE").says("fetch-depth: 0");
        assert!(told.of("step-started").is_empty());
    }
    yard.scene.write("pipelines/main.yml", "name: x\nstages: { a: { steps: [{ run: echo ran }] } }\n");
    assert_eq!(
        run(&yard, &pull("evil/blog", away)).exits(0).log("a"),
        ["ran"],
        "nothing of a registry, nothing to know"
    );
}
