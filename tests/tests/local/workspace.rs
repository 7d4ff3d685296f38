//! What a stage finds in its workspace.

use std::fs;

use super::cancel::{running, sleeper, unique};
use super::support::{Scene, script};

const LOOK: &str = "echo $(ls)\ntest -e tracked && cat tracked\ngit rev-parse --abbrev-ref HEAD >/dev/null && git status --short | wc -l";

#[test]
fn folders_that_no_path_reaches_fail_the_step_soon_shortly_and_are_removed() {
    let nest = "perl -e 'for (1..3000) { mkdir \"d\" and chdir \"d\" or die }'";
    let started = std::time::Instant::now();
    let scene = Scene::new(&script(nest));
    let told = scene.run(&[]);
    told.exits(3);
    assert_eq!(told.cause(), "E-WORKSPACE-DEEP", "{}", told.stdout);
    assert!(told.stdout.lines().all(|line| line.len() < 2_000), "{}", told.stdout);
    assert!(started.elapsed() < std::time::Duration::from_secs(10));
    let left = fs::read_dir(scene.state().join("runs")).expect("there are runs").flatten();
    assert!(left.into_iter().all(|run| !run.path().join("stages").exists()));
}

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

#[test]
fn what_leads_out_of_the_workspace_is_removed_and_fails_the_step() {
    let scene = Scene::new(
        r#"
name: links
stages:
  only:
    steps:
      - { id: bad, run: "ln -s /root/.ssh out; ln -s pipelines inside; echo made" }
      - { if: always(), run: "test ! -L out && test -L inside && echo gone" }
"#,
    );
    let told = scene.run(&[]);
    told.exits(3);
    assert_eq!(told.cause(), "E-WORKSPACE-LINK", "{}", told.stdout);
    assert!(told.log("only").contains(&"gone".to_owned()), "{}", told.stdout);
}

#[test]
fn what_a_checkout_lacks_is_told() {
    let scene = Scene::new(&script("cat big; git describe --tags"));
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n";
    scene.write("big", pointer.replace("00", &"0".repeat(64)));
    let id = "0123456789012345678901234567890123456789";
    scene.write(".gitmodules", "[submodule \"lib\"]\n\tpath = lib\n\turl = https://example.org/lib.git\n");
    scene.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},lib")]);
    scene.git(&["add", "big", ".gitmodules"]);
    scene.git(&["commit", "--quiet", "--message", "pointers"]);
    scene.git(&["tag", "v1.2.3"]);
    let told = scene.run(&["--no-dirty"]);
    told.exits(0).says("big is a pointer of Git LFS").says("the submodule lib is not checked out");
    assert!(told.log("only").contains(&"v1.2.3".to_owned()), "{}", told.stdout);
}

#[test]
fn what_a_killed_run_left_mounted_is_gone_after_the_next_start() {
    let marker = unique("mounted");
    let scene = Scene::new(&script(&sleeper(&marker)));
    let mut child = running(&scene, &marker);
    child.kill().and_then(|()| child.wait()).expect("it is ours");
    let state = scene.state().canonicalize().expect("it is there").display().to_string();
    let table = || fs::read_to_string("/proc/self/mountinfo").expect("there is /proc");
    let mounts = || table().lines().filter(|line| line.contains(&state)).count();
    let left = mounts();
    scene.write("pipelines/main.yml", script("true"));
    scene.run(&[]).exits(0);
    assert_eq!(mounts(), 0, "{left} were left by the kill");
}
