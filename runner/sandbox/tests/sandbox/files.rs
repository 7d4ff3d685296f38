//! Files: what leaves the workspace, what the grant does not cover, and what is too much.

use std::fs;
use std::os::unix::fs::symlink;

use sealock_contract::grant::{FileGrant, Pattern};
use sealock_contract::seam::Outcome;
use sealock_contract::{ErrorKind, Grant, StepLimits};
use sealock_sandbox::StepCall;
use tempfile::TempDir;

use crate::rig::{FakeDesk, assert_next_step_runs, attack, limit_of, run, said, workspace};

fn tree() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let inside = folder.path().join("work");
    for name in ["src/deep", "out"] {
        fs::create_dir_all(inside.join(name)).expect("a folder");
    }
    for name in ["src/lib.rs", "src/deep/x.rs", "secret.txt", "out/old"] {
        fs::write(inside.join(name), name).expect("a file");
    }
    fs::write(folder.path().join("outside.txt"), "outside").expect("a file");
    symlink("../outside.txt", inside.join("leaving")).expect("a link");
    symlink("secret.txt", inside.join("src/alias")).expect("a link");
    symlink("..", inside.join("src/up")).expect("a link");
    folder
}

fn patterns(patterns: &[&str]) -> Vec<Pattern> {
    patterns.iter().map(|pattern| Pattern((*pattern).to_owned())).collect()
}

fn call(name: &str, at: &str, files: FileGrant, writable: bool, folder: &TempDir) -> StepCall {
    let workspace = Some(workspace(&folder.path().join("work"), writable));
    StepCall { workspace, grant: Grant { files, ..Grant::default() }, ..attack(name, at) }
}

fn is_refused(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Error(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Io | ErrorKind::NotFound | ErrorKind::Other))
}

#[test]
fn nothing_outside_the_workspace_can_be_read_and_each_try_is_an_event() {
    let folder = tree();
    for at in ["../outside.txt", "src/../../outside.txt", "leaving", "leaving/", "src/up/../outside.txt"] {
        let desk = FakeDesk::closed();
        let outcome = run("guest_hostile", call("read", at, FileGrant::read_all(), false, &folder), &desk);
        assert!(is_refused(&outcome), "{at}: {outcome:?}");
        if at.ends_with("txt") || at == "leaving" {
            assert_eq!(desk.denials(), ["E-GRANT-FILES"], "{at}");
        }
    }
    for at in ["/etc/passwd", "/proc/self/mem", "a\0b", &"d/".repeat(4_096)] {
        let outcome =
            run("guest_hostile", call("read", at, FileGrant::read_all(), false, &folder), &FakeDesk::closed());
        assert!(is_refused(&outcome), "{at}: {outcome:?}");
    }
    assert_next_step_runs();
}

#[test]
fn patterns_hold_also_through_links_and_back() {
    let folder = tree();
    let only_sources = || FileGrant { read: patterns(&["src/**"]), write: Vec::new() };
    let read = |at: &str, desk: &std::sync::Arc<FakeDesk>| {
        run("guest_hostile", call("read", at, only_sources(), false, &folder), desk)
    };
    assert_eq!(said(read("src/lib.rs", &FakeDesk::closed())), "read src/lib.rs");
    assert_eq!(said(read("src/deep/../lib.rs", &FakeDesk::closed())), "read src/lib.rs");
    for at in ["secret.txt", "src/alias", "src/up/secret.txt", "src/../secret.txt", "src/up/work/secret.txt"] {
        let desk = FakeDesk::closed();
        let outcome = read(at, &desk);
        assert!(is_refused(&outcome), "{at}: {outcome:?}");
        assert_eq!(desk.denials().first().map(String::as_str), Some("E-GRANT-FILES"), "{at}");
    }

    let listed = run("guest_hostile", call("list", "", only_sources(), false, &folder), &FakeDesk::closed());
    assert_eq!(said(listed), "src/alias src/deep/x.rs src/lib.rs src/up", "names that are not granted are not told");
}

#[test]
fn a_read_only_workspace_is_left_as_it_was() {
    let folder = tree();
    let attacks = [
        ("write", "src/lib.rs"),
        ("truncate", "src/lib.rs"),
        ("hard-link", "src/lib.rs"),
        ("rename", "src/lib.rs"),
        ("symlink", "src/lib.rs"),
    ];
    for writable in [false, true] {
        for (name, at) in attacks {
            let files = FileGrant { read: patterns(&["**"]), write: patterns(&["out/**"]) };
            let desk = FakeDesk::closed();
            let outcome = run("guest_hostile", call(name, at, files, writable, &folder), &desk);
            assert!(is_refused(&outcome), "{name}: {outcome:?}");
            assert!(!desk.denials().is_empty(), "{name}");
            let now = fs::read_to_string(folder.path().join("work/src/lib.rs")).expect("it is still there");
            assert_eq!(now, "src/lib.rs", "{name}");
        }
    }
    let granted = FileGrant { read: patterns(&["**"]), write: patterns(&["out/**"]) };
    let outcome = run("guest_hostile", call("write", "out/new", granted, true, &folder), &FakeDesk::closed());
    assert_eq!(outcome, Outcome::Success, "its neighbour is granted");
}

#[test]
fn links_that_leave_are_not_made() {
    let folder = tree();
    for at in ["../outside.txt", "/etc/passwd", "src/../../outside.txt"] {
        let desk = FakeDesk::closed();
        let outcome = run("guest_hostile", call("symlink", at, FileGrant::write_all(), true, &folder), &desk);
        assert!(is_refused(&outcome), "{at}: {outcome:?}");
        assert_eq!(desk.denials(), ["E-GRANT-FILES"], "{at}");
        assert!(fs::symlink_metadata(folder.path().join("work/link")).is_err(), "{at}");
    }
    let inside = call("symlink", "src/lib.rs", FileGrant::write_all(), true, &folder);
    assert_eq!(run("guest_hostile", inside, &FakeDesk::closed()), Outcome::Success);
}

#[test]
fn what_is_written_is_counted_in_bytes_and_in_files() {
    let folder = tree();
    let limited = |name: &str, limits: StepLimits| {
        let call = StepCall { limits, ..call(name, "", FileGrant::write_all(), true, &folder) };
        let limit = limit_of(&run("guest_hostile", call, &FakeDesk::closed()));
        assert_next_step_runs();
        limit
    };
    let bytes = limited("write-much", StepLimits { written_bytes: 1 << 20, ..StepLimits::default() });
    assert_eq!(bytes, "E-LIMIT-WRITTEN-BYTES written bytes: 1 MiB");
    assert!(fs::metadata(folder.path().join("work/much")).expect("a file").len() <= 1 << 20);

    let files = limited("many-files", StepLimits { written_files: 50, ..StepLimits::default() });
    assert_eq!(files, "E-LIMIT-WRITTEN-FILES written files: 50");
}
