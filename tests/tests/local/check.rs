//! `sealock check` and `plan`: every problem of a file at once, each at its place, and nothing started.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use super::support::{Scene, finish, script, text};

/// Each line with a mistake ends in `#!`, its code, and its column.
const TWELVE: &str = r#"
name: twelve
permisions: {}                                              #! E-KEY-UNKNOWN 1
secrets: [KEY]
stages:
  one:
    timeout: 5                                              #! E-CFG-RANGE 14
    steps:
      - run: echo ${{ github.ref }}                         #! E-EXPR-IN-SCRIPT 19
      - { run: "true", if: "${{ nope.x }}" }                #! E-EXPR-CONTEXT 33
      - { run: "true", env: { A: "${{ format( }}" } }       #! E-EXPR-SYNTAX 45
      - { run: "true", env: { A: "${{ toJSON(secrets) }}" } } #! E-EXPR-SECRET-DYNAMIC 46
  two:
    needs: thre                                             #! E-STAGE-UNKNOWN 12
    steps:
      - { run: "true", allow: { network: ["example.org"] } } #! E-ALLOW-NETWORK 43
      - { run: "true", allow: { secrets: [OTHER] } }        #! E-SECRET-UNDECLARED 43
  "bad id":                                                 #! E-ID 3
    steps: [{ run: "true" }]
  three:
    matrix: { v: [] }                                       #! E-EMPTY 18
    steps: [{ run: "true" }]
  four: { needs: four, steps: [{ run: "true" }] }           #! E-STAGE-CYCLE 18
"#;

/// Of every kind: YAML, keys, types, expressions, the graph, plugins, their inputs, and grants.
const OF_EVERY_KIND: &str = r#"
name: every-kind
permisions: {}                                              #! E-KEY-UNKNOWN 1
secrets: [KEY]
environments:
  production:
    targets:
      web1: { ssh: "deploy@${{ vars.WEB1 }}", host-key: "${{ vars.WEB1_KEY }}", key: KEY }
stages:
  one:
    timeout: 5m
    timeout: 6m                                             #! E-YAML-DUPLICATE-KEY 5
    steps:
      - run: echo ${{ github.ref }}                         #! E-EXPR-IN-SCRIPT 19
      - { run: "true", if: "${{ nope.x }}" }                #! E-EXPR-CONTEXT 33
      - { uses: smoke-tst, with: { url: "${{ secrets.KEE }}" } } #! E-PLUGIN-UNKNOWN 17 E-SECRET-UNDECLARED 46
  two:
    needs: three
    steps:
      - { id: a, run: "true" }
      - { uses: coverage-gate, with: { reprot: c.xml, report: c.xml } } #! E-INPUT-UNKNOWN 40
      - { uses: coverage-gate, with: { report: c.xml, minimum: lots } } #! E-INPUT-TYPE 64
      - { uses: coverage-gate }                             #! E-INPUT-MISSING 17
      - { uses: smoke-test, with: { url: "${{ steps.a.outputs.u }}" } } #! E-GRANT-LATE 42
  three:
    needs: two                                              #! E-STAGE-CYCLE 12
    steps: { run: "true" }                                  #! E-TYPE 12
  four:
    environment: production
    steps:
      - { uses: ./steps/absent.wasm }                       #! E-PLUGIN-UNKNOWN 17
"#;

fn marked(text: &str) -> Vec<(u64, u64, String)> {
    let mut found = Vec::new();
    for (number, line) in (1_u64..).zip(text.lines()) {
        let words: Vec<&str> = line.split_once("#! ").map_or("", |(_, marks)| marks).split(' ').collect();
        for mark in words.chunks_exact(2) {
            found.push((number, mark[1].parse().expect("a column"), mark[0].to_owned()));
        }
    }
    found
}

fn places(of: &Value) -> Vec<(u64, u64, String)> {
    let mut found = Vec::new();
    for one in diagnostics(of) {
        assert_eq!(one["severity"], "error", "{one}");
        assert_eq!(one["file"], "pipelines/main.yml");
        let number = |name: &str| one[name].as_u64().expect("it has a place");
        found.push((number("line"), number("column"), text(&one["code"])));
    }
    found.sort();
    found
}

fn diagnostics(of: &Value) -> Vec<Value> {
    of["diagnostics"].as_array().expect("the object has its list").clone()
}

#[test]
fn twelve_mistakes_are_twelve_diagnostics_each_at_its_place() {
    let scene = Scene::without_git(TWELVE);
    let told = scene.call(&["check", "--format", "json", "pipelines/main.yml"]);
    told.exits(2);
    assert_eq!(places(&told.json()), marked(TWELVE));
    assert_eq!(marked(TWELVE).len(), 12);
    assert!(!scene.state().join("runs").exists(), "checking keeps no run");
}

#[test]
fn mistakes_of_every_kind_are_told_together_and_nothing_that_follows_from_them() {
    let scene = Scene::without_git(OF_EVERY_KIND);
    let told = scene.call(&["check", "--format", "json", "pipelines/main.yml"]);
    told.exits(2);
    assert_eq!(places(&told.json()), marked(OF_EVERY_KIND), "{}", scene.call(&["check"]).stdout);
    assert!(marked(OF_EVERY_KIND).len() >= 12);
    for command in ["plan", "run"] {
        let told = scene.call(&[command]);
        told.exits(2);
        for (_, _, code) in marked(OF_EVERY_KIND) {
            told.says(&code);
        }
        // There the variables are missing, not only unknown.
        told.says("--var WEB1=…").says("--var WEB1_KEY=…");
    }
}

#[test]
fn an_unknown_plugin_is_told_together_with_an_unknown_key() {
    let scene = Scene::without_git("name: u\nstages:\n  t:\n    permisions: x\n    steps: [{ uses: smoke-tst }]\n");
    scene.call(&["check"]).exits(2).says("E-KEY-UNKNOWN").says("E-PLUGIN-UNKNOWN");
}

#[test]
fn behind_a_line_that_is_no_yaml_the_rest_is_checked_and_its_absence_is_no_mistake() {
    let scene = Scene::without_git(
        "name: torn\nstages:\n  one:\n    steps:\n      - uses: coverage-gate\n        with: { report: [c.xml }\n      \
         - uses: smoke-tst\n",
    );
    let told = scene.call(&["check", "--format", "json"]);
    told.exits(2);
    let codes: Vec<String> = diagnostics(&told.json()).iter().map(|one| text(&one["code"])).collect();
    assert_eq!(codes, ["E-YAML-SYNTAX", "E-PLUGIN-UNKNOWN"]);
}

const WITH_VARIABLES: &str = r#"
name: vars
inputs: { place: { required: true } }
secrets: [KEY]
env: { HOST: "${{ vars.HOST }}" }
environments:
  production:
    url: "https://${{ env.HOST }}"
    directory: "/opt/${{ vars.FOLDER }}"
    targets:
      web1: { ssh: "deploy@${{ env.HOST }}:${{ vars.PORT }}", host-key: "${{ vars.HOST_KEY }}", key: KEY }
stages:
  each:
    matrix: { v: "${{ fromJSON(vars.LIST) }}" }
    timeout: "${{ matrix.v }}m"
    steps:
      - { uses: coverage-gate, with: { report: c.xml, minimum: "${{ matrix.v }}" } }
  deploy:
    environment: "${{ inputs.place }}"
    steps:
      - { uses: remote-script, with: { script: "true" } }
      - { uses: smoke-test, with: { url: "http://${{ env.HOST }}/", attempts: "${{ vars.ATTEMPTS }}" } }
"#;

#[test]
fn what_can_be_given_to_a_run_is_unknown_to_a_check_and_told_once_by_a_plan() {
    let scene = Scene::new(WITH_VARIABLES);
    scene.call(&["check"]).exits(0).says("No problems");
    let told = scene.call(&["plan", "--input", "place=production"]);
    told.exits(2);
    for name in ["HOST", "FOLDER", "PORT", "HOST_KEY", "LIST", "ATTEMPTS"] {
        told.says(&format!("the variable `{name}` has no value")).says(&format!("--var {name}=…"));
    }
    assert_eq!(told.stderr.matches("error[").count(), 6, "{}", told.stderr);
    let key = "HOST_KEY=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    let vars = ["HOST=h.example", "FOLDER=x", "PORT=22", key, "LIST=[1, 2]", "ATTEMPTS=3"];
    let mut arguments = vec!["plan", "--input", "place=production"];
    arguments.extend(vars.iter().flat_map(|one| ["--var", one]));
    scene.call(&arguments).exits(0);
    arguments.truncate(3);
    arguments[2] = "place=nowhere";
    arguments.extend(vars.iter().flat_map(|one| ["--var", one]));
    scene.call(&arguments).exits(2).says("E-ENVIRONMENT-UNKNOWN").says("pipelines/main.yml:19:18");
}

#[test]
fn the_pipelines_of_this_repository_have_no_problems() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    for file in ["pipelines/blog-creator.yml", "tests/scenarios/small/pipelines/small.yml"] {
        let path = format!("{root}/{file}");
        let scene = Scene::without_git(&std::fs::read_to_string(&path).expect("it is in the repository"));
        let told = scene.call(&["check", "--format", "json"]);
        told.exits(0);
        assert!(diagnostics(&told.json()).is_empty(), "{file}: {}", told.stdout);
    }
}

#[test]
fn a_folder_is_named_with_what_to_write_instead() {
    let scene = Scene::without_git(&script("true"));
    for (folder, name) in [(".", "."), ("pipelines", "pipelines")] {
        let told = scene.call(&["check", folder]);
        told.exits(2).says("found a folder").says("sealock check").says(&format!("--> {name}\n"));
        let told = scene.call(&["check", "--format", "json", folder]);
        assert_eq!(diagnostics(&told.json())[0]["file"], name);
    }
}

#[test]
fn without_a_name_every_pipeline_is_checked() {
    let scene = Scene::without_git(&script("true"));
    scene.write(".sealock/other.yaml", "name: other\nstages: {}\n");
    scene.write("pipelines/third.yml", "nmae: x\nstages: { a: { steps: [{ run: x }] } }\n");
    scene.write("pipelines/notes.txt", "not: a pipeline\n");
    let told = scene.call(&["check", "--format", "json"]);
    told.exits(2);
    let files: Vec<String> = diagnostics(&told.json()).iter().map(|one| text(&one["file"])).collect();
    assert_eq!(files, [".sealock/other.yaml", "pipelines/third.yml"]);
}

#[test]
fn annotations_and_sarif_name_the_same_places() {
    let scene = Scene::without_git(TWELVE);
    let told = scene.call(&["check", "--format", "github"]);
    told.exits(2);
    assert_eq!(
        told.stdout.lines().filter(|line| line.starts_with("::error file=pipelines/main.yml,line=")).count(),
        12
    );
    assert_eq!(told.stdout.lines().count(), 12, "{}", told.stdout);
    let told = scene.call(&["check", "--format", "sarif"]);
    told.exits(2);
    let log = told.json();
    assert_eq!(log["version"], "2.1.0");
    let mut found = Vec::new();
    for one in log["runs"][0]["results"].as_array().expect("the run has results") {
        let region = &one["locations"][0]["physicalLocation"]["region"];
        let number = |name: &str| region[name].as_u64().expect("it has a place");
        found.push((number("startLine"), number("startColumn"), text(&one["ruleId"])));
    }
    found.sort();
    assert_eq!(found, marked(TWELVE));
}

#[test]
fn a_long_script_is_cut_in_the_open() {
    let scene = Scene::new(&script(&format!("true {}", "x".repeat(100))));
    let told = scene.call(&["plan", "--format", "json"]);
    let title = text(&told.json()["stages"][0]["steps"][0]["title"]);
    assert_eq!((title.chars().count(), title.chars().last()), (60, Some('…')));
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
    let utf16 = "name: x".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: [(Vec<u8>, &str); 11] = [
        (laughs.into_bytes(), "E-YAML-ALIAS-BUDGET"),
        ([b"name: ".to_vec(), vec![b'['; 10_000]].concat(), "E-YAML-DEPTH"),
        (b"name: a\nname: b\n".to_vec(), "E-YAML-DUPLICATE-KEY"),
        (b"name: !include /etc/passwd\n".to_vec(), "E-YAML-TAG"),
        (b"name: \xff\xfe\n".to_vec(), "E-YAML-ENCODING"),
        (mark.into_bytes(), "E-YAML-ENCODING"),
        (vec![b'x'; 2 << 20], "E-YAML-SIZE"),
        (b"name: a\0b\n".to_vec(), "E-YAML-ENCODING"),
        (utf16, "E-YAML-ENCODING"),
        (b"---\n".repeat(200_000), "E-YAML-DOCUMENTS"),
        (b"name: [\"".to_vec().into_iter().chain(vec![b'*'; 900_000]).collect(), "E-YAML-SYNTAX"),
    ];
    for (bytes, code) in cases {
        let scene = Scene::without_git("");
        scene.write("pipelines/main.yml", bytes);
        let start = Instant::now();
        let told = scene.call(&["check", "--format", "json", "pipelines/main.yml"]);
        told.exits(2);
        let all = diagnostics(&told.json());
        assert!(all.iter().any(|one| one["code"] == code), "{code}: {all:?}");
        assert!(start.elapsed().as_secs() < 30, "{code}: {:?}", start.elapsed());
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
    let cases = [
        stage(&format!(
            "  d: {{ environment: p, steps: [{{ uses: remote-script, with: {{ script: \"true\" }} }}] }}\n{production}    approvals: 1\n"
        )),
        stage("  x: { steps: [{ uses: cache, with: { path: target } }] }\n"),
        stage("  x: { steps: [{ uses: artifact-save, with: { path: target } }] }\n"),
        stage("  x: { steps: [{ uses: artifact-load }] }\n"),
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

#[test]
fn text_from_outside_is_a_value_and_is_never_read_again() {
    let scene = Scene::new(
        r#"
name: outside
stages:
  only:
    steps:
      - { id: a, run: 'printf "%s" "\${{ github.sha }}::set-env name=A::1" > "$SEALOCK_OUTPUTS/x"' }
      - { run: 'printf "%s\n" "$X" "$B"', env: { X: "${{ steps.a.outputs.x }}", B: "${{ github.ref_name }}" } }
"#,
    );
    let told = scene.call(&["check"]);
    told.exits(2).says("E-EXPR-IN-SCRIPT");
    let script = "printf '%s{{ github.sha }}::set-env name=A::1' '$' > \"$SEALOCK_OUTPUTS/x\"";
    scene.write("a.sh", script);
    scene.write(
        "pipelines/main.yml",
        r#"
name: outside
stages:
  only:
    steps:
      - { id: a, run: . ./a.sh }
      - { run: 'printf "%s\n" "$X" "$B"', env: { X: "${{ steps.a.outputs.x }}", B: "${{ github.ref_name }}" } }
"#,
    );
    scene.git(&["checkout", "--quiet", "-b", "a\";{curl,-s}$(id)${IFS}x"]);
    scene.commit();
    let told = scene.run(&[]);
    told.exits(0);
    assert_eq!(told.log("only"), ["${{ github.sha }}::set-env name=A::1", "a\";{curl,-s}$(id)${IFS}x"]);
}

#[test]
fn the_plan_holds_the_digest_of_the_bytes_that_it_was_made_from() {
    let scene = Scene::new(&script("true"));
    let of = |told: &super::support::Told| text(&told.exits(0).json()["file_digest"]);
    let before = of(&scene.call(&["plan", "--format", "json"]));
    let sum = Command::new("sha256sum").arg(scene.repo().join("pipelines/main.yml")).output().expect("it is there");
    let sum = String::from_utf8(sum.stdout).expect("digits");
    assert_eq!(Some(before.as_str()), sum.split(' ').next().map(|hex| format!("sha256:{hex}")).as_deref());
    scene.write("pipelines/main.yml", script("false"));
    assert_ne!(before, of(&scene.call(&["plan", "--format", "json"])));
}

/// A deployment to a machine that is not there, on the branch `main`.
const DEPLOYS: &str = r#"
name: deploys
environments:
  p:
    branches: [release]
    targets: { w: { ssh: "a@127.0.0.1:9", host-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl", agent: true } }
stages:
  build: { steps: [{ run: echo built }] }
  deploy: { needs: build, environment: p, steps: [{ uses: remote-script, with: { script: "true" } }] }
"#;

#[test]
fn a_branch_that_may_not_deploy_is_refused_before_anything_starts() {
    let scene = Scene::new(DEPLOYS);
    let told = scene.run(&[]);
    told.exits(3).says("E-DEPLOY-BRANCH").says("`p` takes deployments from release; found `main`");
    assert!(told.events().is_empty(), "{}", told.stdout);
    scene.call(&["plan"]).exits(0).says("warning[E-DEPLOY-BRANCH]");
    scene.run(&["--stage", "build"]).exits(0);
    let skipped = DEPLOYS.replace("deploy: { needs", "deploy: { if: github.ref == 'refs/heads/release', needs");
    scene.write("pipelines/main.yml", skipped);
    let told = scene.run(&[]);
    told.exits(0);
    assert_eq!((told.log("build"), told.skipped()), (vec!["built".to_owned()], vec!["deploy".to_owned()]));
}

#[test]
fn uncommitted_changes_are_not_deployed_and_nothing_is_built_for_them() {
    let scene = Scene::new(&DEPLOYS.replace("[release]", "[main]"));
    scene.write("new.txt", "not committed");
    let told = scene.run(&[]);
    told.exits(3).says("E-DEPLOY-DIRTY").says("1 uncommitted files would be deployed to `p`");
    assert!(told.events().is_empty(), "{}", told.stdout);
    scene.call(&["plan"]).exits(0).says("warning[E-DEPLOY-DIRTY]");
    let told = scene.run(&["--no-dirty"]);
    assert_eq!(told.log("build"), ["built"]);
}

#[test]
fn check_plan_and_run_warn_of_a_deployment_without_a_verifier() {
    let scene = Scene::new(DEPLOYS);
    for command in ["check", "plan", "run"] {
        scene.call(&[command]).says("warning[E-DEPLOY-UNVERIFIED]");
    }
}

#[test]
fn the_version_names_the_commit_that_was_built() {
    let scene = Scene::new(&script("true"));
    let version = scene.call(&["version", "--format", "json"]).exits(0).json();
    let is_commit = |text: &str| text.len() == 40 && text.chars().all(|c| c.is_ascii_hexdigit());
    let is_repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../.git").exists();
    assert_eq!(version["commit"].as_str().is_some_and(is_commit), is_repository, "{version}");
}

#[test]
fn a_plugin_does_not_take_the_name_of_a_builtin() {
    let scene = Scene::new(
        "name: n\nplugins: { shell: ./x.wasm }\nstages:\n  a: { steps: [{ uses: shell }, { run: echo hello }] }\n",
    );
    scene.call(&["check"]).exits(2).says("E-PLUGIN-NAME");
}
