//! From a repository to what a stage sees.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod kit;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use kit::{Scene, git, picture, run};
use rustix::fs::{Mode, OFlags, openat};
use sealock_workspace::{Checkout, Repository, RunFolder, View, ViewKind, Warning, prune};

#[test]
fn a_view_is_the_commit_with_the_uncommitted_changes_and_git_agrees() {
    let scene = Scene::new();
    scene.write("README", "changed\n");
    scene.write("new/file", "new\n");
    scene.write("ignored/x", "not seen\n");
    fs::remove_dir_all(scene.root().join("src/old")).unwrap();
    symlink("new", scene.root().join("to-new")).unwrap();
    scene.git("add new");
    let folder = scene.run("r1");
    for view in scene.views(&folder) {
        assert_eq!(
            picture(view.path()),
            [
                ".gitignore: ignored/",
                "README: changed",
                "link -> README",
                "new/",
                "new/file: new",
                "src/",
                "src/main.rs*: fn main() {}",
                "to-new -> new",
            ],
            "{:?}",
            view.kind()
        );
        let status = git(view.path(), "status --porcelain");
        assert_eq!(status, " M README\n D src/old/a\n?? new/\n?? to-new", "{:?}", view.kind());
    }
}

#[test]
fn without_uncommitted_changes_a_view_is_clean() {
    let scene = Scene::new();
    scene.write("README", "changed\n");
    let folder = scene.run("r1");
    let checkout = Checkout::prepare(&scene.repository(), &folder, None).unwrap();
    for view in [View::create(&checkout, &folder, "a").unwrap(), View::copy(&checkout, &folder, "b").unwrap()] {
        assert_eq!(git(view.path(), "status --porcelain"), "");
        assert_eq!(fs::read_to_string(view.path().join("README")).unwrap(), "read me\n");
    }
}

#[test]
fn git_in_a_view_describes_and_lists_and_has_no_credentials() {
    let scene = Scene::new();
    scene.git("tag -a v1.2 -m one");
    scene.write("more", "x");
    scene.commit("Second");
    scene.git("remote add origin https://user:tok3n@example.com/acme/blog.git");
    scene.git("config http.extraheader AUTHORIZATION:tok3n");
    scene.git("config credential.helper store");
    let folder = scene.run("r1");
    for view in scene.views(&folder) {
        let head = scene.git("rev-parse HEAD");
        assert_eq!(git(view.path(), "rev-parse HEAD"), head);
        assert_eq!(git(view.path(), "describe"), format!("v1.2-1-g{}", &head[..7]));
        assert_eq!(git(view.path(), "rev-parse --abbrev-ref HEAD"), "main");
        assert_eq!(git(view.path(), "log --format=%s"), "Second\nFirst light");
        assert_eq!(git(view.path(), "remote get-url origin"), "https://example.com/acme/blog.git");
        git(view.path(), "fsck --no-dangling");
        let config = fs::read_to_string(view.path().join(".git/config")).unwrap();
        assert!(!config.contains("tok3n") && !config.contains("helper"), "{config}");
    }
    let objects = scene.root().join(".git/objects").canonicalize().unwrap();
    assert_eq!(scene.checkout(&folder).object_folders(), [objects]);
}

#[test]
fn what_one_stage_writes_no_other_sees_and_the_repository_neither() {
    let scene = Scene::new();
    let folder = scene.run("r1");
    let before = picture(&scene.root());
    let views = scene.views(&folder);
    fs::write(views[0].path().join("README"), "mine\n").unwrap();
    fs::remove_file(views[0].path().join("src/main.rs")).unwrap();
    fs::write(views[0].path().join("fresh"), "x").unwrap();
    run(Command::new("git").args(["commit", "--quiet", "--all", "--message", "x"]).current_dir(views[0].path()));
    assert_eq!(picture(views[1].path()), before);
    assert_eq!(picture(&scene.root()), before);
    assert_eq!(scene.git("log --format=%s"), "First light");
    let other = scene.run("r2");
    assert_eq!(picture(scene.views(&other)[0].path()), before);
}

#[test]
fn folders_and_files_that_took_each_others_names_come_through() {
    let scene = Scene::new();
    fs::remove_dir_all(scene.root().join("src")).unwrap();
    scene.write("src", "a file now\n");
    fs::remove_file(scene.root().join("README")).unwrap();
    scene.write("README/inside", "a folder now\n");
    let folder = scene.run("r1");
    for view in scene.views(&folder) {
        let expected =
            [".gitignore: ignored/", "README/", "README/inside: a folder now", "link -> README", "src: a file now"];
        assert_eq!(picture(view.path()), expected, "{:?}", view.kind());
    }
}

#[test]
fn a_plain_folder_is_all_uncommitted_and_its_state_is_left_out() {
    let scene = Scene::plain();
    scene.write("a/b", "b\n");
    scene.write("state/runs/x", "not seen\n");
    scene.write("sub/.git/config", "not seen\n");
    let repository = Repository::discover(&scene.root()).unwrap();
    assert!(!repository.is_git() && repository.facts().commit.is_none());
    let uncommitted = repository.uncommitted(&[&scene.root().join("state")]).unwrap();
    let folder = scene.run("r1");
    let checkout = Checkout::prepare(&repository, &folder, Some(&uncommitted)).unwrap();
    let view = View::create(&checkout, &folder, "test").unwrap();
    assert_eq!(picture(view.path()), ["a/", "a/b: b"]);
}

#[test]
fn before_the_first_commit_the_files_are_uncommitted() {
    let scene = Scene::plain();
    scene.git("init --quiet --initial-branch=trunk");
    scene.write("a", "a\n");
    let facts = scene.repository().facts().clone();
    assert_eq!((facts.commit, facts.reference.as_deref()), (None, Some("refs/heads/trunk")));
    let folder = scene.run("r1");
    for view in scene.views(&folder) {
        assert_eq!(git(view.path(), "status --porcelain"), "?? a");
    }
}

#[test]
fn attributes_of_the_commit_decide_line_ends_not_those_of_the_folder() {
    let scene = Scene::new();
    scene.write(".gitattributes", "*.bat text eol=crlf\n");
    scene.write("x.bat", "one\n");
    scene.commit("Attributes");
    scene.write(".gitattributes", "*.bat -text\n");
    let folder = scene.run("r1");
    let checkout = Checkout::prepare(&scene.repository(), &folder, None).unwrap();
    let view = View::create(&checkout, &folder, "test").unwrap();
    assert_eq!(fs::read(view.path().join("x.bat")).unwrap(), b"one\r\n");
    assert_eq!(git(view.path(), "status --porcelain"), "");
}

#[test]
fn pointers_submodules_and_leaving_links_are_warned_about() {
    let scene = Scene::new();
    scene.write("big.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n");
    symlink("/etc/passwd", scene.root().join("out")).unwrap();
    scene.commit("More");
    let commit = scene.git("rev-parse HEAD");
    scene.git(&format!("update-index --add --cacheinfo 160000,{commit},vendor/lib"));
    run(Command::new("git").args(["commit", "--quiet", "--message", "Sub"]).current_dir(scene.root()));
    let expected = [
        Warning::LfsPointer("big.bin".into()),
        Warning::LeavingLink("out".into()),
        Warning::MissingSubmodule("vendor/lib".into()),
    ];
    for run in ["r1", "r2"] {
        let folder = scene.run(run);
        let checkout = Checkout::prepare(&scene.repository(), &folder, None).unwrap();
        assert_eq!(checkout.warnings(), expected, "made first, then read back");
    }
}

#[test]
fn another_ref_can_be_checked_out_and_a_missing_one_is_named() {
    let scene = Scene::new();
    scene.git("tag v1");
    scene.write("README", "second\n");
    scene.commit("Second");
    let at = scene.repository().at("v1").unwrap();
    assert_eq!(at.facts().tag.as_deref(), Some("v1"));
    assert_eq!(at.facts().commit.as_ref().unwrap().subject, "First light");
    let folder = scene.run("r1");
    let checkout = Checkout::prepare(&at, &folder, None).unwrap();
    let view = View::create(&checkout, &folder, "test").unwrap();
    assert_eq!(git(view.path(), "status --porcelain"), "");
    assert_eq!(git(view.path(), "describe --tags"), "v1");
    assert_eq!(scene.repository().at("nope").unwrap_err().code(), "E-WORKSPACE-REF");
}

#[test]
fn facts_are_those_of_git() {
    let scene = Scene::new();
    scene.git("remote add origin git@github.com:acme/blog.git");
    let facts = scene.repository().facts().clone();
    let commit = facts.commit.unwrap();
    assert_eq!(commit.id, scene.git("rev-parse HEAD"));
    assert_eq!(commit.time_s.to_string(), scene.git("log -1 --format=%ct"));
    assert_eq!((commit.author.as_str(), commit.email.as_str()), ("Ada", "ada@example.com"));
    assert_eq!(facts.branch.as_deref(), Some("main"));
    assert_eq!(facts.remote.unwrap().slug.as_deref(), Some("acme/blog"));
    scene.git("tag v1");
    scene.git("checkout --quiet --detach");
    assert_eq!(scene.repository().facts().reference.as_deref(), Some("refs/tags/v1"));
    scene.git("tag v2");
    assert_eq!(scene.repository().facts().reference, None);
}

#[test]
fn linked_work_trees_and_repositories_that_borrow_work_too() {
    let scene = Scene::new();
    scene.git("worktree add --quiet ../linked");
    scene.git("clone --quiet --shared . ../borrower");
    for name in ["linked", "borrower"] {
        let repository = Repository::discover(&scene.folder.path().join(name)).unwrap();
        let folder = scene.run(name);
        let checkout = Checkout::prepare(&repository, &folder, None).unwrap();
        let view = View::create(&checkout, &folder, "test").unwrap();
        assert_eq!(git(view.path(), "status --porcelain"), "", "{name}");
        assert_eq!(checkout.object_folders().len(), if name == "borrower" { 2 } else { 1 });
    }
}

#[test]
fn a_read_only_descriptor_cannot_be_written_through_whatever_the_modes() {
    let scene = Scene::new();
    let folder = scene.run("r1");
    for view in scene.views(&folder) {
        let Some(fd) = view.read_only_fd() else {
            assert!(!rustix::process::geteuid().is_root(), "root may mount");
            continue;
        };
        let write = openat(fd.as_fd(), "README", OFlags::WRONLY, Mode::empty());
        assert_eq!(write.unwrap_err(), rustix::io::Errno::ROFS);
        let write = openat(fd.as_fd(), "fresh", OFlags::CREATE | OFlags::WRONLY, Mode::RWXU);
        assert_eq!(write.unwrap_err(), rustix::io::Errno::ROFS);
        let mut text = String::new();
        let read = openat(fd.as_fd(), "README", OFlags::RDONLY, Mode::empty()).unwrap();
        fs::File::from(read).read_to_string(&mut text).unwrap();
        assert_eq!(text, "read me\n");
    }
}

#[test]
fn a_dropped_view_leaves_no_mount_and_no_files() {
    let scene = Scene::new();
    let folder = scene.run("r1");
    let views = scene.views(&folder);
    let paths: Vec<_> = views.iter().map(|view| view.path().to_owned()).collect();
    drop(views);
    for path in paths {
        assert!(!path.exists());
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(scene.folder.path().to_str().unwrap()), "{mounts}");
}

/// The other process of [`a_killed_runs_mount_is_swept_and_a_live_ones_is_not`]: not a test of its own.
#[test]
fn holds_a_view_when_asked_to() {
    let Some(root) = option_from_arguments("hold=") else { return };
    let repository = Repository::discover(&root.join("repo")).unwrap();
    let folder = RunFolder::create(&root.join("state"), "held").unwrap();
    let checkout = Checkout::prepare(&repository, &folder, None).unwrap();
    let _view = View::create(&checkout, &folder, "test (3.11)").unwrap();
    std::io::stderr().write_all(b"ready\n").unwrap();
    std::io::stdin().read_to_string(&mut String::new()).unwrap();
}

fn option_from_arguments(name: &str) -> Option<std::path::PathBuf> {
    std::env::args().find_map(|argument| argument.strip_prefix(name).map(Into::into))
}

#[test]
fn a_killed_runs_mount_is_swept_and_a_live_ones_is_not() {
    let scene = Scene::new();
    let folder = scene.run("mine");
    let mine = scene.views(&folder).remove(0);
    if mine.kind() != ViewKind::Overlay {
        assert!(!rustix::process::geteuid().is_root(), "root may mount: {:?}", mine.no_overlay());
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holds_a_view_when_asked_to", "--nocapture"])
        .arg(format!("hold={}", scene.folder.path().display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    child.stderr.as_mut().unwrap().read_exact(&mut ready).unwrap();
    let swept = View::sweep(&scene.state()).unwrap();
    assert_eq!((swept.unmounted.len(), swept.live.len()), (0, 2));
    child.kill().unwrap();
    child.wait().unwrap();
    let swept = View::sweep(&scene.state()).unwrap();
    assert_eq!((swept.unmounted.len(), swept.live.len()), (1, 1));
    assert!(mine.path().join("README").exists());
    assert_eq!(View::sweep(&scene.state()).unwrap().unmounted.len(), 0);
}

#[test]
fn a_run_is_held_by_one_process() {
    let scene = Scene::new();
    let held = scene.run("r1");
    assert_eq!(RunFolder::create(&scene.state(), "r1").unwrap_err().code(), "E-RUN-HELD");
    drop(held);
    RunFolder::create(&scene.state(), "r1").unwrap();
    assert_eq!(RunFolder::create(&scene.state(), "../x").unwrap_err().code(), "E-RUN-UNKNOWN");
}

#[test]
fn a_run_that_is_over_leaves_its_log_alone() {
    let scene = Scene::new();
    let folder = scene.run("r1");
    let view = View::create(&scene.checkout(&folder), &folder, "test").unwrap();
    view.keep();
    let (upper, log) = (view.upper(), folder.path().join("log.jsonl"));
    drop(view);
    assert!(upper.is_none_or(|upper| upper.is_dir()), "kept");
    fs::write(&log, "").unwrap();
    let left = folder.path().to_owned();
    folder.discard().unwrap();
    assert!(log.exists() && !left.join("stages").exists() && !left.join("layer").exists());
}

#[test]
fn a_checkout_from_before_a_reboot_is_made_again_and_unused_ones_are_pruned() {
    let scene = Scene::new();
    let folder = scene.run("r1");
    drop(scene.checkout(&folder));
    let home = scene.state().join("checkouts").join(scene.git("rev-parse HEAD"));
    fs::write(home.join("notes"), "boot before\0").unwrap();
    fs::write(home.join("tree/README"), "torn").unwrap();
    let checkout = scene.checkout(&folder);
    let view = View::create(&checkout, &folder, "test").unwrap();
    assert_eq!(fs::read_to_string(view.path().join("README")).unwrap(), "read me\n");
    prune(&scene.state(), 0).unwrap();
    assert!(home.exists(), "it is in use");
    drop((view, checkout));
    prune(&scene.state(), 1).unwrap();
    assert!(home.exists(), "it is the last one used");
    prune(&scene.state(), 0).unwrap();
    assert!(!home.exists());
}
