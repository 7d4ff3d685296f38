//! The GitHub Action in a real workflow runner, judged by what later steps of the workflow and its reader see.

use std::process::Command;

use e2e::program::must;
use e2e::{Repository, Workflow};

const SECRET: &str = "k7Vq9-tR2x_Lm4.Zw8";
/// Read back by a later step, as a user would.
const ECHO: &str = "
- if: always()
  env:
    RESULT: ${{ steps.sealock.outputs.result }}
    RUN: ${{ steps.sealock.outputs.run }}
    OUTPUTS: ${{ steps.sealock.outputs.outputs }}
  run: printf 'read-%s\\n' \"result=$RESULT\" \"run=$RUN\" \"outputs=$OUTPUTS\"
";
const PIPELINE: &str = r#"
name: workflow
secrets: [KEY]
inputs: { who: { default: nobody }, exit: { default: "0" } }
stages:
  greet:
    outputs: { greeting: "${{ steps.greet.outputs.greeting }}" }
    steps:
      - id: greet
        env: { KEY: "${{ secrets.KEY }}", WHO: "${{ inputs.who }}", CODE: "${{ inputs.exit }}" }
        run: |
          echo "::error::not ours"
          echo "::set-output name=result::not ours"
          echo "key $KEY"
          echo "<!-- ### all is well" >> "$SEALOCK_SUMMARY"
          printf 'hello %s' "$WHO" > "$SEALOCK_OUTPUTS/greeting"
          exit "$CODE"
"#;

fn workflow() -> Workflow {
    let repository = Repository::of("scenarios/empty");
    repository.write("pipelines/main.yml", PIPELINE);
    let mut workflow = Workflow::new(repository);
    workflow.set_secret("KEY", SECRET);
    workflow
}

#[test]
fn a_green_run_hands_on_its_outputs_and_shows_no_secret() {
    let workflow = workflow();
    let pipeline = PIPELINE.replace("[KEY]", "[KEY, OTHER]");
    let pipeline = pipeline.replace("env: { KEY", "env: { OTHER: \"${{ secrets.OTHER }}\", KEY");
    workflow.repository().write("pipelines/main.yml", &pipeline);
    // The workflow runner masks what it knows as a secret by itself. This one it knows from our masks alone.
    let (start, end) = ("n4Wd-8sY3", "_Qb1.Ty5v");
    let with =
        format!("inputs: |\n  who=Ada \"Lovelace\"\nsecrets: |\n  KEY=${{{{ secrets.KEY }}}}\n  OTHER={start}{end}\n");
    let later = format!("{ECHO}- run: printf 'later-%s%s\\n' {start} {end}\n");
    workflow.write(&format!("{}{with}", workflow.binary()), &later);
    let told = workflow.run(&["push"]).expect(0).saying("later-***").not_saying(&format!("{start}{end}"));
    assert_eq!(told.value("read-result="), "success");
    assert_eq!(told.value("read-run=").len(), 26, "{}", told.text);
    let outputs: serde_json::Value = serde_json::from_str(told.value("read-outputs=")).expect("JSON");
    assert_eq!(outputs, serde_json::json!({ "greet": { "greeting": "hello Ada \"Lovelace\"" } }));
    let told = told.not_saying(SECRET).saying("key ***").saying("### workflow: ✓ succeeded").saying("gantt");
    // What a step prints stands between stopped commands, and what it adds to the summary in its quotation.
    told.saying("  ::error::not ours").not_saying("❗").saying("> <!-- ### all is well").saying("| greet | ✓ |");
    assert!(!workflow.home_holds(SECRET), "the secret is on the disk");
}

#[test]
fn a_red_run_fails_the_job_with_an_annotation_and_its_outputs() {
    let workflow = workflow();
    let with = "inputs: exit=3\nsecrets: KEY=${{ secrets.KEY }}\n";
    workflow.write(&format!("{}{with}", workflow.binary()), ECHO);
    let told = workflow.run(&["push"]).expect(1).not_saying(SECRET);
    assert_eq!(told.value("read-result="), "failure");
    told.saying("❗  ::error file=pipelines/main.yml,line=")
        .saying("title=E-STEP-FAILED%3A greet")
        .saying("| greet | ✗ failed |");
}

#[test]
fn a_forks_pull_request_gets_no_secret_though_the_workflow_hands_it_over() {
    let workflow = workflow();
    let open = "stages:\n  open: { steps: [{ run: echo reviewed }] }\n";
    workflow.repository().write("pipelines/main.yml", &PIPELINE.replace("stages:\n", open));
    workflow.write(&format!("{}secrets: KEY=${{{{ secrets.KEY }}}}\n", workflow.binary()), ECHO);
    let event = workflow.folder().join("event.json");
    let of = |name: &str| serde_json::json!({ "ref": "main", "repo": { "full_name": name } });
    let pull = serde_json::json!({ "number": 7, "pull_request": { "head": of("evil/blog"), "base": of("acme/blog") } });
    std::fs::write(&event, pull.to_string()).expect("a temporary file");
    let told = workflow.run(&["pull_request", "-e", event.to_str().expect("text")]).expect(0);
    told.saying("reviewed").saying("| greet | – skipped |").not_saying("key ").not_saying(SECRET);
}

#[test]
fn a_pipeline_whose_on_does_not_take_the_event_is_not_started() {
    let workflow = workflow();
    for (on, result) in
        [("{ push: { branches: [release] } }", "skipped"), ("{ push: { branches: [main] } }", "success")]
    {
        workflow
            .repository()
            .write("pipelines/main.yml", &PIPELINE.replace("secrets:", &format!("on: {on}\nsecrets:")));
        workflow.write(&format!("{}secrets: KEY=${{{{ secrets.KEY }}}}\n", workflow.binary()), ECHO);
        let told = workflow.run(&["push"]).expect(0);
        assert_eq!(told.value("read-result="), result, "{}", told.text);
        assert_eq!(
            told.text.contains("`on.push` does not take the branch `main`"),
            result == "skipped",
            "{}",
            told.text
        );
        assert_eq!(told.text.contains("key ***"), result == "success", "{}", told.text);
    }
}

/// The first job dies as one does whose machine is taken away: nothing of its run is told to end.
#[test]
fn the_next_job_goes_on_with_what_a_killed_one_left() {
    let workflow = workflow();
    let binary = workflow.binary().trim_end().to_owned() + " ${{ vars.ALSO }}\n";
    // A runner of one's own has its checkout where it was; this workflow runner does not.
    let folder = workflow.repository().path().display().to_string();
    let state = workflow.folder().join("state").display().to_string();
    workflow.write(
        &format!(
            "{binary}working-directory: {folder}\nstate: {state}\nresume: ${{{{ vars.RESUME }}}}\nsecrets: KEY=${{{{ secrets.KEY }}}}\n"
        ),
        ECHO,
    );
    let killed = workflow.run(&["push", "--var", "ALSO=--die-at 6:after", "--var", "RESUME=false"]).expect(1);
    assert_eq!(killed.value("read-result="), "failure");
    let told = workflow.run(&["push", "--var", "RESUME=true"]).expect(0).saying("goes on with run 01");
    assert_eq!(told.value("read-result="), "success");
    assert_eq!(told.value("read-outputs="), r#"{"greet":{"greeting":"hello nobody"}}"#);
    told.not_saying(SECRET);
}

#[test]
fn a_pipeline_that_is_wrong_fails_before_anything_runs() {
    let workflow = workflow();
    workflow.write(&format!("{}pipeline: nowhere\nsecrets: KEY=${{{{ secrets.KEY }}}}\n", workflow.binary()), ECHO);
    let told = workflow.run(&["push"]).expect(1).saying("error[E-PIPELINE-").not_saying("key ***");
    assert_eq!((told.value("read-result="), told.value("read-run=")), ("failure", ""));
}

#[test]
fn a_report_is_uploaded_where_it_is_asked_for_and_nothing_is_downloaded_where_not() {
    let mut workflow = workflow();
    let upload = workflow.folder().join("upload");
    std::fs::create_dir(&upload).expect("a temporary folder");
    let stand_in = "name: upload\ninputs: { name: {}, path: {} }\nruns:\n  using: composite\n  steps:\n    - shell: bash\n      \
                    env: { FILES: \"${{ inputs.path }}\", NAME: \"${{ inputs.name }}\" }\n      \
                    run: echo \"uploaded $NAME\"; ls \"$FILES\"; grep -c run-finished \"$FILES/events.jsonl\"\n";
    std::fs::write(upload.join("action.yml"), stand_in).expect("a temporary file");
    for command in [
        &["init", "--quiet"][..],
        &["add", "--all"],
        &["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-m", "x"],
    ] {
        must(Command::new("git").arg("-C").arg(&upload).args(command));
    }
    workflow.stand_in("actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02", &upload);
    let with = "inputs: exit=3\nsecrets: KEY=${{ secrets.KEY }}\nupload-report: true\n";
    // The run is kept where its arguments say, and the report is found there.
    let state = workflow.folder().join("own state");
    let binary = workflow.binary().trim_end().to_owned() + &format!(" --state '{}'\n", state.display());
    // What lies in the repository under the name of the action that uploads is not run.
    workflow.repository().write(
        ".sealock-upload-report/action.yml",
        "name: x\nruns:\n  using: composite\n  steps: [{ shell: bash, run: echo hijacked }]\n",
    );
    workflow.write(&format!("{binary}{with}"), "- if: always()\n  run: ls -a\n");
    let told = workflow.run(&["push"]).expect(1).saying("uploaded sealock-01").saying("events.jsonl").saying("log.txt");
    told.not_saying("hijacked").not_saying(SECRET).not_saying("| .sealock-upload-report");
}

/// The first thing that somebody pastes.
#[test]
fn the_readmes_workflow_runs_as_it_stands_but_for_the_binary() {
    let workflow = workflow();
    let readme = std::fs::read_to_string(e2e::rig::tests_folder().join("../README.md")).expect("the README");
    let (_, rest) = readme.split_once("```yaml\n# .github/workflows/").expect("a workflow");
    let (text, _) = rest.split_once("```").expect("its end");
    let (_, text) = text.split_once('\n').expect("its name stands first");
    let (before, after) = text.split_once("          version: source").expect("a version");
    let (_, after) = after.split_once('\n').expect("its line ends");
    let binary: Vec<String> = workflow.binary().lines().map(|line| format!("          {line}\n")).collect();
    let binary = binary.concat();
    let pipeline = PIPELINE.replace("KEY", "REGISTRY_TOKEN");
    workflow.repository().write("pipelines/main.yml", &pipeline);
    workflow.write_whole(&format!("{before}{binary}{after}"));
    workflow
        .run(&["push", "-P", "ubuntu-24.04=-self-hosted", "-s", &format!("REGISTRY_TOKEN={SECRET}")])
        .expect(0)
        .saying("key ***");
}

/// An archive of the built binary as a release of this version, and its line of the table.
fn release(workflow: &Workflow, version: &str) -> (std::path::PathBuf, String) {
    let folder = workflow.folder().join("release");
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let archive = folder.join(format!("sealock-{version}-linux-x64.tar.gz"));
    let binary = e2e::rig::binary();
    let (beside, name) = (binary.parent().expect("a folder"), binary.file_name().expect("a name"));
    let transform = format!("s/^{}$/sealock/", name.to_string_lossy());
    must(
        Command::new("tar")
            .args(["-I", "gzip -1", "--transform", &transform, "-cf"])
            .arg(&archive)
            .arg("-C")
            .arg(beside)
            .arg(name),
    );
    let sum = must(Command::new("sha256sum").arg(&archive));
    (archive, format!("{version} linux-x64 {}\n", sum.split(' ').next().expect("a sum")))
}

/// Puts a `curl` before the real one: it hands out what lies in `release`, and keeps what it was asked for.
fn fake_curl(workflow: &mut Workflow) {
    let folder = workflow.folder().join("bin");
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let asked = workflow.folder().join("asked");
    let release = workflow.folder().join("release");
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> '{}'\nwhile [ $# -gt 1 ]; do [ \"$1\" = --output ] && out=$2; shift; done\ncp '{}'/\"${{1##*/}}\" \"$out\"\n",
        asked.display(),
        release.display()
    );
    std::fs::write(folder.join("curl"), script).expect("a temporary file");
    must(Command::new("chmod").arg("755").arg(folder.join("curl")));
    let path = format!("{}:{}", folder.display(), e2e::rig::search_path());
    workflow.set_variable("PATH", &path);
}

/// With a stand-in for `cargo`, which takes ten minutes: what it is asked for, and that its product runs.
#[test]
fn the_source_that_is_built_is_that_of_the_action() {
    let mut workflow = workflow();
    let (folder, asked) = (workflow.folder().join("bin"), workflow.folder().join("asked"));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let script = format!(
        "#!/bin/sh\necho \"${{SEALOCK_SECRETS-none}} $PWD: $*\" >> '{}'\nmkdir -p \"$CARGO_TARGET_DIR/release\"\ncp '{}' \"$CARGO_TARGET_DIR/release/sealock\"\n",
        asked.display(),
        e2e::rig::binary().display()
    );
    std::fs::write(folder.join("cargo"), script).expect("a temporary file");
    must(Command::new("chmod").arg("755").arg(folder.join("cargo")));
    workflow.set_variable("PATH", &format!("{}:{}", folder.display(), e2e::rig::search_path()));
    workflow.set_variable("CARGO_TARGET_DIR", &workflow.folder().join("target").to_string_lossy());
    workflow.repository().write("below/README.md", "steps start here");
    workflow.write("version: source\nworking-directory: below\nsecrets: KEY=${{ secrets.KEY }}\n", ECHO);
    let told = workflow.run(&["push"]).expect(0).saying("key ***");
    assert_eq!(told.value("read-result="), "success");
    let asked = std::fs::read_to_string(asked).expect("it was asked");
    assert!(asked.ends_with("/sealock-sealock@v1: build --release --locked --package sealock-cli\n"), "{asked}");
    assert!(asked.starts_with("none "), "the build has the secrets: {asked}");
}

#[test]
fn a_release_runs_when_its_bytes_are_those_of_the_table_and_only_then() {
    let mut workflow = workflow();
    fake_curl(&mut workflow);
    let (archive, line) = release(&workflow, "1.2.3");
    let table = workflow.action().join("action/checksums.txt");
    let empty = std::fs::read_to_string(&table).expect("the table");
    let with = "secrets: KEY=${{ secrets.KEY }}\n";

    workflow.write(&format!("{with}version: v1.2.3\n"), ECHO);
    let told = workflow.run(&["push"]).expect(1);
    assert_eq!(told.value("read-result="), "failure");
    told.saying("action/checksums.txt has no v1.2.3 for linux-x64, and nothing unverified is run");
    assert!(!workflow.folder().join("asked").exists(), "something was downloaded");

    std::fs::write(&table, format!("{empty}{line}")).expect("the table");
    let good = std::fs::read(&archive).expect("the archive");
    let mut bad = good.clone();
    *bad.last_mut().expect("it has bytes") ^= 1;
    std::fs::write(&archive, &bad).expect("the archive");
    workflow
        .run(&["push"])
        .expect(1)
        .saying("is not what action/checksums.txt says: nothing was run")
        .not_saying("key ***");

    std::fs::write(&archive, &good).expect("the archive");
    let told = workflow.run(&["push"]).expect(0).saying("key ***");
    assert_eq!(told.value("read-result="), "success");
    let asked = std::fs::read_to_string(workflow.folder().join("asked")).expect("it was asked");
    assert!(
        asked
            .ends_with(" https://github.com/sealock/sealock/releases/download/v1.2.3/sealock-1.2.3-linux-x64.tar.gz\n"),
        "{asked}"
    );

    // What is kept is looked at again: without a version, and with the kept archive changed, it is fetched anew.
    workflow.write(with, ECHO);
    let kept =
        must(Command::new("find").arg(workflow.folder()).args(["-path", "*tool_cache*", "-name", "sealock-1.2.3-*"]));
    std::fs::write(kept.trim(), &bad).expect("what is kept");
    workflow.run(&["push"]).expect(0).saying("key ***");
    let again = std::fs::read_to_string(workflow.folder().join("asked")).expect("it was asked");
    assert_eq!(again.lines().count(), asked.lines().count() + 1);
    workflow.run(&["push"]).expect(0);
    let last = std::fs::read_to_string(workflow.folder().join("asked")).expect("it was asked");
    assert_eq!(last, again, "a good archive that is kept is not fetched again");
}

/// Runs the action's script as its step does, with `echo` for Sealock, and gives its exit code and all that it said.
fn script(inputs: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new("bash");
    command.arg(e2e::rig::tests_folder().join("../action/run.sh")).current_dir(folder.path());
    command.env_clear().env("PATH", e2e::rig::search_path()).env("HOME", folder.path());
    command.env("RUNNER_OS", "Linux").env("RUNNER_ARCH", "X64").env("INPUT_BINARY", "/bin/echo");
    let output = command.envs(inputs.iter().copied()).output().expect("bash is there");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("text"))
}

#[test]
fn what_the_workflow_gives_becomes_words_of_the_command_and_nothing_else() {
    let words: [(&[(&str, &str)], &str); 7] = [
        (&[], ""),
        (&[("INPUT_RESUME", "true"), ("INPUT_STATE", "-a b")], " --resume --state=-a b"),
        (&[("INPUT_RESUME", "false")], ""),
        (&[("INPUT_STAGE", "build"), ("INPUT_PIPELINE", "-x")], " --stage=build -- -x"),
        (&[("INPUT_INPUTS", "  a=1 2\r\n\n b=$(id)\n")], " --input=a=1 2 --input=b=$(id)"),
        (&[("INPUT_ARGS", "--jobs 2 --cache 'a  b' \"$HOME\"")], " --jobs 2 --cache a  b $HOME"),
        (&[("INPUT_ARGS", " \n "), ("INPUT_WORKING_DIRECTORY", "/")], ""),
    ];
    for (inputs, expected) in words {
        let told = script(inputs);
        assert_eq!(told, (Some(0), format!("run --format github --triggered{expected}\n")), "{inputs:?}");
    }
}

#[test]
fn an_input_that_cannot_be_used_is_one_line_and_nothing_is_run() {
    let refused = [
        ("INPUT_ARGS", "--cache 'a", "`args`: a quote is not closed"),
        ("INPUT_RESUME", "yes", "`resume`: yes is neither true nor false"),
        ("INPUT_BINARY", "/nowhere/sealock", "`binary`: /nowhere/sealock is not there, or is no program"),
        ("INPUT_BINARY", "/etc/passwd", "`binary`: /etc/passwd is not there, or is no program"),
        ("INPUT_WORKING_DIRECTORY", "no%where\n::x", "`working-directory`: no%25where%0A::x is not there"),
    ];
    for (name, value, expected) in refused {
        assert_eq!(
            script(&[(name, value)]),
            (Some(2), format!("::error title=sealock::{expected}\n")),
            "{name}={value}"
        );
    }
    let told = script(&[("INPUT_BINARY", ""), ("INPUT_VERSION", "1.0/../..")]);
    assert_eq!(told, (Some(2), "::error title=sealock::`version`: 1.0/../.. is no version\n".to_owned()));
}
