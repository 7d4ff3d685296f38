//! The plugin author's way: a project is made, built, and tested, and a pipeline uses what came of it.

use std::fs;
use std::process::Command;

use e2e::program::ask;
use e2e::rig::build_folder;
use serde_json::Value;

use super::guests::guest;
use super::registries::support::replaced;
use super::support::{Scene, finish, processes_with, signal, text, until};

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
    for words in [["new", "line-gate"], ["build", "line-gate"], ["test", "line-gate"]] {
        let (code, out, err) = plugin(&scene, &words);
        assert_eq!(code, 0, "{words:?}\n{out}\n{err}");
    }

    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--offline", "--target-dir"]).arg(build_folder().join("new-plugin"));
    cargo.current_dir(scene.repo().join("line-gate"));
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
    for line in ["FAIL  greets", "the outcome: expected failure, found success", "no line of the log has `hello, Bob`"]
    {
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

/// A scenario of the kept step, which tells its count to a server.
fn telling(scene: &Scene, name: &str, rest: &str) {
    scene.write(&format!("p/scenarios/{name}/workspace/notes.txt"), "one\ntwo\n");
    let with = "[with]\nfile = \"notes.txt\"\ntell = \"https://hooks.example.com/lines\"\n[allow]\nnetwork = [\"hooks.example.com:443\"]\n";
    scene.write(&format!("p/scenarios/{name}/scenario.toml"), format!("{with}{rest}"));
}

#[test]
fn a_scenario_answers_for_the_servers_and_reaches_no_network() {
    let scene = repository();
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/interface/0.1.0/step.wasm");
    scene.write("p/step.wasm", fs::read(kept).expect("it is kept"));
    let post = "[[http]]\nmethod = \"POST\"\nurl = \"https://HOOKS.example.com:443/lines\"\n";
    let made = "[[expect.requests]]\nmethod = \"POST\"\nurl = \"https://hooks.example.com/lines\"\n";
    let good = "[expect]\noutcome = \"success\"\n";
    telling(&scene, "answered", &format!("{post}status = 202\n{good}log = [\"202\"]\n{made}"));
    telling(&scene, "silent", &format!("{post}fails = \"timeout\"\n{good}log = [\"does not answer\"]\n{made}"));
    telling(&scene, "unexpected", &format!("[[http]]\nurl = \"https://hooks.example.com/lines\"\n{good}"));
    telling(&scene, "unfounded", &format!("{post}{good}{made}body = \"3\"\n{made}"));
    telling(&scene, "without", &format!("{good}denials = [\"E-SCENARIO-REQUEST\"]\nlog = [\"not told\"]\n"));

    let (exit, out, err) = plugin(&scene, &["test", "p", "--component", "p/step.wasm"]);
    assert_eq!(exit, 1, "{out}{err}");
    for line in [
        "pass  answered",
        "pass  silent",
        "FAIL  unexpected",
        "the denials: expected [], found [\"E-SCENARIO-REQUEST\"]",
        "| the scenario has no answer for POST https://hooks.example.com/lines",
        "|   [[http]]",
        "FAIL  unfounded",
        "the requests: expected [\"POST https://hooks.example.com/lines\",\"POST https://hooks.example.com/lines\"]",
        "pass  without",
        "5 scenarios, 2 failed",
    ] {
        assert!(out.contains(line), "no `{line}` in {out}");
    }

    for (table, word) in [
        ("[[http]]\nurl = \"ftp://x/\"\n", "ftp://x/"),
        ("[[http]]\nurl = \"http://x/\"\nstatus = 1000\n", "1000"),
        ("[[http]]\nurl = \"http://x/\"\nbody_file = \"x\"\n", "body_file"),
    ] {
        telling(&scene, "answered", &format!("{table}{good}"));
        let (exit, _, err) = plugin(&scene, &["test", "p", "--component", "p/step.wasm", "--scenario", "answered"]);
        assert_eq!(exit, 2, "{err}");
        assert!(err.contains("E-PLUGIN-SCENARIO") && err.contains(word), "{err}");
    }
}

#[test]
fn a_scenario_looks_at_the_files_that_a_step_left() {
    let scene = repository();
    scene.write("g/p.wasm", fs::read(guest("guest_hostile.wasm")).expect("it is built"));
    let scenario = |name: &str, rest: &str| {
        let given = "[with]\nattack = \"write\"\nat = \"out/new.txt\"\n[allow]\nfiles.write = [\"out/**\"]\n";
        scene.write(&format!("g/scenarios/{name}/workspace/out/kept.txt"), "one\ntwo\n");
        scene.write(
            &format!("g/scenarios/{name}/scenario.toml"),
            format!("{given}[expect]\noutcome = \"success\"\n{rest}"),
        );
    };
    let file = |path: &str, rest: &str| format!("[[expect.files]]\npath = \"out/{path}\"\n{rest}\n");
    let good = [
        file("new.txt", "content = \"written\""),
        file("new.txt", "contains = [\"writ\", \"ten\"]"),
        file("kept.txt", "content = \"one\\ntwo\\n\""),
        file("no.txt", "absent = true"),
    ];
    let bad = [
        file("new.txt", "content = \"kept\""),
        file("new.txt", "absent = true"),
        file("no.txt", "contains = [\"x\"]"),
        file("kept.txt", "content = \"one\\ntoo\\n\""),
    ];
    scenario("good", &good.concat());
    scenario("bad", &bad.concat());
    let (exit, out, err) = plugin(&scene, &["test", "g", "--component", "g/p.wasm"]);
    assert_eq!(exit, 1, "{out}{err}");
    for line in [
        "pass  good",
        "FAIL  bad",
        "scenario.toml:8: the file out/new.txt, line 1: expected \"kept\", found \"written\"",
        "scenario.toml:11: the file out/new.txt: expected no such file, found \"written\"",
        "scenario.toml:14: the file out/no.txt: expected a part \"x\", found no such file",
        "scenario.toml:17: the file out/kept.txt, line 2: expected \"too\\n\", found \"two\\n\"",
    ] {
        assert!(out.contains(line), "no `{line}` in {out}");
    }

    scenario("bad", "[[expect.files]]\npath = \"../../notes.txt\"\n");
    let (exit, _, err) = plugin(&scene, &["test", "g", "--component", "g/p.wasm"]);
    assert_eq!(exit, 2, "{err}");
    assert!(err.contains("E-PLUGIN-SCENARIO") && err.contains("../../notes.txt"), "{err}");
}

#[test]
fn a_scenario_looks_at_how_far_a_step_said_that_it_was() {
    let scene = repository();
    scene.write("g/p.wasm", fs::read(guest("guest_polite.wasm")).expect("it is built"));
    let scenario = |name: &str, progress: &str| {
        let given = "[with]\ngreeting = \"hello\"\nnames = [\"Ada\"]\n[expect]\noutcome = \"success\"\n";
        scene.write(&format!("g/scenarios/{name}/scenario.toml"), format!("{given}{progress}"));
    };
    scenario("good", "[[expect.progress]]\ndone = 1\ntotal = 2\nmessage = \"hal\"\n");
    scenario("none", "progress = []\n");
    scenario("other", "[[expect.progress]]\ndone = 2\n");
    let (exit, out, err) = plugin(&scene, &["test", "g", "--component", "g/p.wasm"]);
    assert_eq!(exit, 1, "{out}{err}");
    for line in [
        "pass  good",
        "scenario.toml:6: the progress: expected 0 times, found [\"1 of 2: half\"]",
        "scenario.toml:6: progress 1: its done: expected 2, found 1",
    ] {
        assert!(out.contains(line), "no `{line}` in {out}");
    }
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
    assert!(
        text(&Value::from(String::from_utf8_lossy(&built[program.len()..]).into_owned())).contains("sealock:manifest")
    );
}

/// Abuse suite, 41 and 42.
#[test]
fn a_component_that_can_be_no_step_is_one_clear_error() {
    let scene = repository();
    let whole = fs::read(guest("guest_polite.wasm")).expect("it is built");
    let hermetic = "{\"name\":\"x\",\"version\":\"1.0.0\",\"world\":\"sealock:step/hermetic-step@0.1.0\",\"requests\":[{\"capability\":\"network\"}]}";
    scene.write("core.wasm", b"\0asm\x01\0\0\0");
    scene.write("env.wasm", b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x09\x01\x03env\x01f\0\0");
    scene.write("cut.wasm", &whole[..whole.len() / 2]);
    scene.write("text.wasm", "no wasm at all");
    scene.write("empty.wasm", "");
    scene.write("two-manifests.wasm", [whole.clone(), section(hermetic)].concat());
    scene.write("version.wasm", replaced(&whole, b"sealock:step/inputs@0.1.0", b"sealock:step/inputs@0.9.0"));
    scene.write("unknown.wasm", replaced(&whole, b"sealock:step/inputs@0.1.0", b"sealock:step/wizard@0.1.0"));
    scene.write("bomb.wasm", [whole.clone(), section(&" ".repeat(300 << 10))].concat());
    scene.write("asks.wasm", [fs::read(guest("guest-program.wasm")).expect("it is built"), section(hermetic)].concat());
    let large = fs::File::create(scene.repo().join("large.wasm")).expect("the repository is ours");
    large.set_len(500 << 20).expect("a sparse file");
    for (file, word) in [
        ("core.wasm", "exports neither"),
        ("env.wasm", "imports `env`"),
        ("cut.wasm", "not a valid component"),
        ("text.wasm", "it is no WebAssembly"),
        ("empty.wasm", "it is no WebAssembly"),
        ("two-manifests.wasm", "there are two"),
        ("asks.wasm", "its manifest"),
        ("version.wasm", "it was made for `sealock:step/inputs@0.9.0`"),
        ("unknown.wasm", "it imports `sealock:step/wizard@0.1.0`, which no step is given"),
        ("bomb.wasm", "its manifest"),
        ("large.wasm", "67108864 are the most"),
    ] {
        let (exit, out, err) = plugin(&scene, &["inspect", file]);
        assert_eq!((exit, out.as_str()), (2, ""), "{file}: {err}");
        assert_eq!(err.matches("error[E-PLUGIN-FORMAT]").count(), 1, "{file}: {err}");
        assert!(err.contains(word), "{file}: {err}");

        scene.write("pipelines/main.yml", format!("name: x\nstages: {{ a: {{ steps: [{{ uses: ./{file} }}] }} }}\n"));
        let told = scene.call(&["run"]);
        told.exits(2).says("E-PLUGIN-FORMAT").says(word);
    }
    let (exit, _, err) = plugin(&scene, &["inspect", "./not-there.wasm"]);
    assert!(exit == 2 && err.contains("E-FILE-READ"), "{err}");
}

/// A custom section with a manifest.
fn section(json: &str) -> Vec<u8> {
    let name = b"\x10sealock:manifest";
    let length = name.len() + json.len();
    let size = [
        u8::try_from(length & 0x7f | 0x80).expect("a byte"),
        u8::try_from(length >> 7 & 0x7f | 0x80).expect("a byte"),
        u8::try_from(length >> 14).expect("a byte"),
    ];
    [&[0][..], &size, name, json.as_bytes()].concat()
}

#[test]
fn what_is_imported_requested_and_granted_stands_side_by_side() {
    let scene = Scene::new(
        "name: x\nstages:\n  a: { steps: [{ uses: ./g/hostile.wasm, with: { attack: exec }, allow: { network: [\"example.com:443\"] } }] }\n",
    );
    scene.write("g/hostile.wasm", fs::read(guest("guest_hostile.wasm")).expect("it is built"));
    let (exit, out, err) = plugin(&scene, &["inspect", "g/hostile.wasm", "--pipeline", "main", "--format", "json"]);
    assert_eq!(exit, 0, "{err}");
    let json: Value = serde_json::from_str(&out).expect("one object");
    assert_eq!(json["kind"], "step");
    assert_eq!(json["manifest"]["name"], "hostile");
    let network = json["capabilities"].as_array().expect("a list").iter().find(|own| own["capability"] == "network");
    assert_eq!(network.expect("network is one")["imported"], true);
    assert_eq!(json["grants"][0]["stage"], "a");

    let (_, out, _) = plugin(&scene, &["inspect", "g/hostile.wasm", "--pipeline", "main"]);
    assert!(out.contains("granted\n  a / "), "{out}");
    let (_, out, _) = plugin(&scene, &["inspect", "g/hostile.wasm"]);
    assert!(!out.contains("granted\n") && out.contains("  network           yes       no"), "{out}");
}

#[test]
fn a_plain_program_with_a_manifest_has_typed_inputs_and_outputs() {
    let scene = Scene::new(
        "name: x\nstages:\n  only: { steps: [{ id: p, uses: ./p/program.wasm, with: { args: [outputs], greeting: hello } }] }\n",
    );
    let manifest = format!(
        "{PROGRAM}[inputs.args]\ntype = \"list\"\n[inputs.greeting]\ntype = \"string\"\n[outputs.answer]\ntype = \"integer\"\n[outputs.second]\ntype = \"string\"\n"
    );
    project(&scene, "p", &fs::read(guest("guest-program.wasm")).expect("it is built"), &manifest);
    let (exit, _, err) = plugin(&scene, &["build", "p"]);
    assert_eq!(exit, 0, "{err}");
    let told = scene.run(&[]);
    told.exits(0);
    let answer = told.of("output").into_iter().find(|event| event["name"] == "answer").expect("an output");
    assert_eq!(answer["value"], 42, "{}", told.stdout);
    assert!(told.log("only").contains(&"greeting: hello".to_owned()), "{}", told.stdout);
}

#[test]
fn a_step_that_was_built_against_0_1_0_does_all_that_it_did() {
    let scene = Scene::new(
        "name: x\nstages:\n  only: { steps: [{ uses: ./old.wasm, with: { file: notes.txt, minimum: 3, tell: \"https://example.com/\" } }] }\n",
    );
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/interface/0.1.0/step.wasm");
    scene.write("old.wasm", fs::read(kept).expect("it is kept"));
    scene.write("notes.txt", "one\ntwo\n");
    let told = scene.run(&[]);
    told.exits(1);
    assert_eq!(told.of("output")[0]["value"], 2, "{}", told.stdout);
    assert_eq!(told.of("denied")[0]["code"], "E-GRANT-NETWORK", "{}", told.stdout);
    assert_eq!(told.of("annotation")[0]["line"], 1, "{}", told.stdout);
    assert!(text(&told.of("step-finished")[0]["cause"]["message"]).contains("found 2 lines"), "{}", told.stdout);
}

#[test]
fn what_is_wrong_with_a_manifest_is_told_with_its_line_before_anything_is_built() {
    let scene = repository();
    let project = |manifest: &str| {
        let build = "[build]\ncommand = [\"false\"]\ncomponent = \"made.wasm\"\n";
        scene.write("flawed/plugin.toml", format!("name = \"flawed\"\nworld = \"w\"\n{manifest}\n{build}"));
        let (code, out, err) = plugin(&scene, &["build", "flawed"]);
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(!err.contains("$ false"), "{err}");
        err
    };
    let told = project(
        "version = \"one\"\n[inputs]\nn = { type = \"integer\", default = \"x\" }\n[[requests]]\ncapability = \"network\"\nmethods = [\"PSOT\"]",
    );
    for part in ["line 3: `version`", "line 5: the default of the input `n`", "line 8: request 1", "there is `POST`"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let told = project("version = \"1.0.0\"\n[inputs]\nn = { type = \"integre\" }");
    assert!(told.contains("line 5: ") && told.contains("integre"), "{told}");
}

#[test]
fn a_scenario_ends_with_the_test_that_waits_for_it_and_leaves_nothing() {
    let scene = repository();
    scene.write("g/p.wasm", fs::read(guest("guest_hostile.wasm")).expect("it is built"));
    scene.write("g/scenarios/loops/scenario.toml", "[with]\nattack = \"loop\"\n[expect]\noutcome = \"success\"\n");
    scene.write("g/scenarios/quick/scenario.toml", "[with]\nattack = \"trap\"\n[expect]\noutcome = \"failure\"\n");
    // What has to be compiled is compiled here, for as long as it takes.
    let (code, out, err) = plugin(&scene, &["test", "g", "--component", "g/p.wasm", "--scenario", "quick"]);
    assert_eq!(code, 0, "{out}{err}");
    let folder = scene.state().with_file_name("temporary");
    fs::create_dir(&folder).expect("the scratch folder is ours");
    let marker = format!("{}/", folder.display());
    let mut command = scene.command(&["plugin", "test", "g", "--component", "g/p.wasm", "--scenario", "loops"]);
    let child = command.env("TMPDIR", &folder).spawn().expect("it starts");
    until("the scenario to run", || !processes_with(&marker).is_empty());
    signal(child.id(), "TERM");
    finish(child).exits(130).says("loops: the scenario was stopped");
    until("its run to be gone", || processes_with(&marker).is_empty());
    assert_eq!(fs::read_dir(&folder).expect("it is ours").count(), 0, "something was left");
}
