//! What runs when: conditions, matrices, retries, timeouts, and what waits for what.

use std::time::Instant;

use super::cancel::{running, sleeper, unique};
use super::support::{Scene, finish, processes_with, signal, text};

#[test]
fn conditions_are_those_of_github() {
    let scene = Scene::new(
        r#"
name: conditions
stages:
  bad:
    steps:
      - run: exit 9
      - run: echo never
      - { run: echo on failure, if: failure() }
      - { run: echo always, if: always() }
  after: { needs: bad, steps: [{ run: echo never }] }
  saver: { needs: bad, if: failure(), steps: [{ run: echo saved }] }
  teller:
    needs: [bad, after]
    if: always()
    steps: [{ run: 'echo "$A $B"', env: { A: "${{ needs.bad.result }}", B: "${{ needs.after.result }}" } }]
  not: { if: github.ref == 'refs/heads/other', steps: [{ run: echo never }] }
"#,
    );
    let told = scene.run(&["--jobs", "4"]);
    told.exits(1);
    assert_eq!(told.log("bad"), ["on failure", "always"]);
    assert_eq!(told.log("teller"), ["failure skipped"]);
    assert_eq!(told.log("saver"), ["saved"]);
    assert_eq!(told.skipped(), ["after", "not"]);
    assert!(!told.stdout.contains("\"text\":\"never\""), "{}", told.stdout);
}

#[test]
fn an_allowed_failure_is_an_outcome_and_no_conclusion() {
    let scene = Scene::new(
        r#"
name: allowed
stages:
  only:
    steps:
      - { id: a, run: exit 5, allow-failure: true }
      - { run: echo never, if: failure() }
      - { run: 'echo "$O $C"', env: { O: "${{ steps.a.outcome }}", C: "${{ steps.a.conclusion }}" } }
"#,
    );
    let told = scene.run(&[]);
    told.exits(0);
    assert_eq!(told.log("only"), ["failure success"]);
}

#[test]
fn a_matrix_makes_cells_of_axes_includes_and_excludes() {
    let scene = Scene::new(
        r#"
name: matrix
stages:
  test:
    matrix:
      python: [3.10, "3.11"]
      os: [a, b]
      exclude: [{ python: 3.10, os: b }]
      include: [{ python: "3.12", os: c, extra: yes }]
    steps: [{ run: 'echo "$P"', env: { P: "${{ matrix.python }} ${{ matrix.os }} ${{ matrix.extra }}" } }]
  after:
    needs: test
    steps: [{ run: 'echo "$R $C"', env: { R: "${{ needs.test.result }}", C: "${{ needs.test.cells[3].matrix.extra }}" } }]
"#,
    );
    let told = scene.run(&[]);
    told.exits(0);
    let names: Vec<String> = told.results().into_keys().collect();
    assert_eq!(names, ["after", "test (3.10, a)", "test (3.11, a)", "test (3.11, b)", "test (3.12, c, yes)"]);
    assert_eq!(told.log("test (3.12, c, yes)"), ["3.12 c yes"]);
    assert_eq!(told.log("after"), ["success yes"]);
}

#[test]
fn an_empty_late_matrix_is_one_clear_failure() {
    let scene = Scene::new(
        r#"
name: late
stages:
  list:
    outputs: { all: "${{ steps.a.outputs.all }}" }
    steps: [{ id: a, run: 'echo "[]" > "$SEALOCK_OUTPUTS/all"' }]
  each:
    needs: list
    matrix: { item: "${{ fromJSON(needs.list.outputs.all) }}" }
    steps: [{ run: echo never }]
"#,
    );
    let told = scene.run(&[]);
    assert_ne!(told.code, Some(0), "{}", told.stdout);
    assert_ne!(told.code, Some(70), "{}", told.stdout);
    told.says("E-MATRIX-EMPTY");
}

#[test]
fn a_retry_repeats_only_what_it_is_for() {
    let scene = Scene::new(
        r"
name: retry
stages:
  works:
    steps:
      - run: echo try; test -e second || { touch second; exit 1; }
        retry: { attempts: 3, backoff: 10ms }
  not-for-this:
    if: always()
    steps:
      - run: echo try; exit 1
        retry: { attempts: 3, backoff: 10ms, on: [timeout] }
",
    );
    let told = scene.run(&[]);
    told.exits(1);
    assert_eq!(told.log("not-for-this"), ["try"]);
    let attempts = told.of("step-started").iter().filter(|event| event["stage"] == "works").count();
    assert_eq!(attempts, 2, "{}", told.stdout);
    assert_eq!(told.results()["works"], "success");
}

#[test]
fn a_steps_and_a_stages_timeout_exit_4() {
    let step = "name: t\nstages:\n  only:\n    steps:\n      - { run: sleep 60, timeout: 1s }\n";
    let stage = "name: t\nstages:\n  only:\n    timeout: 1s\n    steps:\n      - { run: sleep 60 }\n      - { run: echo never }\n";
    for (pipeline, code) in [(step, "TIMEOUT"), (stage, "E-STAGE-TIMEOUT")] {
        let start = Instant::now();
        let told = Scene::new(pipeline).run(&[]);
        told.exits(4).says(code);
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}

#[test]
fn one_job_at_a_time_when_asked() {
    let scene = Scene::new(
        r"
name: jobs
stages:
  a: { steps: [{ run: sleep 0.2 }] }
  b: { steps: [{ run: sleep 0.2 }] }
  c: { steps: [{ run: sleep 0.2 }] }
",
    );
    let told = scene.run(&["--jobs", "1"]);
    told.exits(0);
    let mut open = 0;
    for event in told.events() {
        open += i32::from(event["kind"] == "stage-started") - i32::from(event["kind"] == "stage-finished");
        assert!(open <= 1, "{event}");
    }
}

/// A stage of the group `one`, which runs `script`.
fn grouped(conflict: &str, script: &str) -> String {
    format!(
        "name: g\nstages:\n  only:\n    concurrency: {{ group: one, on-conflict: {conflict} }}\n    steps: [{{ run: \"{script}\" }}]\n"
    )
}

#[test]
fn runs_of_one_group_wait_for_each_other() {
    let scene = Scene::new(&grouped("queue", "sleep 2"));
    let start = Instant::now();
    let both = [0, 1].map(|_| scene.command(&["run", "--format", "jsonl"]).spawn().expect("it starts"));
    for told in both.map(finish) {
        told.exits(0);
    }
    assert!(start.elapsed().as_secs_f64() >= 4.0, "they ran at once: {:?}", start.elapsed());
}

#[test]
fn a_group_that_is_held_is_refused_when_the_author_says_so() {
    let marker = unique("group-fail");
    let scene = Scene::new(&grouped("fail", &sleeper(&marker)));
    let first = running(&scene, &marker);
    let second = scene.run(&[]);
    second.exits(3).says("E-CONCURRENCY-TAKEN");
    assert_eq!(text(&second.of("run-finished")[0]["cause"]["code"]), "E-CONCURRENCY-TAKEN");
    signal(first.id(), "INT");
    finish(first).exits(130);
}

#[test]
fn a_newer_run_of_a_group_ends_the_older_when_the_author_says_so() {
    let marker = unique("group-older");
    let scene = Scene::new(&grouped("cancel-older", &sleeper(&marker)));
    let older = running(&scene, &marker);
    scene.write("pipelines/main.yml", grouped("cancel-older", "true"));
    scene.run(&["--no-dirty"]).exits(0);
    let older = finish(older);
    older.exits(130).says("a newer run asked for its concurrency group");
    assert_eq!(processes_with(&marker), Vec::<u32>::new());
}

#[test]
fn a_group_of_the_whole_pipeline_holds_for_the_whole_run() {
    let marker = unique("group-run");
    let pipeline = format!(
        "name: g\nconcurrency: {{ group: \"all-${{{{ github.ref }}}}\", on-conflict: fail }}\nstages:\n  only: {{ steps: [{{ run: \"{}\" }}] }}\n",
        sleeper(&marker)
    );
    let scene = Scene::new(&pipeline);
    let first = running(&scene, &marker);
    let second = scene.run(&[]);
    second.exits(3).says("E-CONCURRENCY-TAKEN").says("all-refs/heads/main");
    assert_eq!(second.of("stage-started").len(), 0);
    signal(first.id(), "INT");
    finish(first).exits(130);
    scene.write("pipelines/main.yml", pipeline.replace(&sleeper(&marker), "true"));
    scene.run(&[]).exits(0);
}

#[test]
fn a_late_matrix_is_made_from_an_output() {
    let scene = Scene::new(
        r#"
name: late
stages:
  list:
    outputs: { all: "${{ steps.a.outputs.all }}" }
    steps: [{ id: a, run: 'echo ''["x","y"]'' > "$SEALOCK_OUTPUTS/all"' }]
  each:
    needs: list
    matrix: { item: "${{ fromJSON(needs.list.outputs.all) }}" }
    steps: [{ run: 'echo "item $I"', env: { I: "${{ matrix.item }}" } }]
  after: { needs: each, steps: [{ run: echo all }] }
"#,
    );
    let told = scene.run(&[]);
    told.exits(0);
    assert_eq!(told.log("each (x)"), ["item x"]);
    assert_eq!(told.log("each (y)"), ["item y"]);
    assert_eq!(told.log("after"), ["all"]);
}

#[test]
fn an_input_decides_whether_the_first_failed_cell_stops_the_others() {
    let scene = Scene::new(
        r#"
name: cells
inputs: { ff: { type: boolean, default: true } }
stages:
  only:
    matrix: { v: ["exit 1", "sleep 1; echo done"], fail-fast: "${{ inputs.ff }}" }
    steps: [{ run: eval "$V", env: { V: "${{ matrix.v }}" } }]
"#,
    );
    let ends = |input: &str| {
        let told = scene.run(&["--jobs", "2", "--input", input]);
        told.exits(1);
        told.stdout.contains("\"text\":\"done\"")
    };
    assert!(!ends("ff=true"));
    assert!(ends("ff=false"));
}

#[test]
fn stages_and_steps_are_called_what_their_author_says() {
    let scene = Scene::new(
        r#"
name: named
stages:
  list:
    outputs: { all: "${{ steps.l.outputs.all }}" }
    steps: [{ id: l, run: 'echo "[1]" > "$SEALOCK_OUTPUTS/all"' }]
  test:
    name: Tests of ${{ github.ref_name }}
    steps: [{ name: "on ${{ github.ref_name }}", run: "true" }]
  late:
    needs: list
    matrix: { v: "${{ fromJSON(needs.list.outputs.all) }}" }
    steps: [{ name: "cell ${{ matrix.v }}", run: "true" }]
"#,
    );
    let told = scene.call(&["run", "--format", "plain"]);
    told.exits(0).says("Tests of main started").says("on main").says("▸ cell 1 ");
    assert!(!told.stdout.contains("${{"), "{}", told.stdout);
    let events = scene.run(&[]);
    let plan = events.of("plan").remove(0);
    assert_eq!(plan["stages"][1]["stage"], "test");
    assert_eq!(plan["stages"][1]["title"], "Tests of main");
}
