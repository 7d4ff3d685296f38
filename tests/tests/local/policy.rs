//! The machine's policy: what no pipeline goes beyond, and what a file that is wrong does.

use super::support::{Scene, Told, script};

const CALLS: &str = r#"
name: calls
stages:
  only:
    steps:
      - uses: smoke-test
        with: { url: "https://packages.example.com/", attempts: 1 }
      - run: echo "ran"
"#;

fn with_policy(scene: &Scene, policy: &str, arguments: &[&str]) -> Told {
    scene.write("../policy.toml", policy);
    let all = [&["--policy", "../policy.toml"], arguments].concat();
    scene.call(&all)
}

#[test]
fn a_plan_beyond_the_policy_is_refused_before_anything_starts_with_what_and_where() {
    let scene = Scene::new(CALLS);
    let policy = "[allow]\nnetwork = [\"*.example.org:443\"]\nexec = [\"bash\"]\n";
    for command in [&["run", "--format", "jsonl"][..], &["plan"]] {
        let told = with_policy(&scene, policy, command);
        told.exits(3).says("E-POLICY-GRANT").says("policy.toml");
        told.says(
            "step `smoke-test` of stage `only` (pipelines/main.yml:6) may reach GET, HEAD packages.example.com:443",
        );
        told.says("(pipelines/main.yml:8) may run the program sh");
        assert_eq!(told.stdout, "");
    }
    let within = "[allow]\nnetwork = [\"*:443\"]\nexec = [\"sh\"]\n";
    with_policy(&scene, within, &["plan"]).exits(0);
}

#[test]
fn images_of_stages_are_capped_as_those_that_steps_run() {
    let scene = Scene::new(
        "name: images\nstages:\n  cells:\n    matrix: { version: [15, 16] }\n    container: python:3.11-slim\n    services:\n      db: { image: \"postgres:${{ matrix.version }}\" }\n    steps:\n      - run: 'true'\n",
    );
    let policy = "[allow.containers]\nrun = [\"postgres:15\"]\n";
    let told = with_policy(&scene, policy, &["plan"]);
    told.exits(3).says("the container of stage `cells (15)` (pipelines/main.yml:3) may run the image python:3.11-slim");
    told.says("the service `db` of stage `cells (16)` (pipelines/main.yml:3) may run the image postgres:16");
    assert!(!told.stderr.contains("postgres:15"), "{}", told.stderr);
    let enough = "[allow.containers]\nrun = [\"postgres\", \"python:3.11-slim\"]\n";
    with_policy(&scene, enough, &["plan"]).exits(0);
}

#[test]
fn a_wall_that_no_machine_has_is_refused_and_a_low_one_passes() {
    let scene = Scene::new(&script("echo in"));
    let told = with_policy(&scene, "min-wall = 3\n", &["run", "--format", "jsonl"]);
    let tier = scene.call(&["version", "--format", "json"]).json()["wall"]["tier"].as_u64();
    if tier < Some(3) {
        told.exits(3).says("E-POLICY-WALL").says("wants a wall of tier 3");
        assert!(told.events().is_empty(), "{}", told.stdout);
    } else {
        told.exits(0);
    }
    with_policy(&scene, "min-wall = 0\n", &["run", "--format", "jsonl"]).exits(0);
}

#[test]
fn a_network_of_the_policy_has_its_name_in_pipelines_and_may_be_every_host() {
    let scene = Scene::new(
        "name: n\nstages:\n  only:\n    steps:\n      - run: pip install x\n        allow: { network: [\"@packages\"] }\n",
    );
    scene.call(&["plan"]).exits(0).says("E-NETWORK-UNKNOWN");
    let policy = "[networks]\npackages = [\"*:443\"]\n";
    let told = with_policy(&scene, policy, &["plan"]);
    told.exits(0).says("network *:443");
    assert!(!told.stderr.contains("E-NETWORK-UNKNOWN"), "{}", told.stderr);
    with_policy(&scene, policy, &["check"]).exits(0).says("No problems");
}

#[test]
fn a_policy_that_is_wrong_or_missing_lets_nothing_run() {
    let scene = Scene::new(&script("echo ran"));
    for (policy, code, word) in [
        ("min-wal = 1\n", "E-POLICY-KEY", "there is `min-wall`"),
        ("[allow]\nnetwrok = []\n", "E-POLICY-KEY", "there is `network`"),
        ("[allow\n", "E-POLICY-READ", "cannot be read"),
    ] {
        let told = with_policy(&scene, policy, &["run", "--format", "jsonl"]);
        told.exits(3).says(code).says(word);
        assert!(told.events().is_empty(), "{}", told.stdout);
    }
    scene.call(&["--policy", "../nowhere.toml", "run"]).exits(3).says("E-POLICY-READ");
}
