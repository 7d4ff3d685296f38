//! A checkout that a stranger wrote: what its names and files may do to whoever looks at it.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::support::{Scene, script};

/// Moves the cursor, wipes the line, hides what follows, turns the reading direction.
const HOSTILE: [char; 4] = ['\u{1b}', '\r', '\u{202e}', '\u{61c}'];

#[test]
fn a_condition_cannot_show_another_plan_than_the_one_that_runs() {
    let scene = Scene::new(
        "name: \"a\\r\\e]0;b\\a\"\nstages:\n  only:\n    if: \"'x\\e[2K\\r\\u202e\\u061c\\nforged' == ''\"\n    steps: [{ run: \"true\" }]\n",
    );
    for format in ["text", "mermaid"] {
        let told = scene.call(&["plan", "--format", format]);
        told.exits(0);
        assert!(!told.stdout.contains(HOSTILE), "{:?}", told.stdout);
        assert!(!told.stdout.lines().any(|line| line.starts_with("forged")), "{}", told.stdout);
    }
    scene.call(&["run"]).exits(0);
    let runs = scene.call(&["runs"]);
    assert!(runs.stdout.contains("a\\r\\u{1b}]0;b\\u{7}") && !runs.stdout.contains(HOSTILE), "{:?}", runs.stdout);
}

/// GitHub's runner ends a line at a carriage return, too.
#[test]
fn a_files_name_is_no_command_of_a_workflow() {
    let name = "pipelines/x\r::set-output name=result::success\r\u{1b}[8m.yml";
    let scene = Scene::new("name: first\nstages: { only: { steps: [{ run: \"true\" }] } }\n");
    fs::remove_file(scene.repo().join("pipelines/main.yml")).expect("it is there");
    scene.write(name, "x: 1\n");
    for words in [&["check"][..], &["run", "--format", "github"], &["plan"]] {
        let mut command = scene.command(words);
        let told = command.env("GITHUB_ACTIONS", "true").output().expect("it starts");
        assert_ne!(told.status.code(), Some(0), "{words:?}");
        for text in [told.stdout, told.stderr] {
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(!text.contains(HOSTILE), "{words:?}: {text:?}");
            assert!(!text.lines().any(|line| line.trim_start().starts_with("::set-output")), "{words:?}: {text:?}");
        }
    }
}

#[test]
fn no_folder_of_pipelines_or_plugins_leads_out_of_the_checkout() {
    let scene = Scene::new(&script("echo one"));
    let outside = scene.repo().join("../outside");
    fs::create_dir(&outside).expect("it is ours");
    fs::rename(scene.repo().join("pipelines/main.yml"), outside.join("main.yml")).expect("it is there");
    fs::write(outside.join("token.yml"), "access-token: dop_v1_secret\n").expect("it is ours");
    fs::remove_dir(scene.repo().join("pipelines")).expect("it is empty");
    symlink(&outside, scene.repo().join("pipelines")).expect("it is ours");
    for words in [&["check"][..], &["plan", "token"], &["run", "main"]] {
        let told = scene.call(words);
        told.exits(2).says("`pipelines` is a symbolic link, and nothing behind a link is read");
        assert!(!told.stdout.contains("dop_v1") && !told.stderr.contains("dop_v1"), "{words:?}");
    }

    let scene = Scene::new("name: x\nstages: { only: { steps: [{ uses: ./linked/x.wasm }] } }\n");
    symlink("/usr", scene.repo().join("linked")).expect("it is ours");
    scene.call(&["plan"]).exits(2).says("`linked` is a symbolic link");
}

#[test]
fn a_lockfile_or_project_that_never_ends_is_refused_at_once() {
    let scene = Scene::new("name: x\nstages: { only: { steps: [{ uses: \"127.0.0.1:9/a/b:1\" }] } }\n");
    let lockfile = scene.repo().join("sealock.lock");
    symlink("/dev/zero", &lockfile).expect("it is ours");
    scene.call(&["plan"]).exits(2).says("expected a regular file, found a symbolic link");
    fs::remove_file(&lockfile).expect("it is there");
    assert!(Command::new("mkfifo").arg(&lockfile).status().expect("it starts").success());
    scene.call(&["plan"]).exits(2).says("expected a regular file, found a pipe or device");
    scene.write("plug/src/empty", "");
    symlink("/dev/zero", scene.repo().join("plug/plugin.toml")).expect("it is ours");
    scene.call(&["plugin", "build", "plug"]).says("expected a regular file, found a symbolic link");
}

/// Somebody who may write there decides what is resumed.
#[test]
fn a_state_directory_of_many_is_not_used() {
    let scene = Scene::new(&script("echo one"));
    scene.call(&["run"]).exits(0);
    let many = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(scene.state(), many).expect("it is ours");
    for words in [&["run"][..], &["runs"], &["resume"], &["show"]] {
        scene.call(words).exits(2).says("E-STATE-SHARED").says("has the mode 0777");
    }
}
