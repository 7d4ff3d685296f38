//! The record of runs.

use super::support::{Scene, script, text};

#[test]
fn runs_are_listed_and_shown_by_the_start_of_their_name() {
    let scene = Scene::new(&script("echo hello"));
    let first = scene.run(&[]);
    first.exits(0);
    let run = text(&first.of("run-started")[0]["run"]);
    scene.call(&["runs"]).exits(0).says(&run).says("scene");
    for name in [run.as_str(), &run[..run.len() - 2]] {
        let shown = scene.call(&["show", "--format", "jsonl", name]);
        shown.exits(0);
        assert_eq!(shown.stdout, first.stdout);
    }
    scene.call(&["show", &run, "--logs", "only/1"]).exits(0).says("hello");
    scene.run(&[]).exits(0);
    scene.call(&["show", "0"]).exits(2).says("E-RUN-AMBIGUOUS");
    scene.call(&["show", "ZZZZ"]).exits(2).says("E-RUN-UNKNOWN");
    scene.call(&["show", &run, "--logs", "only/9"]).exits(2);
}

#[test]
fn a_state_without_runs_says_so() {
    let scene = Scene::new(&script("true"));
    scene.call(&["runs"]).exits(0);
    scene.call(&["show"]).exits(2).says("E-RUN-UNKNOWN");
}
