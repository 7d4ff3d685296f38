//! `sealock check` and `plan`: every problem of a file at once, each at its place, and nothing started.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use super::support::{Scene, finish, script, text};

/// Each line with a mistake ends in `#!` and its code.
const TWELVE: &str = r#"
name: twelve
permisions: {}                                              #! E-KEY-UNKNOWN
secrets: [KEY]
stages:
  one:
    timeout: 5                                              #! E-CFG-RANGE
    steps:
      - run: echo ${{ github.ref }}                         #! E-EXPR-IN-SCRIPT
      - { run: "true", if: "${{ nope.x }}" }                #! E-EXPR-CONTEXT
      - { run: "true", env: { A: "${{ format( }}" } }       #! E-EXPR-SYNTAX
      - { run: "true", env: { A: "${{ toJSON(secrets) }}" } } #! E-EXPR-SECRET-DYNAMIC
  two:
    needs: thre                                             #! E-STAGE-UNKNOWN
    steps:
      - { run: "true", allow: { network: ["example.org"] } } #! E-ALLOW-NETWORK
      - { run: "true", allow: { secrets: [OTHER] } }        #! E-SECRET-UNDECLARED
  "bad id":                                                 #! E-ID
    steps: [{ run: "true" }]
  three:
    matrix: { v: [] }                                       #! E-EMPTY
    steps: [{ run: "true" }]
  four: { needs: four, steps: [{ run: "true" }] }           #! E-STAGE-CYCLE
"#;

fn marked(text: &str) -> Vec<(u64, String)> {
    let marked = (1_u64..).zip(text.lines());
    marked.filter_map(|(number, line)| Some((number, line.split_once("#! ")?.1.to_owned()))).collect()
}

fn diagnostics(of: &Value) -> Vec<Value> {
    of["diagnostics"].as_array().expect("the object has its list").clone()
}

#[test]
fn twelve_mistakes_are_twelve_diagnostics_each_at_its_line() {
    let scene = Scene::without_git(TWELVE);
    let told = scene.call(&["check", "--format", "json", "pipelines/main.yml"]);
    told.exits(2);
    let mut found = Vec::new();
    for one in diagnostics(&told.json()) {
        assert_eq!(one["severity"], "error");
        assert_eq!(one["file"], "pipelines/main.yml");
        assert!(one["column"].as_u64().is_some_and(|column| column > 0), "{one}");
        found.push((one["line"].as_u64().expect("it has a line"), text(&one["code"])));
    }
    found.sort();
    assert_eq!(found, marked(TWELVE));
    assert_eq!(found.len(), 12);
    assert!(!scene.state().join("runs").exists(), "checking keeps no run");
}

#[test]
fn a_file_that_cannot_be_read_still_gives_the_object() {
    let scene = Scene::without_git(&script("true"));
    symlink("main.yml", scene.repo().join("pipelines/link.yml")).expect("the folder is ours");
    let made = Command::new("mkfifo").arg(scene.repo().join("pipelines/pipe.yml")).status();
    assert!(made.expect("mkfifo is there").success());
    symlink("/dev/zero", scene.repo().join("pipelines/zero.yml")).expect("the folder is ours");
    for file in [
        "pipelines/absent.yml",
        "pipelines/link.yml",
        "pipelines/pipe.yml",
        "pipelines/zero.yml",
        "/dev/zero",
        "pipelines",
    ] {
        let told = scene.call(&["check", "--format", "json", file]);
        told.exits(2);
        let all = diagnostics(&told.json());
        assert_eq!(all.len(), 1, "{file}");
        assert!(all[0]["line"].is_null() && all[0]["column"].is_null(), "{file}: {}", all[0]);
        let run = scene.call(&["run", "--format", "jsonl", file]);
        run.exits(2);
        assert!(run.of("run-started").is_empty(), "{file}");
    }
}

#[test]
fn hostile_yaml_is_one_named_error() {
    let laughs = (1..10).fold("a0: &a0 [x]\n".to_owned(), |mut all, level| {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(all, "a{level}: &a{level} [{aliases}]").expect("a text takes text");
        all
    });
    let mark = "name: x\n\u{feff}stages: {}\n".to_owned();
    let cases: [(Vec<u8>, &str); 7] = [
        (laughs.into_bytes(), "E-YAML-ALIAS-BUDGET"),
        ([b"name: ".to_vec(), vec![b'['; 10_000]].concat(), "E-YAML-DEPTH"),
        (b"name: a\nname: b\n".to_vec(), "E-YAML-DUPLICATE-KEY"),
        (b"name: !include /etc/passwd\n".to_vec(), "E-YAML-TAG"),
        (b"name: \xff\xfe\n".to_vec(), "E-YAML-ENCODING"),
        (mark.into_bytes(), "E-YAML-ENCODING"),
        (vec![b'x'; 2 << 20], "E-YAML-SIZE"),
    ];
    for (bytes, code) in cases {
        let scene = Scene::without_git("");
        scene.write("pipelines/main.yml", bytes);
        let start = Instant::now();
        let told = scene.call(&["check", "--format", "json", "pipelines/main.yml"]);
        told.exits(2);
        let all = diagnostics(&told.json());
        assert!(all.iter().any(|one| one["code"] == code), "{code}: {all:?}");
        assert!(start.elapsed().as_secs() < 3, "{code}: {:?}", start.elapsed());
    }
}

#[test]
fn a_thousand_stages_are_checked_and_planned() {
    let mut pipeline = "name: many\nstages:\n  s0: { steps: [{ run: \"true\" }] }\n".to_owned();
    for number in 1..1_000 {
        writeln!(pipeline, "  s{number}: {{ needs: s{}, steps: [{{ run: \"true\" }}] }}", number / 2)
            .expect("a text takes text");
    }
    let scene = Scene::new(&pipeline);
    scene.call(&["check"]).exits(0);
    let told = scene.call(&["plan", "--format", "json"]);
    told.exits(0);
    assert_eq!(told.json()["stages"].as_array().map(Vec::len), Some(1_000), "{:.400}", told.stdout);
}

#[test]
fn what_is_not_built_yet_exits_2_with_nothing_started() {
    let stage = |keys: &str| format!("name: later\nstages:\n  first: {{ steps: [{{ run: \"true\" }}] }}\n{keys}");
    let production = "environments:\n  p:\n    targets: { w: { ssh: \"a@127.0.0.1\", host-key: \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\", agent: true } }\n";
    let deploy =
        "  d: { environment: p, steps: [{ uses: compose-deploy, with: { file: c.yml, strategy: blue-green } }] }\n";
    let cases = [
        stage(&format!(
            "  d: {{ environment: p, steps: [{{ uses: remote-script, with: {{ script: \"true\" }} }}] }}\n{production}    approvals: 1\n"
        )),
        stage(&format!("{deploy}{production}")),
        stage("  x: { steps: [{ uses: \"ghcr.io/acme/step:1.2\" }] }\n"),
    ];
    for pipeline in cases {
        let scene = Scene::new(&pipeline);
        let told = scene.run(&[]);
        told.exits(2).says("E-NOT-YET");
        assert!(told.of("step-started").is_empty(), "{}", told.stdout);
    }
}

#[test]
fn network_for_a_script_is_refused_unless_asked_for_in_the_open() {
    let scene = Scene::new(
        "name: net\nstages:\n  only: { steps: [{ run: echo ran, allow: { network: [\"packages.example.com:443\"] } }] }\n",
    );
    let told = scene.run(&[]);
    told.exits(3).says("E-NETWORK-UNCONFINED").says("--unconfined-network");
    assert!(told.of("step-started").is_empty(), "{}", told.stdout);
    let told = scene.run(&["--unconfined-network"]);
    told.exits(0);
    assert_eq!(told.log("only"), ["ran"]);
}

#[test]
fn a_url_that_comes_late_needs_its_grant_written() {
    let scene = Scene::new(
        r#"
name: late
stages:
  only:
    steps:
      - { id: a, run: 'echo u=http://127.0.0.1:9/ >> "$GITHUB_OUTPUT"' }
      - { uses: smoke-test, with: { url: "${{ steps.a.outputs.u }}" } }
"#,
    );
    let told = scene.run(&[]);
    assert!(matches!(told.code, Some(2 | 3)), "{:?} {}", told.code, told.stdout);
    told.says("E-GRANT-LATE").says("allow");
    assert!(told.of("step-started").is_empty(), "{}", told.stdout);
}

#[test]
fn every_code_that_is_shown_is_explained() {
    let scene = Scene::new(&script("exit 1"));
    for code in [
        "E-STEP-FAILED",
        "E-HANDOVER-NAME",
        "E-STAGE-TIMEOUT",
        "E-SECRET-MISSING",
        "E-NETWORK-UNCONFINED",
        "E-GRANT-LATE",
    ] {
        scene.call(&["explain", code]).exits(0).says(code);
    }
    scene.call(&["explain", "E-NO-SUCH-CODE"]).exits(2);
    scene.call(&["run", "nope"]).exits(2).says("E-PIPELINE-UNKNOWN");
    let unknown = scene.command(&["run", "--no-such-flag"]).spawn().expect("it starts");
    finish(unknown).exits(2);
}
