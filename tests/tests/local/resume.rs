//! Runs that were killed go on where they stopped.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command};

use serde_json::json;

use super::cancel::unique;
use super::support::{Scene, Told, finish, processes_with, signal, text, until};

/// A stage of three steps: the second one writes, and hangs when it is run for the first time.
fn three_steps(marker: &str) -> String {
    // Quoted within, so that only the command that hangs has the whole word in its line.
    let (start, end) = marker.split_at(4);
    format!(
        r#"
name: three
stages:
  first:
    outputs: {{ word: "${{{{ steps.a.outputs.word }}}}" }}
    steps:
      - id: a
        run: |
          echo "word=hello" >> $GITHUB_OUTPUT
          echo "GIVEN=yes" >> $GITHUB_ENV
          echo made > made
          echo a >> $HOME/times
      - id: b
        run: |
          echo b >> $HOME/times
          test "$GIVEN" = yes
          test "$(cat made)" = made
          test ! -e half
          echo half > half
          rm made
          if [ ! -e $HOME/again ]; then touch $HOME/again; sh -c 'while :; do sleep 0.1; done' {start}''{end}; fi
      - run: cat $HOME/times half
  second:
    needs: first
    steps: [{{ run: 'echo "$WORD, world"', env: {{ WORD: "${{{{ needs.first.outputs.word }}}}" }} }}]
"#
    )
}

fn hung(scene: &Scene, marker: &str, arguments: &[&str]) -> Child {
    let child = scene.command(arguments).spawn().expect("it starts");
    until("the step to hang", || processes_with(marker).iter().any(|pid| *pid != child.id()));
    child
}

/// A run that is killed while its second step hangs.
pub(crate) fn killed(marker: &str) -> Scene {
    let scene = Scene::new(&three_steps(marker));
    killed_in(&scene, marker, scene.command(&["run", "--format", "jsonl"]));
    scene
}

/// The same of a call in `scene` that hangs. Answers the run.
fn killed_in(scene: &Scene, marker: &str, mut call: Command) -> String {
    let mut child = call.spawn().expect("it starts");
    until("the step to hang", || processes_with(marker).iter().any(|pid| *pid != child.id()));
    child.kill().and_then(|()| child.wait()).expect("it is ours");
    until("its processes to be dead", || processes_with(marker).is_empty());
    run_of(scene)
}

pub(crate) fn resumed(scene: &Scene, arguments: &[&str]) -> Told {
    let mut all = vec!["resume", "--format", "jsonl"];
    all.extend(arguments);
    scene.call(&all)
}

fn run_of(scene: &Scene) -> String {
    text(&scene.call(&["runs", "--format", "json"]).json()[0]["run"])
}

#[test]
fn a_killed_run_goes_on_at_its_first_unfinished_step() {
    let scene = killed(&unique("goes-on-at"));
    scene.call(&["runs"]).exits(0).says("! interrupted").says("sealock resume");
    let told = resumed(&scene, &[]);
    told.exits(0);
    // The workspace is as the last finished step left it; what the killed one had written is gone.
    assert_eq!(told.log("first"), ["a", "b", "b", "half"]);
    assert_eq!(told.log("second"), ["hello, world"]);
    assert_eq!(told.of("stage-restarted"), Vec::<serde_json::Value>::new());
    told.assert_paired_but_for("run");
    let shown = scene.call(&["show", "--format", "jsonl"]);
    assert_eq!(shown.of("run-resumed").len(), 1);
    assert_eq!(text(&shown.of("run-finished")[1]["result"]), "success");
    scene.call(&["runs"]).says("✓ success");
    resumed(&scene, &[]).exits(2).says("E-RUN-UNKNOWN");
    resumed(&scene, &[&run_of(&scene)]).exits(2).says("E-RUN-FINISHED");
}

#[test]
fn the_next_run_says_that_one_was_interrupted() {
    let scene = killed(&unique("next-run-says"));
    let first = run_of(&scene);
    scene.write("pipelines/other.yml", "name: other\nstages: { s: { steps: [{ run: 'true' }] } }\n");
    let line = format!("run {first} of three was interrupted: sealock resume {first}");
    scene.call(&["run", "other"]).exits(0).says(&line);
    resumed(&scene, &[&first]).exits(0);
    let told = scene.call(&["run", "other"]).stderr;
    assert!(!told.contains("was interrupted"), "{told}");
}

#[test]
fn a_run_that_is_to_go_on_does_and_else_begins() {
    let scene = killed(&unique("run-resume"));
    let first = run_of(&scene);
    // Another pipeline is another request; the one that was killed is told all the same.
    scene.write("pipelines/other.yml", "name: other\nstages: { s: { steps: [{ run: 'true' }] } }\n");
    let line = format!("run {first} of three was interrupted: sealock resume {first}");
    let told = scene.call(&["run", "other", "--resume", "--format", "jsonl"]);
    told.exits(0).says(&line);
    assert_eq!(told.of("run-started").len(), 1, "{}", told.stdout);
    std::fs::remove_file(scene.repo().join("pipelines/other.yml")).expect("it is ours");

    let told = going_on(&scene, &[]);
    told.exits(0).says(&format!("goes on with run {first} of three"));
    assert_eq!((told.log("first"), told.log("second")), (list(&["a", "b", "b", "half"]), list(&["hello, world"])));
    assert_eq!(text(&told.of("run-resumed")[0]["run"]), first);
}

fn going_on(scene: &Scene, arguments: &[&str]) -> Told {
    scene.call(&[&["run", "--resume", "--format", "jsonl"], arguments].concat())
}

fn list(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn a_run_that_is_to_go_on_is_refused_where_its_file_has_changed() {
    let scene = killed(&unique("run-resume-changed"));
    let before = std::fs::read_to_string(scene.repo().join("pipelines/main.yml")).expect("it is there");
    scene.write("pipelines/main.yml", before.replace("$WORD, world", "$WORD, moon"));
    going_on(&scene, &[]).exits(2).says("E-RUN-CHANGED").says("stages[second].steps[1]").says("moon");
    scene.write("pipelines/main.yml", before);
    // Nothing was made of it: it is there to be gone on with.
    going_on(&scene, &[]).exits(0).says("goes on with run");
}

/// A stage that hangs for one input, unless the workspace says otherwise.
fn hangs_for_ada(marker: &str) -> String {
    let (start, end) = marker.split_at(4);
    format!(
        r#"
name: asked
inputs: {{ who: {{ default: nobody }} }}
stages:
  s:
    steps:
      - env: {{ WHO: "${{{{ inputs.who }}}}" }}
        run: if [ "$WHO" = Ada ] && [ ! -e again ]; then sh -c 'while :; do sleep 0.1; done' {start}''{end}; fi
"#
    )
}

#[test]
fn a_run_that_was_asked_for_otherwise_is_another_one() {
    let marker = unique("run-resume-asked");
    let scene = Scene::new(&hangs_for_ada(&marker));
    let first = killed_in(&scene, &marker, scene.command(&["run", "--input", "who=Ada", "--format", "jsonl"]));
    let begins = |told: &Told| begins_another(told, &first);
    begins(&scene.run(&["--resume"]));
    begins(&scene.run(&["--resume", "--input", "who=Bob"]));
    // Of another commit it is another request too.
    scene.write("again", "");
    scene.commit();
    begins(&scene.run(&["--resume", "--input", "who=Ada"]));
    scene.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    // A younger one that is over stands in its place.
    scene.write("again", "");
    begins(&scene.run(&["--input", "who=Ada"]));
    std::fs::remove_file(scene.repo().join("again")).expect("it is ours");
    let call = scene.command(&["run", "--resume", "--input", "who=Ada", "--format", "jsonl"]);
    assert_ne!(killed_in(&scene, &marker, call), first);
}

fn begins_another(told: &Told, first: &str) {
    told.exits(0);
    assert_ne!(text(&told.of("run-started")[0]["run"]), first, "{}", told.stdout);
    assert_eq!(told.of("run-resumed"), Vec::<serde_json::Value>::new());
}

/// A run of a workflow's job, as GitHub tells it: the number of the workflow's run, that of the attempt, and the event.
fn job(scene: &Scene, arguments: &[&str], (run, attempt): (&str, &str), event: &serde_json::Value) -> Command {
    let file = scene.repo().join("../event.json");
    std::fs::write(&file, event.to_string()).expect("the folder is ours");
    let mut command = scene.command(&[&["run", "--format", "jsonl"], arguments].concat());
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_PATH", file).env("GITHUB_REF", "refs/heads/main");
    command.env("GITHUB_RUN_ID", run).env("GITHUB_RUN_NUMBER", "7").env("GITHUB_RUN_ATTEMPT", attempt);
    command.env("GITHUB_EVENT_NAME", event["name"].as_str().expect("a name")).env("GITHUB_ACTOR", "ada");
    command
}

#[test]
fn a_run_of_another_event_is_another_one() {
    let marker = unique("run-resume-event");
    let scene = Scene::new(&hangs_for_one_event(&marker));
    let to = |to: &str| json!({ "name": "workflow_dispatch", "inputs": { "to": to } });
    let first = killed_in(&scene, &marker, job(&scene, &[], ("11", "1"), &to("production")));
    let resumes = |numbers, event: &serde_json::Value, also: &[(&str, &str)]| {
        let mut call = job(&scene, &["--resume"], numbers, event);
        finish(call.envs(also.iter().copied()).spawn().expect("it starts"))
    };
    let begins = |told: &Told| begins_another(told, &first);
    // What it says, who says it, and which run of the workflow it is: the next night's has the same words.
    begins(&resumes(("11", "1"), &to("nothing"), &[]));
    begins(&resumes(("11", "1"), &to("production"), &[("GITHUB_ACTOR", "bob")]));
    begins(&resumes(("12", "1"), &to("production"), &[]));
    begins(&resumes(("11", "1"), &to("production"), &[("GITHUB_RUN_NUMBER", "8")]));
    // The same job once more.
    let told = resumes(("11", "2"), &to("production"), &[]);
    told.exits(0).says(&format!("goes on with run {first} of asked"));
    assert_eq!(text(&told.of("run-resumed")[0]["run"]), first);
}

/// A stage that hangs for one request until it is resumed: a run that goes on has its home, and no other one has.
fn hangs_for_one_event(marker: &str) -> String {
    let (start, end) = marker.split_at(4);
    format!(
        r#"
name: asked
stages:
  s:
    steps:
      - env:
          ASKED: "${{{{ github.event.inputs.to }}}} ${{{{ github.actor }}}} ${{{{ github.run_id }}}} ${{{{ github.run_number }}}}"
        run: |
          if [ "$ASKED" = "production ada 11 7" ] && [ ! -e $HOME/again ]; then
            touch $HOME/again
            sh -c 'while :; do sleep 0.1; done' {start}''{end}
          fi
"#
    )
}

#[test]
fn a_run_goes_on_only_where_nothing_is_uncommitted_and_says_so() {
    let marker = unique("run-resume-dirty");
    let scene = Scene::new(&hangs_for_ada(&marker));
    let ada = ["--resume", "--input", "who=Ada"];
    let first = killed_in(&scene, &marker, scene.command(&["run", "--input", "who=Ada", "--format", "jsonl"]));
    // What is here now would be left out.
    scene.write("again", "");
    let told = scene.run(&ada);
    begins_another(&told, &first);
    let here = format!("run {first} of asked does not have the uncommitted changes that are here, so a new run begins");
    told.says(&here).says(&format!("To go on with it: sealock resume {first}"));

    // What it had may be something else by now.
    std::fs::remove_file(scene.repo().join("again")).expect("it is ours");
    scene.write("note", "as it was");
    let second = killed_in(&scene, &marker, scene.command(&["run", "--input", "who=Ada", "--format", "jsonl"]));
    scene.write("note", "as it is");
    scene.write("again", "");
    let told = scene.run(&ada);
    begins_another(&told, &second);
    told.says(&format!("run {second} of asked took uncommitted changes along")).says("so a new run begins");
}

#[test]
fn a_run_without_uncommitted_changes_goes_on_where_they_are_to_be_left_out() {
    let scene = killed(&unique("run-resume-no-dirty"));
    scene.write("note", "not committed");
    going_on(&scene, &["--no-dirty"]).exits(0).says(&format!("goes on with run {}", run_of(&scene)));
}

#[test]
fn a_run_of_another_reference_goes_on() {
    let marker = unique("run-resume-ref");
    let scene = Scene::new(&three_steps(&marker));
    scene.git(&["tag", "old"]);
    scene.write("other", "more");
    scene.commit();
    let first = killed_in(&scene, &marker, scene.command(&["run", "--ref", "old", "--format", "jsonl"]));
    let told = going_on(&scene, &["--ref", "old"]);
    told.exits(0).says(&format!("goes on with run {first} of three"));
    assert_eq!(told.log("first"), ["a", "b", "b", "half"]);
}

#[test]
fn a_state_directory_of_another_machine_is_noticed() {
    let scene = killed(&unique("of-another-machine"));
    let run = run_of(&scene);
    let note = scene.state().join("runs").join(&run).join("machine");
    let here = std::fs::read_to_string(&note).expect("the machine is noted");
    let another = format!("{} build-7\n", here.chars().take(32).map(|_| '0').collect::<String>());
    std::fs::write(&note, another).expect("written");
    let refused = scene.call(&["resume"]);
    refused.exits(2).says("E-RUN-ELSEWHERE").says("build-7").says(&format!("sealock resume {run} --elsewhere"));
    going_on(&scene, &[]).exits(2).says("E-RUN-ELSEWHERE");
    going_on(&scene, &["--elsewhere"]).exits(0);
    assert_eq!(std::fs::read_to_string(&note).expect("noted anew"), here);
}

#[test]
fn a_workspace_that_is_gone_restarts_the_stage_and_says_so() {
    let scene = killed(&unique("restarts"));
    let stages = scene.state().join("runs").join(run_of(&scene)).join("stages");
    scene.call(&["runs"]).exits(0);
    unmounted(&stages.join("first/workspace"));
    std::fs::remove_dir_all(stages.join("first")).expect("nothing is mounted there");
    let told = resumed(&scene, &[]);
    told.exits(0);
    assert_eq!(told.log("first"), ["a", "b", "a", "b", "half"]);
    assert_eq!(text(&told.of("stage-restarted")[0]["stage"]), "first");
}

fn unmounted(path: &std::path::Path) {
    // Nothing is mounted where the process may not mount.
    let _ = std::process::Command::new("umount").arg("--lazy").arg(path).stderr(std::process::Stdio::null()).status();
}

#[test]
fn a_second_interrupt_leaves_a_run_that_can_be_resumed() {
    let marker = unique("left");
    let scene = Scene::new(&three_steps(&marker).replace("sh -c 'while", "trap '' INT TERM; sh -c 'while"));
    let child = hung(&scene, &marker, &["run", "--format", "jsonl"]);
    signal(child.id(), "INT");
    std::thread::sleep(std::time::Duration::from_millis(300));
    signal(child.id(), "INT");
    let told = finish(child);
    told.exits(130);
    let end = &told.of("run-finished")[0];
    assert_eq!(text(&end["result"]), "interrupted");
    assert_eq!(text(&end["next"]), format!("sealock resume {}", run_of(&scene)));
    let told = resumed(&scene, &[]);
    told.exits(0);
    assert_eq!(told.log("first"), ["a", "b", "b", "half"]);
}

#[test]
fn what_has_changed_since_is_refused_with_the_difference() {
    let scene = killed(&unique("changed"));
    let before = std::fs::read_to_string(scene.repo().join("pipelines/main.yml")).expect("it is there");
    scene.write("pipelines/main.yml", before.replace("$WORD, world", "$WORD, moon"));
    let told = resumed(&scene, &[]);
    told.exits(2).says("E-RUN-CHANGED").says("stages[second].steps[1]").says("moon");
    scene.write("pipelines/main.yml", before);
    scene.write("other", "more");
    scene.commit();
    resumed(&scene, &[]).exits(2).says("E-RUN-CHANGED").says("is checked out");
    scene.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    resumed(&scene, &[]).exits(0);
}

#[test]
fn a_run_that_goes_on_is_not_resumed() {
    let marker = unique("held");
    let scene = Scene::new(&three_steps(&marker));
    let mut child = hung(&scene, &marker, &["run", "--format", "jsonl"]);
    resumed(&scene, &[&run_of(&scene)]).exits(2).says("E-RUN-HELD");
    child.kill().and_then(|()| child.wait()).expect("it is ours");
}

const FAILS: &str = r#"
name: fails
stages:
  good: { steps: [{ run: "echo good" }] }
  bad: { needs: good, steps: [{ run: echo before }, { run: cat MISSING }] }
  last: { needs: bad, steps: [{ run: "echo last" }] }
"#;

#[test]
fn a_failed_run_goes_on_at_the_stage_that_failed() {
    let scene = Scene::new(FAILS);
    scene.run(&[]).exits(1);
    let run = run_of(&scene);
    let told = resumed(&scene, &[&run]);
    told.exits(1);
    assert_eq!(told.of("stage-restarted").len(), 2, "{}", told.stdout);
    assert_eq!(told.log("good"), Vec::<String>::new());
    assert_eq!(told.log("bad").first().map(String::as_str), Some("before"));
    resumed(&scene, &[&run, "--from", "nothing"]).exits(2).says("E-STAGE-UNKNOWN");
    let told = resumed(&scene, &[&run, "--from", "good"]);
    told.exits(1);
    assert_eq!(told.log("good"), ["good"]);
}

#[test]
fn a_run_is_cancelled_from_another_terminal() {
    let marker = unique("cancel-by");
    let scene = Scene::new(&three_steps(&marker));
    let child = hung(&scene, &marker, &["run", "--format", "jsonl"]);
    let run = run_of(&scene);
    scene.call(&["cancel", &run]).exits(0).says("asked to stop");
    finish(child).exits(130);
    assert_eq!(processes_with(&marker), Vec::<u32>::new());
    scene.call(&["cancel", &run]).exits(2).says("E-RUN-FINISHED");
    scene.call(&["runs"]).says("cancelled");
    // At once, it is left as it is.
    let marker = unique("cancel-now");
    let scene = Scene::new(&three_steps(&marker));
    let child = hung(&scene, &marker, &["run", "--format", "jsonl"]);
    scene.call(&["cancel", "--now", &run_of(&scene)]).exits(0);
    finish(child).exits(130);
    assert_eq!(resumed(&scene, &[]).exits(0).log("first"), ["a", "b", "b", "half"]);
}

/// What was not committed is nowhere else as the run had it.
#[test]
fn a_run_of_a_dirty_tree_that_failed_goes_on_with_what_it_had() {
    let scene = Scene::new(&super::support::script("cat note\nexit 3"));
    scene.write("note", "as it was\n");
    scene.run(&[]).exits(1);
    std::fs::remove_file(scene.repo().join("note")).expect("it is ours");
    let told = resumed(&scene, &["latest"]);
    told.exits(1);
    assert_eq!(told.log("only").last().map(String::as_str), Some("as it was"), "{}", told.stdout);
}

/// Kills a run whose only step hangs once its stage has used three of its eight seconds, and resumes it. Answers what was
/// told then.
fn killed_within_its_time(whose: &str) -> Told {
    let marker = unique("time");
    let hangs = format!("run: \"sh -c 'while :; do sleep 0.1; done' {marker}\"");
    let stage = match whose {
        "stage" => format!("{{ timeout: 8s, steps: [{{ {hangs} }}] }}"),
        _ => format!("{{ steps: [{{ {hangs}, timeout: 8s }}] }}"),
    };
    let scene = Scene::new(&format!("name: slow\nstages: {{ only: {stage} }}\n"));
    let mut child = scene.command(&["run", "--format", "jsonl"]).spawn().expect("it starts");
    let told = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let is_used = |line: &String| {
        let event: serde_json::Value = serde_json::from_str(line).expect("an event");
        event["kind"] == "time-used" && event["stage_ms"].as_u64() >= Some(3_000)
    };
    assert!(told.into_iter().any(|line| is_used(&line)), "nobody says how much time is used");
    child.kill().and_then(|()| child.wait()).expect("it is ours");
    until("its processes to be dead", || processes_with(&marker).is_empty());
    resumed(&scene, &[])
}

/// What both processes told, in seconds: who goes on tells what was told before.
fn used(told: &Told, whose: &str) -> Vec<u64> {
    told.of("time-used").iter().filter_map(|event| Some(event[whose].as_u64()? / 1_000)).collect()
}

fn last_try_ms(told: &Told) -> u64 {
    told.of("step-finished").last().and_then(|event| event["duration_ms"].as_u64()).expect("it ended")
}

#[test]
fn a_stage_that_goes_on_has_what_was_left_of_its_time() {
    let told = killed_within_its_time("stage");
    told.exits(4).says("E-STAGE-TIMEOUT");
    assert_eq!(used(&told, "stage_ms"), [1, 2, 3, 4, 5, 6, 7]);
    // Both processes together had the eight seconds, give or take a slice.
    let took = last_try_ms(&told);
    assert!((2_900..7_000).contains(&took), "{took} ms");
}

#[test]
fn a_step_that_starts_again_has_all_its_time() {
    let told = killed_within_its_time("step");
    told.exits(4).says("E-PLUGIN-TIMEOUT");
    assert_eq!(used(&told, "step_ms"), [1, 2, 3, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(used(&told, "stage_ms").last(), Some(&10), "its stage counts both");
    let took = last_try_ms(&told);
    assert!(took >= 7_900, "{took} ms");
}
