//! A run as a step of a GitHub workflow.

use std::fs;

use super::support::{Scene, finish};

const SECRET: &str = "k7Vq9-tR2x_Lm4.Zw8";

const PIPELINE: &str = r###"
name: workflow
secrets: [KEY]
stages:
  only:
    steps:
      - env: { KEY: "${{ secrets.KEY }}" }
        run: |
          echo "::error::not ours"
          echo "##[add-path]/tmp"
          echo "key $KEY"
          exit 3
"###;

#[test]
fn a_workflow_gets_masks_first_then_stopped_text_annotations_a_summary_and_outputs() {
    let scene = Scene::new(PIPELINE);
    let (summary, output) = (scene.repo().join("../summary"), scene.repo().join("../output"));
    let mut command = scene.command(&["run", "--audit"]);
    command.env("GITHUB_ACTIONS", "true").env("SEALOCK_SECRET_KEY", SECRET);
    command.env("GITHUB_STEP_SUMMARY", &summary).env("GITHUB_OUTPUT", &output);
    let told = finish(command.spawn().expect("it starts"));
    told.exits(1);
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert_eq!(lines[0], format!("::add-mask::{SECRET}"));
    assert!(lines[1].starts_with("::stop-commands::sealock-"), "{}", told.stdout);
    assert_eq!(told.stdout.matches(SECRET).count(), 1, "{}", told.stdout);
    assert!(!told.stdout.contains("##["), "{}", told.stdout);
    assert!(lines.contains(&"::group::only / echo \"::error::not ours\""), "{}", told.stdout);
    assert!(told.stdout.contains("\n::error file=pipelines/main.yml,line="), "{}", told.stdout);
    assert!(scene.state_holds(b"add-mask").is_none() && scene.state_holds(SECRET.as_bytes()).is_none());
    let (summary, output) =
        (fs::read_to_string(summary).expect("written"), fs::read_to_string(output).expect("written"));
    assert!(summary.contains("| only | ✗ failed |"), "{summary}");
    assert!(output.contains("result<<sealock-") && output.contains("\nfailure\n"), "{output}");
}

#[test]
fn outside_of_a_workflow_no_mask_is_printed_and_show_tells_the_same() {
    let scene = Scene::new(PIPELINE);
    let mut command = scene.command(&["run", "--format", "github"]);
    command.env("SEALOCK_SECRET_KEY", SECRET);
    let told = finish(command.spawn().expect("it starts"));
    told.exits(1);
    assert!(told.stdout.starts_with("::stop-commands::sealock-") && !told.stdout.contains(SECRET), "{}", told.stdout);
    let shown = scene.call(&["show", "--format", "github"]);
    let bare =
        |text: &str| text.lines().filter(|line| !line.contains("sealock-")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(bare(&shown.stdout), bare(&told.stdout));
}

/// Abuse suite, 86, where somebody prints something else than the format for it.
#[test]
fn in_a_workflow_no_format_prints_a_command_of_a_step() {
    let scene = Scene::new(PIPELINE);
    let call = |arguments: &[&str]| {
        let mut command = scene.command(arguments);
        command.env("GITHUB_ACTIONS", "true").env("SEALOCK_SECRET_KEY", SECRET);
        finish(command.spawn().expect("it starts"))
    };
    let jsonl = call(&["run", "--format", "jsonl"]);
    assert!(jsonl.log("only").contains(&"##[add-path]/tmp".to_owned()), "{}", jsonl.stdout);
    for told in [jsonl, call(&["show", "--logs", "only/1"]), call(&["show", "--format", "plain"])] {
        told.says("[add-path]/tmp");
        assert!(!told.stdout.contains("##["), "{}", told.stdout);
        assert!(!told.stdout.lines().any(|line| line.trim_start().starts_with("::")), "{}", told.stdout);
    }
}

#[test]
fn what_stands_in_the_way_of_a_run_is_an_annotation_too() {
    let scene = Scene::new("name: x\nstages:\n  a: { setps: [] }\n");
    let broken = scene.call(&["run", "--format", "github"]);
    broken.exits(2);
    assert!(broken.stdout.contains("::error file=pipelines/main.yml,line=3,"), "{}", broken.stdout);
    let call = |arguments: &[&str]| {
        let mut command = scene.command(arguments);
        command.env("GITHUB_ACTIONS", "true");
        finish(command.spawn().expect("it starts"))
    };
    let unknown = call(&["run", "no\nsuch"]);
    unknown.exits(2);
    assert!(
        unknown.stdout.starts_with("::error title=E-PIPELINE-UNKNOWN::there is no pipeline `no"),
        "{}",
        unknown.stdout
    );
    assert_eq!(unknown.stdout.lines().count(), 1, "{}", unknown.stdout);
    let arguments = call(&["run", "--bogus"]);
    arguments.exits(2);
    assert_eq!(arguments.stdout, "::error title=sealock::unexpected argument '--bogus' found\n");
    assert_eq!(scene.call(&["run", "nope"]).stdout, "", "nobody reads commands there");
}

/// GitHub shows ten annotations of a kind; the rest must not be lost with them.
#[test]
fn of_fifteen_mistakes_ten_are_annotations_and_five_are_rows_of_the_summary() {
    let stages: Vec<String> = (0..15).map(|number| format!("  stage-{number}: {{ setps: [] }}\n")).collect();
    let scene = Scene::new(&format!("name: x\nstages:\n{}", stages.concat()));
    let summary = scene.repo().join("../summary");
    let call = |words: &[&str]| {
        let mut command = scene.command(words);
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
        finish(command.spawn().expect("it starts"))
    };
    let told = call(&["run"]);
    told.exits(2);
    assert_eq!(told.stdout.matches("::error ").count(), 10, "{}", told.stdout);
    assert_eq!(told.stderr.matches("error[").count(), 15, "{}", told.stderr);
    let summary = fs::read_to_string(summary).expect("written");
    assert!(summary.starts_with("### pipelines/main.yml: 15 problems\n"), "{summary}");
    assert_eq!(summary.matches("| error | pipelines/main.yml:").count(), 5, "{summary}");
    assert!(summary.contains("pipelines/main.yml:17 |") && !summary.contains("pipelines/main.yml:12 |"), "{summary}");
}
