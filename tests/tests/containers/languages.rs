//! Plugins in every language, by the real toolchains: `plugin new`, `plugin build`, `plugin test`, and a stage that uses
//! what came of it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::program::ask;
use e2e::rig::{binary, search_path, tool};
use tempfile::TempDir;

/// The toolchains, as an author would have them on PATH.
struct Toolchains {
    folder: PathBuf,
    scene: TempDir,
}

impl Toolchains {
    fn new() -> Self {
        let this = Self { folder: tool("languages"), scene: tempfile::tempdir().expect("a temporary folder") };
        // Puts there what was fetched once for all runs of these tests.
        let npm = format!("[ \"$1\" = install ] && exec ln -s {}/node_modules .", this.folder.display());
        this.program("npm", &npm);
        this
    }

    /// Another program that an author would have.
    fn program(&self, name: &str, text: &str) {
        let file = self.scene.path().join("bin").join(name);
        std::fs::create_dir_all(file.parent().expect("it is in a folder")).expect("the scene is ours");
        std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("the scene is ours");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).expect("the scene is ours");
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(words).current_dir(self.scene.path());
        self.furnish(&mut command);
        command
    }

    fn furnish<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let own = self.scene.path().join("bin");
        let path = format!("{}:{}:{}", own.display(), self.folder.join("bin").display(), search_path());
        command.env("PATH", path).env("PYTHONPATH", self.folder.join("site")).env("HOME", self.scene.path());
        command.env("GOTOOLCHAIN", "local").env("GOCACHE", self.scene.path().join("go-cache"))
    }

    fn sealock(&self, words: &[&str]) -> String {
        let answer = ask(&mut self.command(words));
        assert!(answer.good, "{words:?}\n{}\n{}", answer.out, answer.err);
        answer.out
    }

    /// From nothing to a component that passes its scenarios.
    fn make(&self, language: &str) -> PathBuf {
        let name = format!("line-{language}");
        self.sealock(&["plugin", "new", "--lang", language, &name]);
        let project = self.scene.path().join(&name);
        self.sealock(&["plugin", "build", &name]);
        let told = self.sealock(&["plugin", "test", &name]);
        assert!(told.contains("3 scenarios, 0 failed"), "{language}: {told}");
        project
    }
}

fn runs_in_a_pipeline(toolchains: &Toolchains, name: &str) {
    let root = toolchains.scene.path();
    let pipeline = format!(
        "name: x\nstages:\n  only: {{ steps: [{{ uses: ./{name}, with: {{ file: {name}/plugin.toml, minimum: 5 }} }}] }}\n"
    );
    std::fs::write(root.join("sealock.yml"), pipeline).expect("the scene is ours");
    let told = toolchains.sealock(&["run", "sealock.yml", "--state", "state", "--format", "jsonl"]);
    assert!(told.contains(r#""kind":"output""#), "{name}: {told}");
}

#[test]
fn a_new_project_builds_and_passes_in_every_language() {
    let toolchains = Toolchains::new();
    // Rust has a test of its own, without the network, in `local`.
    for language in ["c", "go", "python", "js"] {
        let project = toolchains.make(language);
        let name = project.file_name().and_then(|name| name.to_str()).expect("a plain name");
        runs_in_a_pipeline(&toolchains, name);
    }
}

#[test]
fn a_toolchain_that_is_not_there_is_named_with_where_to_get_it() {
    let toolchains = Toolchains::new();
    toolchains.program("npm", "echo no network >&2; exit 1");
    toolchains.program("python3", "echo No module named ziglang >&2; exit 1");
    for (language, needs) in [("js", "npm, which fetches jco"), ("c", "pip install ziglang")] {
        let name = format!("line-{language}");
        let told = toolchains.sealock(&["plugin", "new", "--lang", language, &name]);
        assert!(told.contains("sealock plugin build"), "{told}");
        let answer = ask(&mut toolchains.command(&["plugin", "build", &name]));
        assert!(!answer.good, "{}", answer.out);
        assert_eq!(answer.err.matches("error[").count(), 1, "{}", answer.err);
        assert!(answer.err.contains("E-PLUGIN-BUILD") && answer.err.contains(needs), "{}", answer.err);
    }
}

#[test]
fn a_plain_go_program_has_its_memory_to_itself() {
    let toolchains = Toolchains::new();
    let folder = toolchains.scene.path().join("plain");
    std::fs::create_dir(&folder).expect("the scene is ours");
    std::fs::write(folder.join("go.mod"), "module plain\n\ngo 1.26\n").expect("the scene is ours");
    std::fs::write(folder.join("main.go"), include_str!("plain.go")).expect("the scene is ours");
    build_plain(&toolchains, &folder);
    let pipeline = "name: x\nstages:\n  only:\n    outputs: { sum: '${{ steps.p.outputs.sum }}' }\n    steps: [{ id: p, uses: ./plain/plain.wasm, with: { greeting: hello } }]\n";
    std::fs::write(toolchains.scene.path().join("sealock.yml"), pipeline).expect("the scene is ours");
    let told = toolchains.sealock(&["run", "sealock.yml", "--state", "state", "--format", "jsonl"]);
    // 64 blocks of a mebibyte, each full of its own number.
    assert!(told.contains(&format!(r#""sum":"{}""#, (0..64_u64).sum::<u64>() << 20)), "{told}");
    assert!(told.contains("hello from Go"), "{told}");
}

fn build_plain(toolchains: &Toolchains, folder: &Path) {
    let mut go = Command::new(toolchains.folder.join("bin/go"));
    go.args(["build", "-o", "plain.wasm", "."]).current_dir(folder);
    let built = ask(toolchains.furnish(&mut go).env("GOOS", "wasip1").env("GOARCH", "wasm"));
    assert!(built.good, "{}\n{}", built.out, built.err);
}
