//! What an event gets: a pull request's author writes the pipeline file, too.

use std::fs;

use serde_json::{Value, json};

use super::support::{Scene, Told, finish};

const TOKEN: &str = "tok-7Vq9tR2xLm4Zw8";
const KEY: &str = "key-Lm4Zw87Vq9tR2x";

const PIPELINE: &str = r#"
name: trust
secrets: [TOKEN, KEY]
environments:
  production:
    targets:
      web1: { ssh: deploy@127.0.0.1:1, host-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJcW0bMQoHiGE6NdHqzSm2dAUO4bFh0Y7qyyWdcxTfJU", key: KEY }
stages:
  test: { steps: [{ run: "echo tested; env" }] }
  publish: { steps: [{ env: { T: "${{ secrets.TOKEN }}" }, run: "echo published; env" }] }
  sneak: { steps: [{ env: { K: "${{ secrets.KEY }}" }, run: "echo sneaked; env" }] }
  after: { needs: publish, steps: [{ run: echo after }] }
  announce: { needs: [publish], if: always(), steps: [{ env: { R: "${{ needs.publish.result }}" }, run: 'echo "publish $R"' }] }
"#;

fn pull(head: &str) -> Value {
    let repo = |name: &str| json!({ "ref": "feature", "repo": { "full_name": name } });
    json!({ "action": "opened", "number": 7, "pull_request": { "title": "x", "head": repo(head), "base": repo("acme/blog") } })
}

/// `sealock` with both secrets at hand, and an event as a file.
fn call(scene: &Scene, arguments: &[&str], event: &Value, workflow: &[(&str, &str)]) -> Told {
    let file = scene.repo().join("../event.json");
    fs::write(&file, event.to_string()).expect("the scene is ours");
    let mut command = scene.command(arguments);
    command.env("SEALOCK_SECRET_TOKEN", TOKEN).env("SEALOCK_SECRET_KEY", KEY);
    if workflow.is_empty() {
        command.env("SEALOCK_EVENT", &file);
    } else {
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_PATH", &file).envs(workflow.iter().copied());
    }
    finish(command.spawn().expect("it starts"))
}

#[test]
fn a_forks_pull_request_gets_no_secret_whatever_the_file_says() {
    let scene = Scene::new(PIPELINE);
    let told = call(&scene, &["run", "--format", "jsonl"], &pull("evil/blog"), &[]);
    told.exits(0).says("E-TRUST-WITHHELD").says("a pull request of a fork does not get the secret TOKEN");
    assert_eq!(told.skipped(), ["after", "publish", "sneak"]);
    assert!(told.log("test").contains(&"tested".to_owned()), "{}", told.stdout);
    assert_eq!(told.log("announce"), ["publish skipped"]);
    for secret in [TOKEN, KEY] {
        assert!(!told.stdout.contains(secret) && scene.state_holds(secret.as_bytes()).is_none(), "{}", told.stdout);
    }
    assert!(told.log("test").contains(&"GITHUB_REF=refs/pull/7/merge".to_owned()), "{}", told.stdout);
}

#[test]
fn a_pull_request_of_the_repository_gets_the_secrets_that_no_environment_names() {
    let scene = Scene::new(PIPELINE);
    let told = call(&scene, &["run", "--format", "jsonl"], &pull("acme/blog"), &[]);
    told.exits(0).says("a pull request of this repository does not get the secret KEY");
    assert_eq!(told.skipped(), ["sneak"]);
    assert!(told.log("publish").contains(&"T=***".to_owned()), "{}", told.stdout);
    let told = call(&scene, &["run", "--format", "jsonl"], &json!({ "ref": "refs/heads/main", "commits": [] }), &[]);
    assert!(told.exits(0).skipped().is_empty());
    assert!(told.log("sneak").contains(&"K=***".to_owned()), "{}", told.stdout);
}

#[test]
fn what_was_asked_for_and_is_withheld_is_refused() {
    let scene = Scene::new(&format!(
        "{PIPELINE}  deploy: {{ environment: production, steps: [{{ uses: remote-script, with: {{ script: \"true\" }} }}] }}\n"
    ));
    for event in [pull("evil/blog"), pull("acme/blog"), json!({ "action": "created", "comment": {}, "issue": {} })] {
        let told = call(&scene, &["run", "--stage", "deploy"], &event, &[]);
        told.exits(3).says("E-TRUST-STAGE").says("deploys nothing");
    }
    let plan = call(&scene, &["plan"], &pull("evil/blog"), &[]);
    plan.exits(0)
        .says("a pull request of a fork   nothing has run")
        .says("never: a pull request of a fork deploys nothing");
    let frozen = call(&scene, &["plan", "--format", "json"], &pull("evil/blog"), &[]).json();
    assert_eq!(
        (&frozen["trust"], &frozen["secrets"], &frozen["environments"]),
        (&json!("outside"), &json!([]), &json!({}))
    );
    let everywhere = Scene::new(
        "name: x\nsecrets: [KEY]\nenv: { K: \"${{ secrets.KEY }}\" }\nstages: { a: { steps: [{ run: echo ran }] } }\n",
    );
    call(&everywhere, &["run"], &pull("evil/blog"), &[]).exits(3).says("nothing is left to run");
}

/// The workflow's own variables say what happened; events that run with the repository's rights on strangers' text are traps.
#[test]
fn in_a_workflow_the_runners_word_counts_and_nothing_raises_it() {
    let scene = Scene::new(PIPELINE);
    let jsonl = ["run", "--format", "jsonl"];
    let named =
        |name| vec![("GITHUB_EVENT_NAME", name), ("GITHUB_REF", "refs/heads/main"), ("GITHUB_REPOSITORY", "acme/blog")];
    for name in ["pull_request_target", "workflow_run", "issue_comment"] {
        let told = call(&scene, &jsonl, &pull("acme/blog"), &named(name));
        assert_eq!(told.exits(0).skipped(), ["after", "publish", "sneak"], "{name}");
    }
    let told = call(&scene, &jsonl, &pull("acme/blog"), &named("pull_request"));
    assert_eq!(told.exits(0).skipped(), ["sneak"]);
    assert!(call(&scene, &jsonl, &json!({}), &named("push")).exits(0).skipped().is_empty());

    // A file cannot raise what the runner says.
    let push = scene.repo().join("../push.json");
    fs::write(&push, "{\"ref\":\"refs/heads/main\"}").expect("the scene is ours");
    let given = [&jsonl[..], &["--event", push.to_str().expect("text")]].concat();
    let told = call(&scene, &given, &pull("evil/blog"), &named("pull_request"));
    assert_eq!(told.exits(0).skipped(), ["after", "publish", "sneak"]);

    for command in [&["rollback", "production"][..], &["status", "production"], &["unlock", "production"]] {
        let told = call(&scene, command, &pull("acme/blog"), &named("pull_request"));
        told.exits(3).says("E-TRUST-STAGE");
    }
}

#[test]
fn an_event_that_cannot_be_read_lets_nothing_run() {
    let scene = Scene::new(PIPELINE);
    let mut command = scene.command(&["run"]);
    command.envs([
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_EVENT_PATH", "/nowhere/event.json"),
    ]);
    finish(command.spawn().expect("it starts")).exits(2).says("E-FILE-READ");
}

/// Files are looked at where the commit before is there; `run` alone starts regardless.
#[test]
fn on_is_asked_only_where_somebody_says_so() {
    let scene = Scene::new(
        "name: x\non: { push: { paths-ignore: [\"docs/**\"] } }\nstages: { a: { steps: [{ run: echo ran }] } }\n",
    );
    let head = || {
        let told = std::process::Command::new("git").args(["rev-parse", "HEAD"]).current_dir(scene.repo()).output();
        String::from_utf8(told.expect("git is there").stdout).expect("text").trim().to_owned()
    };
    let before = head();
    scene.write("docs/a.md", "text");
    scene.commit();
    let event = json!({ "ref": "refs/heads/main", "before": before, "commits": [] });
    let jsonl = ["run", "--format", "jsonl"];
    call(&scene, &["run", "--triggered"], &event, &[]).exits(0).says("no changed file counts for `on.push`");
    assert_eq!(call(&scene, &jsonl, &event, &[]).exits(0).log("a"), ["ran"]);
    scene.write("src/a.rs", "text");
    scene.commit();
    assert_eq!(call(&scene, &[&jsonl[..], &["--triggered"]].concat(), &event, &[]).exits(0).log("a"), ["ran"]);
}
