//! A large component is compiled once on a machine, and whoever waits for it is told, in every format.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::registries::support::large;
use super::support::{Scene, Told, finish, sealock};

/// As large as what carries an interpreter.
const LARGE_BYTES: usize = 5 << 20;
const BEFORE: &str = "compiling ./large.wasm (6 MiB), once on this machine";
const AFTER: &str = "compiled ./large.wasm in ";

/// A repository that uses a large component, and a machine that has compiled nothing yet.
struct Fresh {
    scene: Scene,
}

impl Fresh {
    fn new() -> Self {
        let scene =
            Scene::new("name: x\nstages:\n  only: { steps: [{ uses: ./large.wasm, with: { greeting: hello } }] }\n");
        scene.write("large.wasm", large(LARGE_BYTES));
        scene.commit();
        Self { scene }
    }

    fn cache(&self) -> PathBuf {
        self.scene.state().with_file_name("cache")
    }

    fn start(&self, words: &[&str]) -> Child {
        self.scene.command(words).env("SEALOCK_CACHE", self.cache()).spawn().expect("the binary starts")
    }

    fn call(&self, words: &[&str]) -> Told {
        finish(self.start(words))
    }

    fn forget(&self) {
        fs::remove_dir_all(self.cache()).expect("the cache is ours");
    }
}

#[test]
fn each_format_tells_of_it_once_on_a_machine() {
    let fresh = Fresh::new();
    for format in ["plain", "jsonl", "github"] {
        let words = ["run", "--format", format];
        let first = fresh.call(&words);
        first.exits(0);
        let told: Vec<&str> = first.stderr.lines().filter(|line| line.contains("large.wasm")).collect();
        assert!(told.len() == 2 && told[0] == BEFORE && told[1].starts_with(AFTER), "{format}: {}", first.stderr);
        assert!(!first.stdout.contains("compil"), "{format}: what a script reads is the run alone\n{}", first.stdout);

        let second = fresh.call(&words);
        assert!(!second.exits(0).stderr.contains("compil"), "{format}: {}", second.stderr);
        fresh.forget();
    }
    assert!(!fresh.call(&["run", "--quiet"]).exits(0).stderr.contains("compil"));
}

/// Abuse suite, 44: what somebody changed in the cache is no compiled plugin.
#[test]
fn compiled_code_that_was_changed_on_the_disk_is_compiled_anew_and_once() {
    let fresh = Fresh::new();
    let words = ["run", "--format", "plain"];
    let tells = || fresh.call(&words).exits(0).stderr.contains(BEFORE);
    assert!(tells());
    let folder = fs::read_dir(fresh.cache().join("compiled")).expect("the cache is ours");
    let files: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
    let kept: Vec<&PathBuf> =
        files.iter().filter(|path| path.extension().is_some_and(|kind| kind == "cwasm")).collect();
    let [kept] = kept[..] else { panic!("one component was compiled: {files:?}") };
    let honest = fs::read(kept).expect("the cache is ours");
    for at in [0, honest.len() / 2, honest.len() - 1] {
        let mut changed = honest.clone();
        changed[at] ^= 1;
        fs::write(kept, changed).expect("the cache is ours");
        assert!(tells(), "with another byte {at} of {}", honest.len());
        assert!(!tells(), "it is compiled once");
    }
}

#[test]
fn on_a_terminal_one_line_counts_and_is_replaced() {
    let fresh = Fresh::new();
    let run = |flags: &str| {
        let mut script = Command::new("script");
        let command = format!("'{}' run {flags}", sealock().display());
        script.args(["--quiet", "--return", "--command", &command, "/dev/null"]).current_dir(fresh.scene.repo());
        script.env("SEALOCK_CACHE", fresh.cache()).env("SEALOCK_STATE", fresh.scene.state()).env_remove("CI");
        script.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        finish(script.spawn().expect("`script` of util-linux is there"))
    };
    run("").exits(0).says(&format!("\r\u{1b}[K{BEFORE}: 0 s")).says(&format!("\r\u{1b}[K{AFTER}"));
    assert!(!run("").exits(0).stdout.contains("compil"));
    fresh.forget();
    run("--no-progress").exits(0).says(&format!("{BEFORE}\r\n")).says(AFTER);
}

#[test]
fn of_runs_that_start_at_once_one_compiles() {
    let fresh = Fresh::new();
    let children: Vec<Child> = (0..4).map(|_| fresh.start(&["run", "--format", "plain"])).collect();
    let compiled = children.into_iter().map(finish).filter(|told| told.exits(0).stderr.contains(BEFORE)).count();
    assert_eq!(compiled, 1);
}

#[test]
fn a_test_of_a_plugin_tells_of_it_before_its_first_scenario() {
    let fresh = Fresh::new();
    fresh
        .scene
        .write("p/scenarios/greets/scenario.toml", "[with]\ngreeting = \"hello\"\n[expect]\noutcome = \"success\"\n");
    let words = ["plugin", "test", "p", "--component", "large.wasm"];
    let told = fresh.call(&words);
    assert!(told.exits(0).stderr.contains("compiling large.wasm (6 MiB)"), "{}", told.stderr);
    assert!(!fresh.call(&words).exits(0).stderr.contains("compil"));
}
