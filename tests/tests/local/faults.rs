//! Disks that fail, and clocks that jump: the rows of the crash matrix that concern the record.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::support::{Scene, Told, finish, script, sealock, text, until};

const YEAR_S: i64 = 365 * 24 * 3_600;

/// The library that makes faults, compiled once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/local/faults.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{}.so", std::process::id()));
        let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
        assert!(compiled.expect("the compiler that built SQLite is there").success());
        library
    })
}

/// A scene on a machine with faults.
struct Machine {
    scene: Scene,
}

impl Machine {
    fn new(pipeline: &str) -> Self {
        let scene = Scene::new(pipeline);
        scene.write("../faults/none", "");
        Self { scene }
    }

    fn faults(&self) -> PathBuf {
        self.scene.repo().join("../faults")
    }

    fn fault(&self, name: &str, value: &str) {
        fs::write(self.faults().join(name), value).expect("the folder is ours");
    }

    /// Tries of what fails.
    fn tries(&self, counter: &str) -> usize {
        fs::read(self.faults().join(counter)).map_or(0, |tries| tries.len())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.scene.command(arguments);
        command.env("LD_PRELOAD", library()).env("FAULTS", self.faults());
        command
    }

    fn call(&self, arguments: &[&str]) -> Told {
        finish(self.command(arguments).spawn().expect("it starts"))
    }
}

#[test]
fn a_disk_that_fails_ends_the_run_once_and_what_was_told_stays() {
    let went_on = "sleep 1; echo second > went-on";
    for (fault, counter) in [("sync", "syncs"), ("write", "writes")] {
        let machine = Machine::new(&format!(
            "name: scene\nstages:\n  only:\n    steps:\n      - run: echo first; while [ ! -e go ]; do sleep 0.05; done\n      \
             - run: {went_on}\n"
        ));
        let child = machine.command(&["run", "--format", "jsonl"]).spawn().expect("it starts");
        let workspace = || find(&machine.scene.state(), "workspace");
        until("the first step's workspace", || workspace().is_some());
        machine.fault(fault, "");
        fs::write(workspace().expect("it is there").join("go"), "").expect("it is ours");
        let told = finish(child);
        told.exits(5).says("E-JOURNAL-WRITE");
        assert_eq!(machine.tries(counter), 1, "{fault}: it is not tried again\n{}", told.stderr);
        assert!(find(&machine.scene.state(), "went-on").is_none(), "{fault}: nothing new is started");
        fs::remove_file(machine.faults().join(fault)).expect("it is there");
        let run = text(&told.events()[0]["run"]);
        let shown = machine.call(&["show", &run, "--format", "jsonl"]);
        shown.exits(0);
        for line in told.stdout.lines() {
            assert!(shown.stdout.contains(line), "{fault}: lost {line}");
        }
        machine.call(&["doctor", "--journal"]).exits(0).says("every chain holds");
        machine.call(&["runs"]).exits(0).says("! interrupted");
    }
}

/// A file or folder of this name below `folder`.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        if entry.file_name() == name {
            return Some(entry.path());
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Some(found) = find(&entry.path(), name)
        {
            return Some(found);
        }
    }
    None
}

#[test]
fn a_read_only_disk_is_one_clear_message_and_nothing_starts() {
    let scene = Scene::new(&script("echo hello"));
    fs::create_dir(scene.state()).expect("the scratch folder is ours");
    let inner = "mount -t tmpfs -o mode=0700 tmpfs \"$SEALOCK_STATE\" && \"$1\" run --quiet >/dev/null || exit 99
        i=0; until mount -o remount,ro \"$SEALOCK_STATE\"; do i=$((i+1)); [ $i -lt 50 ] || exit 98; sleep 0.1; done
        \"$1\" run; code=$?; \"$1\" doctor --journal; exit $code";
    let own = scene.command(&["run"]);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", inner, "sh"]).arg(sealock());
    command.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(scene.repo());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let told = finish(command.spawn().expect("unshare is there"));
    told.exits(4).says("error[E-DISK]").says("Read-only file system");
}

#[test]
fn a_clock_that_jumps_within_a_run_changes_no_timeout() {
    for jump in [3_600, -3_600, 10 * YEAR_S, -10 * YEAR_S] {
        let machine = Machine::new(
            "name: scene\nstages:\n  only:\n    timeout: 8s\n    steps:\n      \
             - { run: sleep 1.5, timeout: 60s }\n      - { run: sleep 60, timeout: 1s }\n",
        );
        let start = Instant::now();
        let child = machine.command(&["run", "--format", "jsonl"]).spawn().expect("it starts");
        until("the run to begin", || find(&machine.scene.state(), "workspace").is_some());
        machine.fault("clock", &jump.to_string());
        let told = finish(child);
        let took = start.elapsed();
        told.exits(4);
        told.assert_paired();
        let ended = told.of("step-finished");
        assert_eq!(ended[0]["outcome"], "success", "{jump}: {}", told.stdout);
        assert_eq!(ended[1]["outcome"], "failure", "{jump}: {}", told.stdout);
        assert!(took > Duration::from_millis(2_400), "{jump}: {took:?}");
        let times: Vec<String> = told.events().iter().map(|event| text(&event["time"])[..4].to_owned()).collect();
        let jumped = times.first() != times.last();
        assert_eq!(jumped, jump.abs() > YEAR_S, "{jump}: the clock is really another: {times:?}");
        let finished = &told.of("run-finished")[0];
        assert!(finished["duration_ms"].as_u64().expect("a number") < 60_000, "{finished}");
        machine.call(&["show", "--format", "jsonl"]).exits(0);
        machine.call(&["runs"]).exits(0);
        machine.call(&["doctor", "--journal"]).exits(0);
    }
}

#[test]
fn one_run_with_a_wrong_clock_costs_no_older_run_its_record() {
    let machine = Machine::new(&script("echo hello"));
    for jump in [0, 0, 10 * YEAR_S, -10 * YEAR_S] {
        machine.fault("clock", &jump.to_string());
        let _ = fs::remove_file(machine.scene.state().join("pruned"));
        machine.call(&["run"]).exits(0);
    }
    machine.fault("clock", "0");
    assert_eq!(machine.call(&["runs", "--format", "json"]).json().as_array().map(Vec::len), Some(4));
}

#[test]
fn runs_that_are_too_old_are_forgotten() {
    let machine = Machine::new(&script("echo hello"));
    let day = |days: i64| (days * 24 * 3_600).to_string();
    let mut runs = Vec::new();
    for days in [-91, -89, 0, 0, 0] {
        machine.fault("clock", &day(days));
        let _ = fs::remove_file(machine.scene.state().join("pruned"));
        let told = machine.call(&["run", "--format", "jsonl"]);
        told.exits(0);
        runs.push(text(&told.events()[0]["run"]));
    }
    machine.call(&["show", &runs[0]]).exits(2).says("E-RUN-UNKNOWN");
    machine.call(&["show", &runs[1]]).exits(0);
    assert!(!machine.scene.state().join("runs").join(&runs[0]).exists());
    machine.call(&["doctor", "--journal"]).exits(0).says("4 runs");
}
