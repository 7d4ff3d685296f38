//! Plain `wasi:cli` programs.

use std::fs;

use sealock_contract::seam::Outcome;
use sealock_sandbox::{ProgramKind, StepCall};
use tempfile::TempDir;

use crate::rig::{FakeDesk, open, program, run, text};

fn call(argument: &str, folder: &TempDir) -> StepCall {
    for name in ["out", "tmp"] {
        fs::create_dir_all(folder.path().join(name)).expect("a folder");
    }
    StepCall {
        args: vec!["program".to_owned(), argument.to_owned()],
        env: vec![("INPUT_GREETING".to_owned(), "hello".to_owned())],
        step_out: Some(open(&folder.path().join("out"))),
        tmp: Some(open(&folder.path().join("tmp"))),
        ..StepCall::default()
    }
}

#[test]
fn arguments_and_environment_go_in_and_what_it_prints_is_only_log() {
    assert_eq!(program("guest-program").kind(), ProgramKind::Command);
    let (folder, desk) = (TempDir::new().expect("a folder"), FakeDesk::closed());
    assert_eq!(run("guest-program", call("outputs", &folder), &desk), Outcome::Success);
    let lines =
        ["arguments: outputs", "greeting: hello", "other variables: ", "::set-output name=stolen::yes", "no line end"];
    assert_eq!(desk.lines(), lines);
    assert_eq!(desk.output("answer"), Some(text("42")), "files in /step/out are outputs");
    assert_eq!(desk.output("stolen"), None);
    assert!(folder.path().join("tmp/scratch").is_file());
}

#[test]
fn its_exit_code_is_the_outcome() {
    let (folder, desk) = (TempDir::new().expect("a folder"), FakeDesk::closed());
    assert_eq!(run("guest-program", call("fail", &folder), &desk), Outcome::Failed("exit code 1".to_owned()));
}

#[test]
fn it_sees_no_workspace_that_was_not_given() {
    let (folder, desk) = (TempDir::new().expect("a folder"), FakeDesk::closed());
    assert_eq!(run("guest-program", call("workspace", &folder), &desk), Outcome::Success);
    assert_eq!(desk.lines().last().map(String::as_str), Some("no line end"));
    assert!(desk.lines().contains(&"workspace: false".to_owned()));
}

#[test]
fn odd_files_in_the_output_folder_fail_the_step() {
    let code = |make: &dyn Fn(&std::path::Path), argument: &str| {
        let folder = TempDir::new().expect("a folder");
        let call = call(argument, &folder);
        make(&folder.path().join("out"));
        match run("guest-program", call, &FakeDesk::closed()) {
            Outcome::Error(error) => error.code,
            other => panic!("{other:?}"),
        }
    };
    let link = |out: &std::path::Path| std::os::unix::fs::symlink("/etc/passwd", out.join("x")).expect("a link");
    let folder = |out: &std::path::Path| fs::create_dir(out.join("x")).expect("a folder");
    let binary = |out: &std::path::Path| fs::write(out.join("x"), [0xff]).expect("a file");
    assert_eq!(code(&link, ""), "E-OUTPUT-FILE");
    assert_eq!(code(&folder, ""), "E-OUTPUT-FILE");
    assert_eq!(code(&binary, ""), "E-OUTPUT-FILE");
    assert_eq!(code(&|_| (), "bad-output"), "E-OUTPUT-NAME");
}
