//! A scratch repository, the binary run in it, and what it told. Each scene has its own state; compiled plugins are shared.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use e2e::Scratch;
use serde_json::Value;

/// How long anything here may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// The binary: `$SEALOCK_BIN`, else the one beside the tests' folder.
pub(crate) fn sealock() -> PathBuf {
    if let Some(path) = std::env::var_os("SEALOCK_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test knows where it is");
    test.parent().and_then(Path::parent).expect("tests lie in `deps`").join("sealock")
}

/// A repository with its own state folder.
pub(crate) struct Scene {
    folder: Scratch,
}

impl Scene {
    /// A repository with one commit: this pipeline as `pipelines/main.yml`.
    pub(crate) fn new(pipeline: &str) -> Self {
        let scene = Self::without_git(pipeline);
        scene.git(&["init", "--quiet", "--initial-branch=main", "."]);
        scene.commit();
        scene
    }

    /// The same in a folder that is no repository.
    pub(crate) fn without_git(pipeline: &str) -> Self {
        let scene = Self { folder: Scratch::new() };
        fs::create_dir(scene.folder.path().join("repo")).expect("the scratch folder is ours");
        scene.write("pipelines/main.yml", pipeline);
        scene
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn write(&self, at: &str, text: impl AsRef<[u8]>) {
        let path = self.repo().join(at);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the repository is ours");
        fs::write(path, text).expect("the repository is ours");
    }

    pub(crate) fn git(&self, arguments: &[&str]) {
        let known = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"];
        let status = Command::new("git").args(known).args(arguments).current_dir(self.repo()).status();
        assert!(status.expect("git is there").success(), "git {arguments:?}");
    }

    pub(crate) fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "state of things"]);
    }

    /// The binary in this repository, with nothing of the test's own settings.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(sealock());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("SEALOCK_") || text.starts_with("GITHUB_") || text == "CI" {
                command.env_remove(&name);
            }
        }
        command.args(arguments).current_dir(self.repo()).env("SEALOCK_STATE", self.state());
        command.env("SEALOCK_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/local-compiled"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Told {
        finish(self.command(arguments).spawn().expect("the binary starts"))
    }

    /// `run --format jsonl`, and a look at the stream as a whole.
    pub(crate) fn run(&self, arguments: &[&str]) -> Told {
        let mut all = vec!["run", "--format", "jsonl"];
        all.extend(arguments);
        let told = self.call(&all);
        told.assert_paired();
        told
    }

    /// Every byte below the state folder.
    pub(crate) fn state_holds(&self, needle: &[u8]) -> Option<PathBuf> {
        holds(&self.state(), needle)
    }
}

fn holds(folder: &Path, needle: &[u8]) -> Option<PathBuf> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            if let Some(found) = holds(&path, needle) {
                return Some(found);
            }
        } else if kind.is_file() && fs::read(&path).is_ok_and(|bytes| contains(&bytes, needle)) {
            return Some(path);
        }
    }
    None
}

pub(crate) fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// One pipeline of one stage `only` and one `run:` step.
pub(crate) fn script(lines: &str) -> String {
    let mut text = "name: scene\nstages:\n  only:\n    steps:\n      - run: |\n".to_owned();
    for line in lines.lines() {
        text.push_str("          ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Waits, but not for ever.
pub(crate) fn finish(mut child: Child) -> Told {
    let late = watch(child.id());
    let mut stdout = child.stdout.take().expect("it is piped");
    let mut stderr = child.stderr.take().expect("it is piped");
    let reader = thread::spawn(move || read(&mut stdout));
    let errors = read(&mut stderr);
    let status = child.wait().expect("the child is ours");
    drop(late);
    Told::new(Output { status, stdout: reader.join().expect("reading does not panic"), stderr: errors })
}

fn read(from: &mut impl std::io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).expect("a pipe can be read");
    bytes
}

/// Ends the process when the returned sender has not been dropped in time.
fn watch(pid: u32) -> std::sync::mpsc::Sender<()> {
    let (alive, ended) = std::sync::mpsc::channel();
    thread::spawn(move || {
        if ended.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            signal(pid, "KILL");
        }
    });
    alive
}

pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
    status.expect("kill is there");
}

/// Waits until this holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Processes whose command line has this word.
pub(crate) fn processes_with(marker: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("there is /proc").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if contains(&line, marker.as_bytes()) {
            found.push(pid);
        }
    }
    found
}

/// What a call printed, and how it ended.
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Told {
    fn new(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("what is printed is UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    pub(crate) fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    pub(crate) fn says(&self, word: &str) -> &Self {
        assert!(
            self.stdout.contains(word) || self.stderr.contains(word),
            "no `{word}` in\n{}\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in\n{}\n{}", self.stdout, self.stderr))
    }

    /// The lines of `--format jsonl`; a torn last line counts as none.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    pub(crate) fn of(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["kind"] == kind).collect()
    }

    /// The log lines of one stage.
    pub(crate) fn log(&self, stage: &str) -> Vec<String> {
        let lines = self.of("log").into_iter().filter(|event| event["stage"] == stage);
        lines.filter_map(|event| event["text"].as_str().map(str::to_owned)).collect()
    }

    /// Every stage that ended, and how.
    pub(crate) fn results(&self) -> BTreeMap<String, String> {
        let ended = self.of("stage-finished").into_iter();
        ended.map(|event| (text(&event["stage"]), text(&event["result"]))).collect()
    }

    /// The stages that were skipped as a whole.
    pub(crate) fn skipped(&self) -> Vec<String> {
        let skipped = self.of("skipped").into_iter().filter(|event| event["step"].is_null());
        let mut names: Vec<String> = skipped.map(|event| text(&event["stage"])).collect();
        names.sort();
        names
    }

    /// The cause of the first step that failed.
    pub(crate) fn cause(&self) -> String {
        let ended = self.of("step-finished").into_iter().find(|event| !event["cause"].is_null());
        ended.map(|event| text(&event["cause"]["code"])).unwrap_or_default()
    }

    /// Every start has one end, in time.
    pub(crate) fn assert_paired(&self) {
        self.assert_paired_but_for("");
    }

    /// The same but for one kind: an interrupted run has one end more than it has starts.
    pub(crate) fn assert_paired_but_for(&self, other: &str) {
        let mut open: BTreeMap<String, i32> = BTreeMap::new();
        for event in self.events() {
            let kind = text(&event["kind"]);
            let (what, change) = match (kind.strip_suffix("-started"), kind.strip_suffix("-finished")) {
                (Some(what), _) => (what, 1),
                (_, Some(what)) => (what, -1),
                _ => continue,
            };
            if what == other {
                continue;
            }
            let count =
                open.entry(format!("{what} {} {} {}", event["stage"], event["step"], event["attempt"])).or_default();
            *count += change;
            assert!((0..=1).contains(count), "{kind} once more: {event}");
        }
        let left: Vec<_> = open.into_iter().filter(|(_, count)| *count != 0).collect();
        assert!(left.is_empty(), "without an end: {left:?}\n{}\n{}", self.stdout, self.stderr);
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
