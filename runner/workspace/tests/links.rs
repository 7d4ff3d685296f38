//! What a step must not leave behind, and what hermetic steps see.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod kit;

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use kit::Scene;
use sealock_contract::grant::Pattern;
use sealock_workspace::{EscapeKind, LinkRules, View};

fn found(view: &View, rules: &LinkRules<'_>) -> Vec<String> {
    view.escaping_links(rules).unwrap().into_iter().map(|escape| escape.path.display().to_string()).collect()
}

#[test]
fn links_that_leave_are_removed_and_links_that_stay_are_not() {
    let scene = Scene::new();
    let folder = scene.run("r1");
    for view in scene.views(&folder) {
        let at = |path: &str| view.path().join(path);
        let inside = view.path().join("src");
        for (target, name) in [
            ("../outside.txt", "climbs"),
            ("/etc/passwd", "absolute"),
            ("src/../../x", "climbs-late"),
            ("missing/../../x", "climbs-through-nothing"),
            ("to-src/../../x", "through-a-link"),
            ("climbs", "chain"),
            ("../../outside.txt", ".git/hidden"),
            ("src", "to-src"),
            ("to-src/main.rs", "stays-through-a-link"),
            ("../README", "src/stays"),
            ("nothing-there", "dangling"),
            ("ring", "ring"),
            (inside.to_str().unwrap(), "own-path"),
            (inside.join("../..").to_str().unwrap(), "own-path-and-out"),
            ("/workspace/src", "name-in-container"),
            ("/usr/bin/python3", "venv"),
            ("/usr/../etc", "not-usr"),
        ] {
            symlink(target, at(name)).unwrap();
        }
        let rules = LinkRules { names: &[Path::new("/workspace")], tolerated: &[Path::new("/usr")] };
        let expected = [
            ".git/hidden",
            "absolute",
            "chain",
            "climbs",
            "climbs-late",
            "climbs-through-nothing",
            "not-usr",
            "own-path-and-out",
            "through-a-link",
        ];
        assert_eq!(found(&view, &rules), expected, "{:?}", view.kind());
        assert!(!at("climbs").is_symlink() && at("own-path").is_symlink() && at("venv").is_symlink());
        assert_eq!(found(&view, &LinkRules::default()), ["name-in-container", "venv"]);
        assert!(found(&view, &LinkRules::default()).is_empty());
    }
}

#[test]
fn a_link_of_the_commit_is_left_alone_until_a_step_makes_it_leave() {
    let scene = Scene::new();
    scene.write("p/q/r/file", "x\n");
    symlink("p/q/r", scene.root().join("deep")).unwrap();
    symlink("deep/../../x", scene.root().join("turns")).unwrap();
    symlink("/etc/hosts", scene.root().join("committed")).unwrap();
    scene.commit("Links");
    symlink("/etc/group", scene.root().join("uncommitted")).unwrap();
    let folder = scene.run("r1");
    for view in scene.views(&folder) {
        assert!(found(&view, &LinkRules::default()).is_empty(), "{:?}", view.kind());
        fs::remove_file(view.path().join("deep")).unwrap();
        symlink("p", view.path().join("deep")).unwrap();
        fs::remove_file(view.path().join("committed")).unwrap();
        symlink("/etc/shadow", view.path().join("committed")).unwrap();
        assert_eq!(found(&view, &LinkRules::default()), ["committed", "turns"], "{:?}", view.kind());
    }
}

#[test]
fn files_with_a_name_outside_devices_pipes_and_sockets_are_found() {
    let scene = Scene::new();
    let folder = scene.run("r1");
    for view in scene.views(&folder) {
        fs::write(view.path().join("twice"), "x").unwrap();
        fs::hard_link(view.path().join("twice"), view.path().join("twice-inside")).unwrap();
        let mut expected = vec![("pipe", EscapeKind::Fifo), ("socket", EscapeKind::Socket)];
        let outside = scene.folder.path().join("outside");
        fs::write(&outside, "x").unwrap();
        // On an overlay the kernel itself refuses: it is another mount.
        if fs::hard_link(&outside, view.path().join("outside")).is_ok() {
            expected.insert(0, ("outside", EscapeKind::HardLink));
        }
        let pipe = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, view.path().join("pipe"), pipe, rustix::fs::Mode::RWXU, 0).unwrap();
        drop(UnixListener::bind(view.path().join("socket")).unwrap());
        let null = rustix::fs::makedev(1, 3);
        let device = rustix::fs::FileType::CharacterDevice;
        let node = view.path().join("a-device");
        if rustix::fs::mknodat(rustix::fs::CWD, &node, device, rustix::fs::Mode::RWXU, null).is_ok() {
            expected.insert(0, ("a-device", EscapeKind::Device));
        }
        let escapes = view.escaping_links(&LinkRules::default()).unwrap();
        let escapes: Vec<_> = escapes.iter().map(|e| (e.path.to_str().unwrap(), e.kind.clone())).collect();
        assert_eq!(escapes, expected, "{:?}", view.kind());
        assert!(!node.exists() && view.path().join("twice-inside").exists());
    }
}

#[test]
fn a_selection_holds_what_is_granted_and_nothing_else() {
    let scene = Scene::new();
    scene.write("reports/junit.xml", "<a/>");
    scene.write("reports/deep/cov.xml", "<b/>");
    scene.write("secret.txt", "no");
    symlink("/etc/passwd", scene.root().join("reports/out.xml")).unwrap();
    symlink("../README", scene.root().join("reports/in.xml")).unwrap();
    let folder = scene.run("r1");
    let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern((*text).to_owned())).collect::<Vec<_>>();
    for view in scene.views(&folder) {
        let selection =
            view.selection(&patterns(&["reports/**/*.xml", "./link", "missing", "reports/in.xml"])).unwrap();
        let expected = [
            "link: read me",
            "reports/",
            "reports/deep/",
            "reports/deep/cov.xml: <b/>",
            "reports/in.xml: read me",
            "reports/junit.xml: <a/>",
        ];
        assert_eq!(kit::picture(selection.path()), expected);
        assert_eq!((selection.files(), selection.left_out().len()), (4, 1));
        fs::write(selection.path().join("link"), "changed").unwrap();
        assert_eq!(fs::read_to_string(view.path().join("README")).unwrap(), "read me\n");
        assert_eq!(view.selection(&patterns(&["src"])).unwrap().files(), 2);
        for leaving in ["reports/out.xml", "../x", "/etc/passwd"] {
            assert_eq!(view.selection(&patterns(&[leaving])).unwrap_err().code(), "E-GRANT-FILES", "{leaving}");
        }
        assert_eq!(view.selection(&patterns(&["/etc/*", "../*"])).unwrap().files(), 0);
    }
}

#[test]
fn hash_files_is_githubs() {
    let scene = Scene::new();
    scene.write("a.txt", "one");
    scene.write("a/z.txt", "two");
    symlink("/etc/passwd", scene.root().join("a/leaves.txt")).unwrap();
    let folder = scene.run("r1");
    for view in scene.views(&folder) {
        // sha256(sha256("two") ‖ sha256("one")): the folder `a` comes before `a.txt`.
        let expected = "0c7c01f86ff8722e93c1b9e7437ec11de17d63304f8bb22eec9e50b077f4754c";
        assert_eq!(view.hash_files(&["**/*.txt"]).unwrap(), expected);
        assert_eq!(view.hash_files(&["nothing*"]).unwrap(), "");
        assert_eq!(view.hash_files(&["src/../*"]).unwrap(), "");
    }
}
