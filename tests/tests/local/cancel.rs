//! Ctrl-C, and a kill: nothing that a run started lives on, and what was told stays told.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::support::{Scene, finish, processes_with, script, signal, until};

pub(crate) fn unique(name: &str) -> String {
    format!("sealock-{name}-{}", std::process::id())
}

/// A run whose step has started a process with this word in its command line.
pub(crate) fn running(scene: &Scene, marker: &str) -> Child {
    let child = scene.command(&["run", "--format", "jsonl"]).spawn().expect("it starts");
    until("the step to start", || processes_with(marker).iter().any(|pid| *pid != child.id()));
    child
}

pub(crate) fn sleeper(marker: &str) -> String {
    format!("sh -c 'while :; do sleep 0.1; done' {marker}")
}

#[test]
fn an_interrupt_ends_the_run_and_everything_in_it() {
    let marker = unique("interrupt");
    let scene =
        Scene::new(&format!("{}  later: {{ needs: only, steps: [{{ run: \"true\" }}] }}\n", script(&sleeper(&marker))));
    let child = running(&scene, &marker);
    let start = Instant::now();
    signal(child.id(), "INT");
    let told = finish(child);
    told.exits(130);
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    assert_eq!(processes_with(&marker), Vec::<u32>::new());
    assert_eq!(told.results()["only"], "cancelled");
    assert_eq!(told.skipped(), ["later"]);
    assert_eq!(told.of("run-finished").len(), 1);
}

#[test]
fn a_second_interrupt_kills_at_once() {
    let marker = unique("second");
    let scene = Scene::new(&script(&format!("trap '' INT TERM\n{}", sleeper(&marker))));
    let child = running(&scene, &marker);
    signal(child.id(), "INT");
    std::thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    signal(child.id(), "INT");
    finish(child).exits(130);
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    until("everything to be dead", || processes_with(&marker).is_empty());
}

#[test]
fn a_daemon_dies_with_its_step() {
    let marker = unique("daemon");
    let daemon = format!(
        "setsid sh -c '(setsid sh -c \"while :; do sleep 0.1; done\" {marker} &)' </dev/null >/dev/null 2>&1 &\nsleep 0.5\necho done"
    );
    let scene = Scene::new(&script(&daemon));
    let told = scene.run(&[]);
    told.exits(0);
    assert_eq!(told.log("only"), ["done"]);
    assert_eq!(processes_with(&marker), Vec::<u32>::new());
}

#[test]
fn nothing_outlives_a_killed_runner() {
    let marker = unique("orphan");
    let scene = Scene::new(&script(&sleeper(&marker)));
    let mut child = running(&scene, &marker);
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    until("its processes to be dead", || processes_with(&marker).is_empty());
    let told = scene.call(&["show", "--format", "jsonl"]);
    told.exits(0);
    assert_eq!(told.of("run-finished").len(), 0, "nobody saw the run finish: {}", told.stdout);
}

#[test]
fn whatever_was_told_before_a_kill_is_in_the_record() {
    let lines = "i=0\nwhile [ $i -lt 2000 ]; do i=$((i+1)); echo \"line $i\"; done";
    let scene = Scene::new(
        &script(lines)
            .replace("    steps:\n", "    matrix: { n: [1, 2, 3, 4, 5, 6] }\n    steps:\n      - run: \"true\"\n"),
    );
    for round in 0..10_u64 {
        let told = killed_after(&scene, 3 + 211 * round + 97 * (round % 3));
        let mut show = Command::new(super::support::sealock());
        show.args(["show", "--format", "jsonl", "--state"]).arg(scene.state());
        let shown = show.output().expect("it starts");
        let shown = String::from_utf8(shown.stdout).expect("JSON is UTF-8");
        let known: std::collections::HashSet<&str> = shown.lines().collect();
        for line in &told {
            assert!(known.contains(line.as_str()), "round {round}: lost {line}");
        }
    }
}

/// The whole lines that a run had printed when it was killed, at least this many.
fn killed_after(scene: &Scene, count: u64) -> Vec<String> {
    let mut child = scene.command(&["run", "--format", "jsonl", "--jobs", "3"]).spawn().expect("it starts");
    let mut reader = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut told = Vec::new();
    let mut line = String::new();
    while reader.read_line(&mut line).expect("it is UTF-8") > 0 {
        if line.ends_with('\n') {
            told.push(line.trim_end().to_owned());
        }
        line.clear();
        if told.len() as u64 == count {
            child.kill().expect("it is ours");
        }
    }
    child.wait().expect("it is ours");
    assert!(told.len() as u64 >= count, "only {} lines", told.len());
    told
}

/// Interrupts a run as soon as it says that it waits, and wants it to end soon.
fn interrupt_while_waiting(scene: &Scene) {
    let mut child = scene.command(&["run", "--format", "jsonl"]).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let waits = lines.by_ref().map_while(Result::ok).any(|line| line.contains("\"kind\":\"waiting\""));
    assert!(waits, "it waits");
    let start = Instant::now();
    signal(child.id(), "INT");
    lines.for_each(drop);
    assert_eq!(child.wait().expect("it is ours").code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[test]
fn an_interrupt_is_heard_between_two_tries() {
    let step = "{ run: \"false\", retry: { attempts: 2, backoff: 60s } }";
    interrupt_while_waiting(&Scene::new(&format!("name: w\nstages:\n  only: {{ steps: [{step}] }}\n")));
}

#[test]
fn an_interrupt_is_heard_while_a_group_is_waited_for() {
    let marker = unique("held");
    let lines = sleeper(&marker);
    let stage = format!("concurrency: {{ group: held }}\n    steps: [{{ run: \"{lines}\" }}]");
    let scene = Scene::new(&format!("name: g\nstages:\n  only:\n    {stage}\n"));
    let holder = running(&scene, &marker);
    interrupt_while_waiting(&scene);
    signal(holder.id(), "INT");
    finish(holder).exits(130);
}

#[test]
fn a_closed_terminal_is_an_interrupt() {
    let marker = unique("hangup");
    let scene = Scene::new(&script(&sleeper(&marker)));
    let child = running(&scene, &marker);
    signal(child.id(), "HUP");
    finish(child).exits(130);
    assert_eq!(processes_with(&marker), Vec::<u32>::new());
}

#[test]
fn a_step_that_does_not_stop_is_told_with_its_time_and_the_run_with_what_to_type() {
    let marker = unique("stubborn");
    let scene = Scene::new(&script(&format!("trap '' INT TERM\n{}", sleeper(&marker))));
    let child = scene.command(&["run", "--format", "plain"]).spawn().expect("it starts");
    until("the step to start", || processes_with(&marker).iter().any(|pid| *pid != child.id()));
    signal(child.id(), "INT");
    let told = finish(child);
    told.exits(130).says("press Ctrl-C again to end at once").says("sealock resume ");
    assert!(told.stdout.contains("was cancelled in ") && !told.stdout.contains("cancelled in 0 ms"), "{}", told.stdout);
}
