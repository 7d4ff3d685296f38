//! The record of runs.

use std::collections::HashSet;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use e2e::Dice;
use rusqlite::Connection;

use super::cancel::{running, sleeper, unique};
use super::support::{Scene, Told, finish, script, sealock, signal, text};

#[test]
fn runs_are_listed_and_shown_by_the_start_of_their_name() {
    let scene = Scene::new(&script("echo hello"));
    let first = scene.run(&[]);
    first.exits(0);
    let run = text(&first.of("run-started")[0]["run"]);
    scene.call(&["runs"]).exits(0).says(&run).says("scene");
    for name in [run.as_str(), &run[..run.len() - 2]] {
        let shown = scene.call(&["show", "--format", "jsonl", name]);
        shown.exits(0);
        assert_eq!(shown.stdout, first.stdout);
    }
    scene.call(&["show", &run, "--logs", "only/1"]).exits(0).says("hello");
    scene.run(&[]).exits(0);
    scene.call(&["show", "0"]).exits(2).says("E-RUN-AMBIGUOUS");
    scene.call(&["show", "ZZZZ"]).exits(2).says("E-RUN-UNKNOWN");
    scene.call(&["show", &run, "--logs", "only/9"]).exits(2);
}

#[test]
fn a_state_without_runs_says_so() {
    let scene = Scene::new(&script("true"));
    scene.call(&["runs"]).exits(0);
    scene.call(&["show"]).exits(2).says("E-RUN-UNKNOWN");
}

/// Runs the scene with its state on a disk of its own that has this size, mounted in a namespace of its own, so that
/// nothing has to be unmounted. What is left of the record stands behind the run's own lines.
fn on_a_disk_of(size: &str, scene: &Scene) -> Told {
    fs::create_dir(scene.state()).expect("the scratch folder is ours");
    let inner = "mount -t tmpfs -o size=\"$1\",mode=0700 tmpfs \"$SEALOCK_STATE\" || exit 99
        \"$2\" run --format jsonl; code=$?
        rm -rf \"$SEALOCK_STATE/checkouts\"; echo; echo shown; echo shown >&2; \"$2\" show --format jsonl; exit $code";
    let own = scene.command(&["run"]);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", inner, "sh", size]).arg(sealock());
    command.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(scene.repo());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().expect("unshare is there"))
}

#[test]
fn a_full_disk_is_one_clear_message() {
    let chatty = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo \"a line that takes room on the disk $i\"; done";
    for (size, then) in [("64k", ""), ("256k", "; sleep 300"), ("2m", ""), ("9m", "")] {
        let chatty = format!("{chatty}{then}");
        let scene =
            Scene::new(&format!("{}  later: {{ needs: only, steps: [{{ run: \"true\" }}] }}\n", script(&chatty)));
        let told = on_a_disk_of(size, &scene);
        let (ran, shown) = told.stdout.split_once("shown\n").expect("the record is asked for");
        let of_run = told.stderr.lines().take_while(|line| *line != "shown");
        let errors = of_run.filter(|line| line.starts_with("error[")).collect::<Vec<_>>();
        let finished = ran.lines().filter(|line| line.contains(r#""kind":"run-finished""#)).collect::<Vec<_>>();
        assert_eq!(errors.len() + finished.len(), 1, "{size}: {errors:?} {finished:?}");
        let message = errors.first().or(finished.first()).expect("there is one");
        for word in ["-FULL", "is full", "KiB are free", &scene.state().display().to_string()] {
            assert!(message.contains(word), "{size}: no `{word}` in {message}");
        }
        told.exits(4).says("--state");
        // Whatever was told is in the record.
        let kept: HashSet<&str> = shown.lines().collect();
        for line in ran.lines().filter(|line| !line.is_empty()) {
            assert!(kept.contains(line), "{size}: lost {line}\n{}", told.stderr);
        }
    }
}

/// Two stages at a time, each with several steps and a long log.
const CHATTY: &str = r#"
name: chatty
stages:
  first:
    matrix: { n: [1, 2, 3] }
    steps:
      - run: "true"
      - { run: 'i=0; while [ $i -lt 1500 ]; do i=$((i+1)); echo "line $i of $N"; done', env: { N: "${{ matrix.n }}" } }
      - run: 'i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo "more $i" >&2; done'
  second: { needs: first, steps: [{ run: "echo second" }, { run: 'seq 1 1000' }] }
  third: { needs: second, steps: [{ run: 'seq 1 1000' }] }
"#;

/// A seed that a failure names.
fn seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    u64::from(since.subsec_nanos()) | 1
}

/// A run that is killed after so long; what it had told by then.
fn killed_after(scene: &Scene, pause: Duration) -> Told {
    let child = scene.command(&["run", "--format", "jsonl", "--jobs", "2"]).spawn().expect("it starts");
    let pid = child.id();
    let killer = thread::spawn(move || {
        thread::sleep(pause);
        signal(pid, "KILL");
    });
    let told = finish(child);
    killer.join().expect("it does not panic");
    told
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_told() {
    let scene = Scene::new(CHATTY);
    let start = Instant::now();
    scene.run(&["--jobs", "2"]).exits(0);
    let whole = u64::try_from(start.elapsed().as_micros()).expect("a run is short");
    let seed = seed();
    let mut dice = Dice::new(seed);
    for round in 0..10 {
        let told = killed_after(&scene, Duration::from_micros(dice.below(whole)));
        let Some(first) = told.events().first().cloned() else { continue };
        let run = text(&first["run"]);
        let shown = scene.call(&["show", &run, "--format", "jsonl"]);
        shown.exits(0);
        let kept: HashSet<&str> = shown.stdout.lines().collect();
        for line in told.stdout.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            assert!(kept.contains(line), "seed {seed}, round {round}: lost {line}");
        }
        let is_over = !shown.of("run-finished").is_empty();
        let listed = scene.call(&["runs", "--format", "json"]).json();
        assert_eq!(listed[0]["run"], run.as_str(), "seed {seed}, round {round}");
        assert_eq!(listed[0]["state"], if is_over { "finished" } else { "interrupted" }, "seed {seed}, round {round}");
        assert_eq!(shown.stderr.contains("was interrupted"), !is_over, "seed {seed}, round {round}: {}", shown.stderr);
    }
    scene.run(&[]).exits(0);
}

#[test]
fn a_run_that_goes_on_is_listed_as_running() {
    let marker = unique("goes-on");
    let scene = Scene::new(&script(&sleeper(&marker)));
    let mut child = running(&scene, &marker);
    scene.call(&["runs"]).exits(0).says("… running");
    assert_eq!(scene.call(&["runs", "--format", "json"]).json()[0]["state"], "running");
    scene.call(&["show"]).exits(0).says("goes on");
    child.kill().and_then(|()| child.wait()).expect("it is ours");
    scene.call(&["runs"]).exits(0).says("! interrupted");
}

#[test]
fn two_runs_share_a_state_folder() {
    let scene = Scene::new(CHATTY);
    for _ in 0..3 {
        let start = || scene.command(&["run", "--format", "jsonl", "--jobs", "2"]).spawn().expect("it starts");
        let (one, other) = (start(), start());
        let other = thread::spawn(move || finish(other));
        for told in [finish(one), other.join().expect("it does not panic")] {
            told.exits(0);
            let shown = scene.call(&["show", &text(&told.events()[0]["run"]), "--format", "jsonl"]);
            assert_eq!(shown.stdout, told.stdout);
        }
    }
    let listed = scene.call(&["runs", "--format", "json"]).json();
    assert_eq!(listed.as_array().expect("a list").len(), 6);
}

/// The journal, changed by hand behind Sealock's back.
fn tampered(statement: &str) -> Scene {
    let scene = Scene::new(&script("echo hello"));
    scene.run(&[]).exits(0);
    let journal = Connection::open(scene.state().join("journal.db")).expect("it is a database");
    journal.execute_batch(statement).expect("the tables are known");
    scene
}

#[test]
fn a_journal_that_cannot_be_trusted_is_refused_and_left_alone() {
    let cases = [
        ("PRAGMA user_version = 99", "E-JOURNAL-NEWER", "version 99"),
        (
            "UPDATE events SET record = CAST(replace(record, 'run-finished', 'run-finishes') AS BLOB)",
            "E-JOURNAL-CHAIN",
            "last event",
        ),
        ("DELETE FROM events WHERE kind = 'run-finished'", "E-JOURNAL-CHAIN", "missing"),
    ];
    for (statement, code, word) in cases {
        let scene = tampered(statement);
        let before = fs::read(scene.state().join("journal.db")).expect("it is there");
        for command in [["run", "--format=jsonl"], ["show", "latest"], ["runs", "--format=json"]] {
            let told = scene.call(&command);
            told.exits(5).says(code).says(word);
            assert_eq!(told.stderr.contains("sealock doctor --journal"), code == "E-JOURNAL-CHAIN", "{}", told.stderr);
            assert!(told.stdout.is_empty(), "{statement}: {}", told.stdout);
        }
        assert_eq!(fs::read(scene.state().join("journal.db")).expect("it is there"), before);
    }
    let scene = Scene::new(&script("echo hello"));
    fs::create_dir(scene.state()).expect("the scratch folder is ours");
    fs::write(scene.state().join("journal.db"), "this is no database, and has been none for a hundred bytes or so")
        .expect("the scratch folder is ours");
    scene.call(&["run"]).exits(5).says("E-JOURNAL-DAMAGED");
}

#[test]
fn doctor_shows_where_a_chain_breaks_and_saves_what_can_be_read() {
    let scene = tampered("UPDATE events SET record = CAST(replace(record, 'only', 'onlx') AS BLOB) WHERE seq = 4");
    scene.run(&[]).exits(0);
    let runs = scene.call(&["runs", "--format", "json"]).json();
    let (good, bad) = (text(&runs[0]["run"]), text(&runs[1]["run"]));
    // The tail of the broken run holds; whoever reads all of it is refused, others go on.
    scene.call(&["show", &good]).exits(0);
    scene.call(&["show", &bad]).exits(5).says("E-JOURNAL-CHAIN").says("sealock doctor --journal");
    scene.call(&["resume", &bad, "--from", "only"]).exits(5).says("E-JOURNAL-CHAIN").says("sealock doctor --journal");
    scene.call(&["allow", "--from", &bad]).exits(5).says("sealock doctor --journal");

    let told = scene.call(&["doctor", "--journal"]);
    told.exits(5).says("2 runs").says(&bad).says("event 4").says("found:    sha256:").says("expected: sha256:");
    let json = scene.call(&["doctor", "--journal", "--format", "json"]);
    let problem = json.exits(5).json()["problems"][0].clone();
    assert_eq!((&problem["code"], &problem["sequence"]), (&"E-JOURNAL-CHAIN".into(), &4.into()));
    assert_eq!(problem["run"], bad.as_str());
    assert_ne!(problem["found"], problem["expected"]);

    scene.call(&["doctor", "--journal", "--export", "saved.jsonl"]).exits(5).says("records saved to saved.jsonl");
    scene.call(&["doctor", "--journal", "--export", "saved.jsonl"]).exits(2).says("E-FILE-WRITE");
    let saved = fs::read_to_string(scene.repo().join("saved.jsonl")).expect("it was saved");
    let lines: Vec<serde_json::Value> =
        saved.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    let of_bad: Vec<_> = lines.iter().filter(|line| line["run"] == bad.as_str()).collect();
    assert_eq!(of_bad[0]["head"]["pipeline"], "scene");
    assert_eq!((&of_bad[3]["verified"], &of_bad[4]["verified"]), (&true.into(), &false.into()));
    let last = of_bad.last().expect("there are some");
    assert_eq!((&last["event"]["kind"], &last["verified"]), (&"run-finished".into(), &false.into()));
    assert!(lines.iter().filter(|line| line["run"] == good.as_str()).skip(1).all(|line| line["verified"] == true));
    let printed = scene.call(&["doctor", "--journal", "--export", "-"]);
    assert_eq!(printed.exits(5).stdout, saved);
}

#[test]
fn doctor_says_what_it_cannot_open_and_that_all_is_well() {
    let scene = Scene::new(&script("echo hello"));
    scene.call(&["doctor", "--journal"]).exits(0).says("there is no journal");
    assert!(!scene.state().exists(), "looking makes nothing");
    scene.run(&[]).exits(0);
    scene.call(&["doctor", "--journal"]).exits(0).says("1 runs").says("every chain holds");
    tampered("PRAGMA user_version = 99")
        .call(&["doctor", "--journal"])
        .exits(5)
        .says("E-JOURNAL-NEWER")
        .says("version 99");
    scene.call(&["doctor"]).exits(2);
}

/// Every page of a real record with one flipped bit: what is told is true, or a refusal; nothing panics.
#[test]
fn a_flipped_bit_anywhere_in_the_file_is_seen_or_harmless() {
    let scene = Scene::new(&script("echo hello"));
    let first = scene.run(&[]);
    first.exits(0);
    let file = scene.state().join("journal.db");
    let journal = Connection::open(&file).expect("it is a database");
    journal.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("nobody else has it open");
    drop(journal);
    let whole = fs::read(&file).expect("it is there");
    for at in (0..whole.len()).step_by(whole.len() / 60) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        fs::write(&file, flipped).expect("it is ours");
        let told = scene.call(&["show", "latest", "--format", "jsonl"]);
        match told.code {
            Some(0) => assert_eq!(told.stdout, first.stdout, "byte {at}"),
            Some(2) => drop(told.exits(2).says("E-RUN-UNKNOWN")),
            _ => drop(told.exits(5).says("E-JOURNAL-")),
        }
        let verdict = scene.call(&["doctor", "--journal", "--export", "-"]);
        assert!(matches!(verdict.code, Some(0 | 5)), "byte {at}: {}", verdict.stderr);
        assert!(told.code == Some(0) || verdict.code == Some(5), "byte {at}: {}", verdict.stderr);
    }
}

/// The WAL cut off at each of its pages: what is left of the record is told to be whole only where nothing shows that it is not.
#[test]
fn a_record_that_lost_its_end_is_not_gone_on_with() {
    const FRAME_BYTES: usize = 4096 + 24;
    let scene = Scene::new(&script("echo hello\nexit 1"));
    scene.run(&[]).exits(1);
    let file = |name: &str| scene.state().join(name);
    let (whole, base) = (fs::read(file("journal.db-wal")), fs::read(file("journal.db")));
    let (whole, base) = (whole.expect("it is there"), base.expect("it is there"));
    let mut noticed = 0;
    for frames in 1..whole.len() / FRAME_BYTES {
        fs::write(file("journal.db"), &base).expect("it is ours");
        fs::write(file("journal.db-wal"), &whole[..32 + frames * FRAME_BYTES]).expect("it is ours");
        fs::remove_file(file("journal.db-shm")).expect("it is there");
        let told = scene.call(&["doctor", "--journal"]);
        if told.code == Some(0) {
            continue;
        }
        told.exits(5).says("the log goes on after the record's end");
        scene.call(&["resume", "latest"]).exits(5).says("E-JOURNAL-CHAIN").says("sealock doctor --journal");
        noticed += 1;
    }
    assert!(noticed > 0, "the log is behind the step's start");
}

#[test]
fn a_journal_of_an_older_version_is_taken_along() {
    let scene = tampered(
        "ALTER TABLE runs ADD COLUMN plan TEXT NOT NULL DEFAULT '';
        UPDATE runs SET plan = (SELECT plan FROM plans WHERE plans.run = runs.run);
        DROP TABLE plans;
        PRAGMA user_version = 1;",
    );
    scene.run(&[]).exits(0);
    assert_eq!(scene.call(&["runs", "--format", "json"]).json().as_array().map(Vec::len), Some(2));
    scene.call(&["doctor", "--journal"]).exits(0).says("2 runs");
    scene
        .call(&["resume", "--from", "only", &text(&scene.call(&["runs", "--format", "json"]).json()[1]["run"])])
        .exits(0);
}
