//! What the documents show is taken by the product as it stands there: the examples of the builtins' READMEs, and the first
//! pipelines of the project's own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::support::{Scene, finish};

/// What an example stands in: targets, a stage before its own, an image.
const FRAME: &str = r#"name: example
secrets: [SECRETS]
environments:
  production:
    directory: /opt/example
    targets:
      web1: { ssh: deploy@web1.example.com, host-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH7J1L69VqZ8pPPgzsTbH3XWeYQf7iEY/Mec8PwNx5nE", key: DEPLOY_KEY }
      web2: { ssh: deploy@web2.example.com, host-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH7J1L69VqZ8pPPgzsTbH3XWeYQf7iEY/Mec8PwNx5nE", key: DEPLOY_KEY }
stages:
  build:
    outputs: { OUTPUTS }
    steps: [{ run: "true" }]
  example:
    needs: build
    environment: production
    steps:
"#;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a folder of the project").to_path_buf()
}

fn read(file: &str) -> String {
    fs::read_to_string(project().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The blocks of `language` in a document.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let open = format!("```{language}\n");
    let rest = text.split(&open).skip(1);
    rest.map(|rest| rest.split("```").next().expect("a split has a first part").to_owned()).collect()
}

/// The words behind each `prefix` in `text`.
fn named(text: &str, prefix: &str) -> BTreeSet<String> {
    let is_name = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    text.split(prefix).skip(1).map(|rest| rest.chars().take_while(is_name).collect()).collect()
}

/// A pipeline around the steps of an example.
fn framed(steps: &str) -> String {
    let mut secrets = named(steps, "secrets.");
    secrets.insert("DEPLOY_KEY".to_owned());
    let secrets = secrets.into_iter().collect::<Vec<_>>().join(", ");
    let outputs = named(steps, "needs.build.outputs.").into_iter().map(|name| format!("{name}: x"));
    let outputs = outputs.collect::<Vec<_>>().join(", ");
    let mut text = FRAME.replace("SECRETS", &secrets).replace("OUTPUTS", &outputs);
    if steps.contains("steps.image.") {
        text.push_str("      - { id: image, uses: image-build, with: { context: . } }\n");
    }
    for line in steps.lines() {
        text.extend(["      ", line, "\n"]);
    }
    text
}

#[test]
fn examples_of_the_builtins_are_pipelines_without_a_mistake() {
    let folders = fs::read_dir(project().join("plugins")).expect("there are plugins");
    let readmes = folders.map(|entry| entry.expect("an entry").path().join("README.md")).filter(|path| path.is_file());
    let mut checked = 0;
    for readme in readmes {
        let text = fs::read_to_string(&readme).expect("a document is text");
        let examples = blocks(&text, "yaml");
        assert!(!examples.is_empty(), "{} has no example", readme.display());
        for example in examples {
            let scene = Scene::without_git(&framed(&example));
            scene.call(&["check"]).exits(0);
            checked += 1;
        }
    }
    assert!(checked >= 13, "{checked} examples");
}

#[test]
fn the_first_pipeline_runs_as_it_is_pasted() {
    let readme = read("README.md");
    let pipeline =
        blocks(&readme, "yaml").into_iter().find(|block| block.contains("stages:")).expect("a first pipeline");
    let scene = Scene::new(&pipeline);
    scene.call(&["check", "pipelines/main.yml"]).exits(0);
    let workflow =
        blocks(&readme, "yaml").into_iter().find(|block| block.contains("uses: sealock/sealock")).expect("one");
    let given = named(&workflow, "secrets.");
    assert_eq!(named(&pipeline, "secrets."), given, "the workflow hands over what the pipeline asks for");
    // On a branch that is not `main` nothing is built: what is left needs nothing that a machine may not have.
    scene.git(&["switch", "--quiet", "--create", "other"]);
    let mut run = scene.command(&["run", "pipelines/main.yml"]);
    run.env("SEALOCK_SECRET_REGISTRY_TOKEN", "a token of the registry");
    let run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    finish(run).exits(0);
}
