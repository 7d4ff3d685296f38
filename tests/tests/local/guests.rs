//! Components that a repository brings along: their limits, and that the next stage still runs.

use std::fs;

pub(crate) use e2e::guest;
use serde_json::Value;

use super::support::{Scene, Told, text};

/// Runs the hostile guest, and a stage after it that has to run.
fn attack(with: &str, keys: &str) -> Told {
    let scene = Scene::new(&format!(
        "name: guests\nstages:\n  bad: {{ steps: [{{ uses: ./guests/x.wasm, with: {{ {with} }}{keys} }}] }}\n  after: {{ needs: bad, if: always(), steps: [{{ run: echo still here }}] }}\n"
    ));
    scene.write("guests/x.wasm", fs::read(guest("guest_hostile.wasm")).expect("it is built"));
    scene.commit();
    let told = scene.run(&[]);
    assert_eq!(told.log("after"), ["still here"], "{}\n{}", told.stdout, told.stderr);
    told
}

#[test]
fn each_limit_is_named_and_the_next_stage_runs() {
    let cases = [
        ("attack: loop", ", timeout: 1s", 4, "E-PLUGIN-TIMEOUT"),
        ("attack: storm", ", timeout: 1s", 4, "E-PLUGIN-TIMEOUT"),
        ("attack: thread-sleep", ", timeout: 1s", 4, "E-PLUGIN-TIMEOUT"),
        ("attack: memory", "", 4, "E-LIMIT-MEMORY"),
        ("attack: handles", "", 4, "E-LIMIT-HANDLES"),
        ("attack: stack", "", 4, "E-LIMIT-STACK"),
        ("attack: output-huge", "", 4, "E-LIMIT-OUTPUTS"),
        ("attack: trap", "", 1, "E-PLUGIN-TRAP"),
        ("attack: output-type", "", 1, "E-OUTPUT-TYPE"),
        ("attack: http, at: \"http://127.0.0.1:9/\"", "", 1, ""),
    ];
    for (with, keys, exit, code) in cases {
        let told = attack(with, keys);
        if code.is_empty() {
            assert!(
                told.of("denied").iter().any(|event| event["code"] == "E-GRANT-NETWORK"),
                "{with}: {}",
                told.stdout
            );
            continue;
        }
        assert_eq!(told.cause(), code, "{with}: {}", told.stdout);
        told.exits(exit);
    }
}

#[test]
fn what_is_no_component_is_found_before_anything_starts() {
    let core = b"\0asm\x01\0\0\0";
    let component = b"\0asm\x0d\0\x01\0";
    for bytes in [core.as_slice(), b"no wasm at all", b"", &component[..5]] {
        let scene = Scene::new(
            "name: x\nstages:\n  first: { steps: [{ run: \"true\" }] }\n  bad: { steps: [{ uses: ./x.wasm }] }\n",
        );
        scene.write("x.wasm", bytes);
        scene.commit();
        let told = scene.run(&[]);
        told.exits(2).says("E-PLUGIN-FORMAT");
        assert!(told.of("step-started").is_empty(), "{}", told.stdout);
    }
}

/// A stage of one step: the plain program, with this `with:`.
fn program(with: &str) -> (Scene, Told) {
    let scene = Scene::new(&format!(
        r#"
name: program
stages:
  only:
    outputs: {{ answer: "${{{{ steps.p.outputs.answer }}}}" }}
    steps:
      - {{ id: p, uses: ./guests/p.wasm, with: {{ {with} }} }}
"#
    ));
    scene.write("guests/p.wasm", fs::read(guest("guest-program.wasm")).expect("it is built"));
    scene.commit();
    let told = scene.run(&[]);
    (scene, told)
}

#[test]
fn a_plain_program_is_a_step() {
    let (_scene, told) = program("args: [outputs, \"two words\"], greeting: hello, deep: [1, {a: b}]");
    told.exits(0);
    let log = told.log("only");
    for line in ["arguments: outputs two words", "greeting: hello", "::set-output name=stolen::yes", "no line end"] {
        assert!(log.iter().any(|own| own == line), "no `{line}` in {log:?}");
    }
    assert_eq!(told.of("stage-finished")[0]["outputs"]["answer"], "42");
    assert!(told.of("output").iter().all(|event| event["name"] != "stolen"), "{}", told.stdout);
    assert!(log.contains(&"other variables: ".to_owned()), "it sees variables that are no inputs: {log:?}");
}

#[test]
fn a_plain_program_fails_by_its_exit_code_and_sees_no_workspace() {
    let (_scene, told) = program("args: fail");
    told.exits(1);
    assert_eq!(told.cause(), "E-STEP-FAILED", "{}", told.stdout);
    let (_scene, told) = program("args: [bad-output]");
    told.exits(1);
    assert_ne!(told.cause(), "", "{}", told.stdout);
    let (_scene, told) = program("args: [workspace]");
    told.exits(0);
    assert!(told.log("only").contains(&"workspace: false".to_owned()), "{}", told.stdout);
}

#[test]
fn a_hermetic_step_finds_no_clock_no_chance_and_nothing_to_see() {
    let scene = Scene::new(
        r"
name: hermetic
stages:
  one: { steps: [{ id: p, uses: ./guests/p.wasm, with: { greeting: hello, names: [Ada], clock: true } }] }
  two: { needs: one, steps: [{ id: p, uses: ./guests/p.wasm, with: { greeting: hello, names: [Ada], clock: true } }] }
  file: { needs: one, steps: [{ id: p, uses: ./guests/p.wasm, with: { greeting: no, names: [], file: granted } }] }
",
    );
    scene.write("guests/p.wasm", fs::read(guest("guest_polite.wasm")).expect("it is built"));
    scene.write("granted", "from a file");
    scene.commit();
    let (first, later) = (scene.run(&[]), scene.run(&[]));
    first.exits(0);
    let gave = |told: &Told, stage: &str| -> Vec<Value> {
        let outputs = told.of("output").into_iter().filter(|event| event["stage"] == stage);
        outputs.map(|event| serde_json::json!([event["name"], event["value"]])).collect()
    };
    let one = gave(&first, "one");
    assert!(one.iter().any(|output| output[0] == "clock-readings"), "{}", first.stdout);
    // The same step in another stage, and in another run at another time.
    assert_eq!([gave(&first, "two"), gave(&later, "one")], [one.clone(), one]);
    assert!(gave(&first, "file").contains(&serde_json::json!(["said", "from a file"])), "{}", first.stdout);
}

#[test]
fn a_step_sees_the_files_that_it_was_granted_and_no_others() {
    let seen = |with: &str, keys: &str| {
        let told = attack(with, keys);
        told.exits(1);
        text(&told.of("step-finished")[0]["cause"]["message"])
    };
    let some = ", allow: { files: { read: [\"pipelines/**\"] } }";
    assert_eq!(seen("attack: list", some), "pipelines/main.yml");
    for (at, keys) in [("/etc/passwd", ""), ("../../etc/passwd", ""), ("guests/x.wasm", some)] {
        let message = seen(&format!("attack: read, at: {at}"), keys);
        assert!(!message.contains("read ") && !message.contains("root:"), "{at}: {message}");
    }
}
