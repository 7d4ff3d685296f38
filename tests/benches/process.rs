//! Whole processes of the built binary against what people use today: `act`, a loop of the shell; and ten thousand
//! journaled steps, a run of a thousand steps that goes on, a thousand old runs, a plugin of a registry, and a plugin author's
//! first minute, against limits.
//!
//! Reads `SEALOCK_BINARY` (a release build), `SEALOCK_ACT` (the peer), and `SEALOCK_GUESTS` (the folder of the compiled
//! guests); each that is missing fails the bench. Every figure is the median of rounds in which the peers take turns, so that
//! a busy machine slows both. Prints one JSON object a figure.

#![expect(clippy::print_stdout, reason = "a bench speaks through its output")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use e2e::Depot;
use tempfile::TempDir;

/// One `run: "true"` as a whole process, warm.
const ONE_MAX: Duration = Duration::from_millis(20);
/// The same against `act` in host mode.
const ACT_RATIO_MAX: f64 = 1.0 / 5.0;
/// A hundred `run: "true"` against a shell's loop.
const LOOP_RATIO_MAX: f64 = 3.0;
/// `check` and `plan` of a thousand stages.
const PLAN_MAX: Duration = Duration::from_millis(50);
/// Ten thousand hermetic steps, journaled.
const STEPS_MAX: Duration = Duration::from_secs(2);
/// What the GitHub Action adds to `run: sealock run` in a workflow.
const ACTION_MAX: Duration = Duration::from_millis(100);
/// Of the whole process at its peak.
const STEPS_MIB_MAX: u64 = 150;

/// A published plugin's first use: download, verify, compile, run.
const FIRST_USE_MAX: Duration = Duration::from_secs(1);
/// Its second, as a whole process.
const SECOND_USE_MAX: Duration = Duration::from_millis(25);

/// A run of a thousand steps that goes on, from the start of the process to the start of its first step.
const RESUME_MAX: Duration = Duration::from_millis(100);
/// What a thousand old runs add to the shortest one.
const OLD_RUNS_MAX: Duration = Duration::from_millis(5);
const OLD_RUNS: usize = 1_000;
/// From `plugin new` to a passing test, with the crates already fetched.
const AUTHOR_MAX: Duration = Duration::from_mins(1);

/// A repository with a pipeline, and a state of its own.
struct Scene {
    folder: TempDir,
}

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if is_quick { 5 } else { 31 };
    let held = [
        one(rounds),
        action(rounds.min(15)),
        hundred(rounds.min(11)),
        plan(rounds),
        published(rounds.min(11)),
        author(rounds.min(3)),
        ten_thousand(rounds.min(5)),
        resumed(rounds.min(11)),
        old_runs(rounds),
    ];
    assert!(held.iter().all(|held| *held), "a bound does not hold: see the figures above");
}

/// One `run: "true"` in a small repository, and the same in a workflow under `act`.
fn one(rounds: usize) -> bool {
    let scene = Scene::new("name: one\nstages:\n  only: { steps: [{ run: \"true\" }] }\n");
    scene.write(
        ".github/workflows/one.yml",
        "on: push\njobs:\n  only:\n    runs-on: ubuntu-latest\n    steps: [{ run: \"true\" }]\n",
    );
    scene.commit();
    let act = given("SEALOCK_ACT");
    let sealock = || scene.sealock(&["run"]);
    let peer = || {
        let mut command = Command::new(&act);
        command.args(["-P", "ubuntu-latest=-self-hosted", "--container-daemon-socket", "-", "push"]);
        command.current_dir(scene.repo()).env("XDG_CACHE_HOME", scene.folder.path());
        command
    };
    let [ours, theirs] = medians(rounds, [&sealock, &peer]);
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!(
        "{{\"one_run_true_ms\":{:.1},\"one_run_true_ms_max\":{},\"act_ms\":{:.1},\"ratio\":{ratio:.3},\"ratio_max\":{ACT_RATIO_MAX}}}",
        ms(ours),
        ONE_MAX.as_millis(),
        ms(theirs),
    );
    ours <= ONE_MAX && ratio <= ACT_RATIO_MAX
}

/// A workflow that uses the action, and one that calls the binary; the workflow runner is the same.
fn action(rounds: usize) -> bool {
    let sealock = given("SEALOCK_BINARY");
    let with = format!("uses: sealock/sealock@v1\n        with: {{ binary: {} }}", sealock.display());
    let plain = format!("run: {} run --format github", sealock.display());
    let scenes = [with, plain].map(|step| {
        let scene = Scene::new("name: one\nstages:\n  only: { steps: [{ run: \"true\" }] }\n");
        let head =
            "on: push\njobs:\n  only:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n";
        scene.write(".github/workflows/one.yml", format!("{head}      - {step}\n"));
        scene.commit();
        scene
    });
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the project");
    let copy = TempDir::new().expect("there is room for a scratch folder");
    let mut copied = Command::new("cp");
    copied.arg("-R").arg(project.join("action.yml")).arg(project.join("action")).arg(copy.path());
    timed(copied);
    let act = given("SEALOCK_ACT");
    let in_workflow = |scene: &Scene| {
        let mut command = Command::new(&act);
        command.args(["-P", "ubuntu-latest=-self-hosted", "--container-daemon-socket", "-", "--local-repository"]);
        command.arg(format!("sealock/sealock@v1={}", copy.path().display())).arg("push").current_dir(scene.repo());
        command.env("XDG_CACHE_HOME", scene.folder.path()).env("SEALOCK_STATE", scene.folder.path().join("state"));
        command
    };
    let [ours, theirs] = medians(rounds, [&|| in_workflow(&scenes[0]), &|| in_workflow(&scenes[1])]);
    let overhead = ours.saturating_sub(theirs);
    println!(
        "{{\"action_ms\":{:.1},\"run_sealock_run_ms\":{:.1},\"overhead_ms\":{:.1},\"overhead_ms_max\":{}}}",
        ms(ours),
        ms(theirs),
        ms(overhead),
        ACTION_MAX.as_millis()
    );
    overhead <= ACTION_MAX
}

/// A hundred `run: "true"` in one stage, and a shell that starts a hundred shells.
fn hundred(rounds: usize) -> bool {
    let scene = Scene::new(&format!(
        "name: hundred\nstages:\n  only:\n    steps:\n{}",
        "      - { run: \"true\" }\n".repeat(100)
    ));
    let sealock = || scene.sealock(&["run"]);
    let peer = || {
        let mut command = Command::new("sh");
        command.args(["-c", "i=0; while [ $i -lt 100 ]; do i=$((i+1)); sh -c true; done"]);
        command
    };
    let [ours, theirs] = medians(rounds, [&sealock, &peer]);
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!(
        "{{\"hundred_run_true_ms\":{:.1},\"shell_loop_ms\":{:.1},\"ratio\":{ratio:.2},\"ratio_max\":{LOOP_RATIO_MAX}}}",
        ms(ours),
        ms(theirs),
    );
    ratio <= LOOP_RATIO_MAX
}

/// `check` and then `plan` of a thousand stages, each of which needs the one before.
fn plan(rounds: usize) -> bool {
    let stage = |number: usize| match number.checked_sub(1) {
        None => "  s0: { steps: [{ run: echo 0 }] }\n".to_owned(),
        Some(before) => format!("  s{number}: {{ needs: s{before}, steps: [{{ run: echo {number} }}] }}\n"),
    };
    let scene = Scene::new(&format!("name: plan\nstages:\n{}", (0..1_000).map(stage).collect::<String>()));
    let [check, plan] = medians(
        rounds,
        [&|| scene.sealock(&["check", "pipelines/main.yml"]), &|| scene.sealock(&["plan", "--format", "json"])],
    );
    println!(
        "{{\"check_1000_stages_ms\":{:.1},\"plan_1000_stages_ms\":{:.1},\"together_ms_max\":{}}}",
        ms(check),
        ms(plan),
        PLAN_MAX.as_millis()
    );
    check + plan <= PLAN_MAX
}

/// A plugin of a registry on loopback: used for the first time on a machine, and for the second time.
fn published(rounds: usize) -> bool {
    let depot = Depot::start();
    let guest = given("SEALOCK_GUESTS").join("guest_polite.wasm");
    let component = fs::read(&guest).unwrap_or_else(|error| panic!("{}: {error}", guest.display()));
    depot.put_plugin("acme/step", "1.0.0", &component, "2020-01-01T00:00:00Z");
    let uses = format!("{{ uses: \"{}/acme/step:1.0.0\", with: {{ greeting: hello }} }}", depot.address);
    let scene = Scene::new(&format!("name: published\nstages:\n  only: {{ steps: [{uses}] }}\n"));
    timed(scene.sealock(&["lock", "--locked=false"]));
    scene.commit();
    let mut taken = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        fs::remove_dir_all(scene.folder.path().join("cache")).expect("the cache is ours");
        for taken in &mut taken {
            taken.push(timed(scene.sealock(&["run"])));
        }
    }
    let [first, second] = taken.map(|mut taken| {
        taken.sort();
        taken[rounds / 2]
    });
    println!(
        "{{\"published_first_use_ms\":{:.0},\"published_first_use_ms_max\":{},\"published_second_use_ms\":{:.1},\"published_second_use_ms_max\":{}}}",
        ms(first),
        FIRST_USE_MAX.as_millis(),
        ms(second),
        SECOND_USE_MAX.as_millis(),
    );
    first <= FIRST_USE_MAX && second <= SECOND_USE_MAX
}

/// A plugin author's first minute: a project in Rust is made, built, and tested against its scenarios, without a network.
fn author(rounds: usize) -> bool {
    let mut taken: Vec<[Duration; 3]> = (0..rounds)
        .map(|_| {
            let scene = Scene::new("name: author\nstages: { only: { steps: [{ run: \"true\" }] } }\n");
            [["plugin", "new", "line-gate"], ["plugin", "build", "line-gate"], ["plugin", "test", "line-gate"]].map(
                |words| {
                    let mut command = scene.sealock(&words);
                    command.env("CARGO_NET_OFFLINE", "true").env_remove("CARGO_TARGET_DIR");
                    timed(command)
                },
            )
        })
        .collect();
    taken.sort_by_key(|parts| parts.iter().sum::<Duration>());
    let parts = taken[rounds / 2];
    let whole: Duration = parts.iter().sum();
    println!(
        "{{\"plugin_new_ms\":{:.0},\"plugin_build_ms\":{:.0},\"plugin_test_ms\":{:.0},\"together_ms\":{:.0},\"together_ms_max\":{}}}",
        ms(parts[0]),
        ms(parts[1]),
        ms(parts[2]),
        ms(whole),
        AUTHOR_MAX.as_millis(),
    );
    whole <= AUTHOR_MAX
}

/// Ten thousand steps of a component that asks for nothing, with all their events in the journal.
fn ten_thousand(rounds: usize) -> bool {
    let step = "      - { uses: ./guests/polite.wasm, with: { greeting: hello } }\n";
    let stage = |number: usize| format!("  s{number}:\n    steps:\n{}", step.repeat(100));
    let scene = Scene::new(&format!("name: many\nstages:\n{}", (0..100).map(stage).collect::<String>()));
    let guest = given("SEALOCK_GUESTS").join("guest_polite.wasm");
    scene.write("guests/polite.wasm", fs::read(&guest).unwrap_or_else(|error| panic!("{}: {error}", guest.display())));
    scene.commit();
    let mut peak = 0;
    let mut taken: Vec<Duration> = (0..rounds)
        .map(|_| {
            let (time, mib) = watched(scene.sealock(&["run"]));
            peak = peak.max(mib);
            time
        })
        .collect();
    taken.sort();
    let time = taken[rounds / 2];
    println!(
        "{{\"ten_thousand_steps_ms\":{:.0},\"ten_thousand_steps_ms_max\":{},\"peak_mib\":{peak},\"peak_mib_max\":{STEPS_MIB_MAX}}}",
        ms(time),
        STEPS_MAX.as_millis()
    );
    time <= STEPS_MAX && peak <= STEPS_MIB_MAX
}

/// A run whose last step fails, behind a thousand that succeed: each time it goes on it is begun again.
fn resumed(rounds: usize) -> bool {
    let step = "      - { uses: ./guests/polite.wasm, with: { greeting: hello } }\n";
    let stage = |number: usize| format!("  s{number}:\n    steps:\n{}", step.repeat(100));
    let stages: String = (0..10).map(stage).collect();
    let names: Vec<String> = (0..10).map(|number| format!("s{number}")).collect();
    let last = format!("  last: {{ needs: [{}], steps: [{{ run: \"false\" }}] }}\n", names.join(", "));
    let scene = Scene::new(&format!("name: resumed\nstages:\n{stages}{last}"));
    let guest = given("SEALOCK_GUESTS").join("guest_polite.wasm");
    scene.write("guests/polite.wasm", fs::read(&guest).unwrap_or_else(|error| panic!("{}: {error}", guest.display())));
    scene.commit();
    let ended = scene.sealock(&["run", "--quiet"]).output().expect("it starts");
    assert_eq!(ended.status.code(), Some(1), "{}", text(&ended.stderr));
    let mut taken: Vec<Duration> = (0..rounds).map(|_| to_first_step(&scene)).collect();
    taken.sort();
    let time = taken[rounds / 2];
    println!("{{\"resume_1000_steps_ms\":{:.1},\"resume_1000_steps_ms_max\":{}}}", ms(time), RESUME_MAX.as_millis());
    time <= RESUME_MAX
}

/// Until a resumed run says that it started a step; what it did before is told first.
fn to_first_step(scene: &Scene) -> Duration {
    let started = Instant::now();
    let mut command = scene.sealock(&["resume", "latest", "--format", "jsonl"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let mut lines = lines.skip_while(|line| !line.contains("\"kind\":\"run-resumed\""));
    lines.find(|line| line.contains("\"kind\":\"step-started\"")).expect("its last step is begun again");
    let elapsed = started.elapsed();
    lines.for_each(drop);
    assert_eq!(child.wait().expect("it is ours").code(), Some(1));
    elapsed
}

/// One `run: "true"` where none was run before, and where a thousand were.
fn old_runs(rounds: usize) -> bool {
    let [new, old] = ["new", "old"].map(|_| Scene::new("name: one\nstages:\n  only: { steps: [{ run: \"true\" }] }\n"));
    for _ in 0..OLD_RUNS {
        timed(old.sealock(&["run", "--quiet"]));
    }
    let [few, many] = medians(rounds, [&|| new.sealock(&["run"]), &|| old.sealock(&["run"])]);
    println!(
        "{{\"run_without_old_runs_ms\":{:.1},\"run_with_1000_old_runs_ms\":{:.1},\"more_ms_max\":{}}}",
        ms(few),
        ms(many),
        OLD_RUNS_MAX.as_millis()
    );
    many.saturating_sub(few) <= OLD_RUNS_MAX
}

impl Scene {
    fn new(pipeline: &str) -> Self {
        let scene = Self { folder: TempDir::new().expect("there is room for a scratch folder") };
        scene.write("pipelines/main.yml", pipeline);
        scene.git(&["init", "--quiet", "--initial-branch=main", "."]);
        scene.commit();
        scene
    }

    fn repo(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    fn write(&self, at: &str, text: impl AsRef<[u8]>) {
        let path = self.repo().join(at);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the repository is ours");
        fs::write(path, text).expect("the repository is ours");
    }

    fn git(&self, arguments: &[&str]) {
        let known = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"];
        let status = Command::new("git").args(known).args(arguments).current_dir(self.repo()).status();
        assert!(status.expect("git is there").success(), "git {arguments:?}");
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "state of things"]);
    }

    fn sealock(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(given("SEALOCK_BINARY"));
        command.args(arguments).current_dir(self.repo());
        command.env("SEALOCK_STATE", self.folder.path().join("state"));
        command.env("SEALOCK_CACHE", self.folder.path().join("cache"));
        command
    }
}

/// What the caller has to say.
#[expect(clippy::disallowed_methods, reason = "a bench is told by its environment what to run")]
fn given(variable: &str) -> PathBuf {
    let path =
        std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set; `cargo xtask bench` sets it"));
    let path = PathBuf::from(path);
    assert!(Path::new(&path).exists(), "{variable}: {} is not there", path.display());
    path
}

/// The median of each, one after another in each round.
fn medians<const N: usize>(rounds: usize, commands: [&dyn Fn() -> Command; N]) -> [Duration; N] {
    let mut taken: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::new());
    for command in commands {
        timed(command());
    }
    for _ in 0..rounds {
        for (command, taken) in commands.iter().zip(&mut taken) {
            taken.push(timed(command()));
        }
    }
    taken.map(|mut taken| {
        taken.sort();
        taken[rounds / 2]
    })
}

fn timed(mut command: Command) -> Duration {
    let started = Instant::now();
    let ended = command.stdin(Stdio::null()).output().expect("it starts");
    let elapsed = started.elapsed();
    assert!(ended.status.success(), "{command:?}: {}{}", text(&ended.stdout), text(&ended.stderr));
    elapsed
}

/// How long it took, and its peak of memory in MiB as the kernel counted it.
fn watched(mut command: Command) -> (Duration, u64) {
    let started = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    loop {
        // A process that has ended, and has not been waited for, has no memory any more: the last peak stays.
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak_kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(peak_kib);
        if let Some(ended) = child.try_wait().expect("a child can be asked") {
            assert!(ended.success(), "{command:?} ended with {ended}");
            return (started.elapsed(), peak_kib >> 10);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
