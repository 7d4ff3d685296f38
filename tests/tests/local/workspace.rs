//! What a stage finds in its workspace.

use std::fs;

use super::support::{Scene, script};

const LOOK: &str = "echo $(ls)\ntest -e tracked && cat tracked\ngit rev-parse --abbrev-ref HEAD >/dev/null && git status --short | wc -l";

#[test]
fn stages_leave_nothing_about_for_each_other() {
    let scene = Scene::new(
        r#"
name: own
stages:
  one: { steps: [{ run: "touch left; echo changed > tracked" }, { run: "test -e left" }] }
  two: { needs: one, steps: [{ run: "echo $(ls); cat tracked" }] }
"#,
    );
    scene.write("tracked", "as committed\n");
    scene.commit();
    let told = scene.run(&[]);
    told.exits(0);
    assert_eq!(told.log("two"), ["pipelines tracked", "as committed"]);
    assert!(!scene.repo().join("left").exists());
    assert_eq!(fs::read_to_string(scene.repo().join("tracked")).expect("it is there"), "as committed\n");
}

#[test]
fn uncommitted_changes_come_along_and_are_told_unless_left_out() {
    let scene = Scene::new(&script(LOOK));
    scene.write(".gitignore", "ignored\n");
    scene.write("tracked", "first\n");
    scene.write("removed", "x");
    scene.commit();
    scene.write("tracked", "second\n");
    scene.write("fresh", "x");
    scene.write("ignored", "x");
    fs::remove_file(scene.repo().join("removed")).expect("it is there");
    let told = scene.run(&[]);
    told.exits(0);
    assert_eq!(told.log("only")[..2], ["fresh pipelines tracked", "second"]);
    assert_eq!(told.of("run-started")[0]["dirty_files"], 3);
    let told = scene.run(&["--no-dirty"]);
    told.exits(0);
    assert_eq!(told.log("only"), ["pipelines removed tracked", "first", "0"]);
    assert_eq!(told.of("run-started")[0]["dirty_files"], 0);
}

#[test]
fn credentials_of_remotes_stay_outside() {
    let scene = Scene::new(&script("git config --list || true\ncat .git/config || true"));
    scene.git(&["remote", "add", "origin", "https://user:remote-canary@example.org/x.git"]);
    let told = scene.run(&[]);
    told.exits(0);
    assert!(!told.stdout.contains("remote-canary"), "{}", told.stdout);
}

#[test]
fn a_folder_without_git_runs_too() {
    let scene = Scene::without_git(&script("echo $(ls)"));
    let told = scene.run(&[]);
    told.exits(0);
    assert_eq!(told.log("only"), ["pipelines"]);
    assert!(told.of("run-started")[0]["commit"].is_null());
}
