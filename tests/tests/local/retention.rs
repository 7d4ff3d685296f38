//! What is kept of past runs.

use std::fs;

use super::cancel::{running, sleeper, unique};
use super::support::{Scene, Told, processes_with, script, text, until};

/// A run under a policy that keeps so much.
fn run(scene: &Scene, keep: &str) -> Told {
    scene.write("../policy.toml", format!("[keep]\n{keep}\n"));
    scene.call(&["--policy", "../policy.toml", "run", "--format", "jsonl"])
}

fn listed(scene: &Scene) -> Vec<String> {
    let runs = scene.call(&["runs", "--format", "json"]).json();
    runs.as_array().expect("a list").iter().map(|run| text(&run["run"])).collect()
}

#[test]
fn the_newest_runs_are_kept_and_the_others_leave_nothing() {
    let scene = Scene::new(&script("echo hello"));
    let mut runs = Vec::new();
    for _ in 0..5 {
        let told = run(&scene, "runs = 2");
        told.exits(0);
        runs.push(text(&told.events()[0]["run"]));
    }
    assert_eq!(listed(&scene), [runs[4].as_str(), runs[3].as_str()]);
    let mut folders: Vec<String> = fs::read_dir(scene.state().join("runs"))
        .expect("it is there")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    assert_eq!(folders, [runs[3].as_str(), runs[4].as_str()]);
    scene.call(&["doctor", "--journal"]).exits(0).says("2 runs");
    scene.call(&["show", &runs[3], "--logs", "only/1"]).exits(0).says("hello");
}

#[test]
fn neither_a_run_that_goes_on_nor_one_that_may_be_resumed_is_forgotten() {
    let marker = unique("retention");
    // What must be resumed waits for a file; what must be over does not.
    let pipeline = |wait: &str| format!("name: scene\nstages:\n  only: {{ steps: [{{ run: \"{wait}\" }}] }}\n");
    let scene = Scene::new(&pipeline(&sleeper(&marker)));
    let mut killed = running(&scene, &marker);
    killed.kill().and_then(|()| killed.wait()).expect("it is ours");
    until("its step to be dead", || processes_with(&marker).is_empty());
    let mut going = running(&scene, &marker);
    let open = listed(&scene);
    assert_eq!(open.len(), 2);
    scene.write("pipelines/main.yml", pipeline("true"));
    scene.commit();
    for _ in 0..3 {
        run(&scene, "runs = 1").exits(0);
    }
    assert_eq!(listed(&scene)[1..], open, "one that is over, and both");
    scene.call(&["runs"]).says("… running").says(&format!("sealock resume {}", open[1]));
    let workspace = scene.state().join("runs").join(&open[1]).join("stages/only");
    assert!(workspace.exists(), "it can be resumed where it stopped");
    going.kill().and_then(|()| going.wait()).expect("it is ours");
}

#[test]
fn the_oldest_logs_go_when_all_are_too_long_and_the_records_stay() {
    let scene = Scene::new(&script("seq 1 20000"));
    for _ in 0..3 {
        run(&scene, "log-mib = 4").exits(0);
    }
    let runs = listed(&scene);
    let has_log = |run: &String| scene.state().join("runs").join(run).join("log.jsonl").exists();
    assert_eq!(runs.iter().map(has_log).collect::<Vec<_>>(), [true, false, false]);
    scene.call(&["show", &runs[2]]).exits(0).says("succeeded");
    scene.call(&["doctor", "--journal"]).exits(0);
}

#[test]
fn a_policy_that_says_it_wrong_lets_nothing_run() {
    let scene = Scene::new(&script("true"));
    run(&scene, "run = 5").exits(3).says("E-POLICY-KEY").says("there is `runs`");
}
