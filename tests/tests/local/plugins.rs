//! The plugin author's way: a project is made, built, and tested, and a pipeline uses what came of it.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use e2e::program::ask;
use serde_json::Value;

use super::guests::guest;
use super::support::{Scene, text};

/// From `plugin new` to a passing test, with the crates already fetched. Three times what is promised: other tests
/// have the cores meanwhile.
const AUTHOR_PATIENCE: Duration = Duration::from_mins(3);

/// A repository with a pipeline that uses the plugin `line-gate` of its own.
fn repository() -> Scene {
    let scene = Scene::new(
        "name: x\nstages:\n  only: { steps: [{ uses: ./line-gate, with: { file: notes.txt, minimum: 2 } }] }\n",
    );
    scene.write("notes.txt", "one\ntwo\n");
    scene
}

/// `sealock plugin WORDS`, for as long as it takes: exit code, standard output, standard error.
fn plugin(scene: &Scene, words: &[&str]) -> (i32, String, String) {
    let mut command = scene.command(&[&["plugin"], words].concat());
    command.env("CARGO_NET_OFFLINE", "true").env_remove("CARGO_TARGET_DIR");
    let output = command.output().expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("what is printed is UTF-8");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn a_new_rust_project_builds_without_a_network_and_its_tests_pass() {
    let scene = repository();
    let started = Instant::now();
    for words in [["new", "line-gate"], ["build", "line-gate"], ["test", "line-gate"]] {
        let (code, out, err) = plugin(&scene, &words);
        assert_eq!(code, 0, "{words:?}\n{out}\n{err}");
    }
    let took = started.elapsed();
    println!("plugin new to a passing test: {took:?}");
    assert!(took < AUTHOR_PATIENCE, "{took:?}");

    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--offline", "--target-dir", "target"]).current_dir(scene.repo().join("line-gate"));
    let own = ask(&mut cargo);
    assert!(own.good && own.out.contains("3 passed"), "{}\n{}", own.out, own.err);

    scene.commit();
    let told = scene.run(&[]);
    told.exits(0);
    assert_eq!(told.of("output")[0]["value"], 2, "{}", told.stdout);
}

/// A project without a toolchain: the component is a guest of ours.
fn project(scene: &Scene, folder: &str, component: &[u8], manifest: &str) {
    let build = "[build]\ncommand = [\"true\"]\ncomponent = \"made.wasm\"\nneeds = \"a miracle\"\n";
    scene.write(&format!("{folder}/plugin.toml"), format!("{manifest}\n{build}"));
    scene.write(&format!("{folder}/made.wasm"), component);
}

const PROGRAM: &str = "name = \"program\"\nversion = \"0.1.0\"\nworld = \"wasi:cli/command@0.2.0\"\n";

#[test]
fn the_toolchains_own_command_is_shown_and_what_goes_wrong_is_said_once() {
    let scene = repository();
    let broken = |command: &str, component: &str| {
        let build = format!("[build]\ncommand = {command}\ncomponent = \"{component}\"\nneeds = \"a miracle\"\n");
        scene.write("x/plugin.toml", format!("{PROGRAM}{build}"));
        plugin(&scene, &["build", "x"])
    };
    let cases = [
        ("[\"no-such-compiler\", \"a b\"]", "x", 1, "E-PLUGIN-BUILD", "a miracle"),
        ("[\"false\"]", "x", 1, "E-PLUGIN-BUILD", "$ false"),
        ("[\"true\"]", "not-there.wasm", 1, "E-PLUGIN-BUILD", "not-there.wasm"),
        ("[]", "x", 2, "E-PLUGIN-PROJECT", "empty"),
    ];
    for (command, component, exit, code, word) in cases {
        let (found, _, err) = broken(command, component);
        assert_eq!(found, exit, "{command}: {err}");
        assert!(err.contains(code) && err.contains(word), "{command}: {err}");
    }
    let (_, _, err) = broken("[\"no-such-compiler\", \"a b\"]", "x");
    assert!(err.contains("$ no-such-compiler 'a b'"), "{err}");
    assert!(!scene.repo().join("x/program.wasm").exists());
}

#[test]
fn a_folder_that_is_no_project_and_a_name_that_is_none_are_refused() {
    let scene = repository();
    scene.write("full/a", "");
    for (words, code) in [
        (&["build", "."][..], "E-PLUGIN-PROJECT"),
        (&["test", "."], "E-PLUGIN-PROJECT"),
        (&["new", "Line"], "E-PLUGIN-PROJECT"),
        (&["new", "full"], "E-PLUGIN-PROJECT"),
        (&["new", "../up"], "E-PLUGIN-PROJECT"),
    ] {
        let (exit, _, err) = plugin(&scene, words);
        assert_eq!(exit, 2, "{words:?}: {err}");
        assert_eq!(err.matches("error[").count(), 1, "{words:?}: {err}");
        assert!(err.contains(code), "{words:?}: {err}");
    }
}

#[test]
fn a_scenario_that_ends_otherwise_says_how_and_fails() {
    let scene = repository();
    fs::create_dir_all(scene.repo().join("g/scenarios/greets/workspace")).expect("the repository is ours");
    scene.write("g/p.wasm", fs::read(guest("guest_polite.wasm")).expect("it is built"));
    scene.write(
        "g/scenarios/greets/scenario.toml",
        "[with]\ngreeting = \"hello\"\nnames = [\"Ada\"]\n[expect]\noutcome = \"failure\"\nlog = [\"hello, Bob\"]\n",
    );
    let (exit, out, _) = plugin(&scene, &["test", "g", "--component", "g/p.wasm"]);
    assert_eq!(exit, 1, "{out}");
    for line in ["FAIL  greets", "the outcome: expected failure, found success", "no line of the log has `hello, Bob`"] {
        assert!(out.contains(line), "no `{line}` in {out}");
    }
    let (_, out, _) = plugin(&scene, &["test", "g", "--component", "g/p.wasm", "--format", "json"]);
    let json: Value = serde_json::from_str(&out).expect("one object");
    assert_eq!(json["scenarios"][0]["passed"], false);

    scene.write("g/scenarios/greets/scenario.toml", "[expect]\noutcome = \"won\"\n");
    let (exit, _, err) = plugin(&scene, &["test", "g", "--component", "g/p.wasm"]);
    assert_eq!(exit, 2);
    assert!(err.contains("E-PLUGIN-SCENARIO") && err.contains("won"), "{err}");
}

#[test]
fn a_manifest_is_put_into_a_component_that_brings_none() {
    let scene = repository();
    let program = fs::read(guest("guest-program.wasm")).expect("it is built");
    project(&scene, "p", &program, PROGRAM);
    let (exit, out, err) = plugin(&scene, &["build", "p"]);
    assert_eq!(exit, 0, "{err}");
    assert!(out.contains("p/program.wasm") && out.contains("sha256:"), "{out}");
    let built = fs::read(scene.repo().join("p/program.wasm")).expect("it was built");
    assert!(built.starts_with(&program) && built.len() > program.len());
    assert!(text(&Value::from(String::from_utf8_lossy(&built[program.len()..]).into_owned())).contains("sealock:manifest"));
}
