//! The graph and the matrices. A12 of the abuse suite.

use std::fmt::Write as _;

use insta::assert_snapshot;

use crate::{check_text, codes, pipeline, with_stage};

fn stages(needs: &[(&str, &str)]) -> String {
    let mut file = "name: x\nstages:\n".to_owned();
    for (name, needs) in needs {
        writeln!(file, "  {name}: {{ needs: {needs}, steps: [{{ run: x }}] }}").expect("a string takes all");
    }
    file
}

#[test]
fn an_unknown_need_points_at_the_name_and_offers_the_near_one() {
    assert_snapshot!(check_text(&stages(&[("build", "[]"), ("deploy", "[biuld]")])), @r"
    error[E-STAGE-UNKNOWN]: stage `deploy` needs `biuld`, which is not in this pipeline
     --> p.yml:4:21
      |
    4 |   deploy: { needs: [biuld], steps: [{ run: x }] }
      |                     ^^^^^ no stage has this name
      |
      = help: there is `build`
    ");
}

#[test]
fn a_cycle_is_shown_as_a_path() {
    let file = stages(&[("a", "[c]"), ("b", "[a]"), ("c", "[b]"), ("d", "d"), ("e", "[a, a]")]);
    assert_snapshot!(check_text(&file), @r"
    error[E-STAGE-CYCLE]: stages wait for each other: a → c → b → a
     --> p.yml:4:16
      |
    4 |   b: { needs: [a], steps: [{ run: x }] }
      |                ^ closes the circle
      |
      = help: take one of these out of `needs`: an arrow points from a stage to what it needs

    error[E-STAGE-CYCLE]: stage `d` needs itself
     --> p.yml:6:15
      |
    6 |   d: { needs: d, steps: [{ run: x }] }
      |               ^
      |
      = help: remove it

    error[E-DUPLICATE]: `needs` of stage `e` lists `a` twice
     --> p.yml:7:19
      |
    7 |   e: { needs: [a, a], steps: [{ run: x }] }
      |                   ^ the second one
    ");
}

#[test]
fn a_chain_of_two_thousand_stages_is_followed_without_recursion() {
    let mut file = "name: x\nstages:\n".to_owned();
    for number in 0..2_000 {
        let _ = writeln!(file, "  s{number}: {{ needs: s{}, steps: [{{ run: x }}] }}", (number + 1) % 2_000);
    }
    assert_eq!(codes(&file).lines().filter(|line| line.ends_with("E-STAGE-CYCLE")).count(), 1);
}

#[test]
fn more_stages_or_steps_than_the_budget_are_refused() {
    let mut file = "name: x\nstages:\n".to_owned();
    for number in 0..2_001 {
        let _ = writeln!(file, "  s{number}: {{ steps: [{{ run: x }}] }}");
    }
    assert_snapshot!(check_text(&file), @r"
    error[E-CFG-BUDGET]: there are 2001 stages, 2000 are the most
     --> p.yml:2:1
      |
    2 | stages:
      | ^^^^^^
    ");
    let steps = "      - run: x\n".repeat(10_001);
    assert_snapshot!(check_text(&format!("name: x\nstages:\n  a:\n    steps:\n{steps}")), @r"
    error[E-CFG-BUDGET]: there are more than 10000 steps in the pipeline: this is number 10001
         --> p.yml:10005:9
          |
    10005 |       - run: x
          |         ^^^^^^
    ");
    let steps = "      - run: x\n".repeat(10_000);
    assert_eq!(codes(&format!("name: x\nstages:\n  a:\n    steps:\n{steps}")), "");
}

#[test]
fn a_matrix_of_a_million_cells_is_counted_and_refused() {
    let axis = (0..1_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    assert_snapshot!(codes(&with_stage(&format!("matrix: {{ a: [{axis}], b: [{axis}] }}"))), @"4:13 E-CFG-BUDGET");
    assert_snapshot!(codes(&with_stage(&format!("matrix: {{ a: [\"${{{{ inputs.x }}}}\"], b: [{axis}] }}"))), @r"
    4:13 E-CFG-BUDGET
    4:24 E-EXPR-KEY
    ");
}

#[test]
fn all_matrices_together_have_a_budget() {
    let axis = (0..250).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let mut file =
        format!("name: x\nenv: {{}}\nstages:\n  s: {{ matrix: &m {{ a: [{axis}] }}, steps: [{{ run: x }}] }}\n");
    for number in 0..16 {
        let _ = writeln!(file, "  s{number}: {{ matrix: *m, steps: [{{ run: x }}] }}");
    }
    assert_snapshot!(codes(&file), @"- E-CFG-BUDGET");
}

#[test]
fn equal_cells_and_axes_that_are_not_there_are_told() {
    assert_snapshot!(check_text(&with_stage("matrix: { python: [3.10, \"3.10\"], exclude: [{ pyton: 3.10 }] }")), @r#"
    error[E-MATRIX-EQUAL]: stage `a`: two cells are the same: {"python":"3.10"}
     --> p.yml:4:13
      |
    4 |     matrix: { python: [3.10, "3.10"], exclude: [{ pyton: 3.10 }] }
      |             ^^^^^^^^

    error[E-MATRIX-AXIS]: `exclude` names `pyton`, which is no axis of this matrix
     --> p.yml:4:51
      |
    4 |     matrix: { python: [3.10, "3.10"], exclude: [{ pyton: 3.10 }] }
      |                                                   ^^^^^
      |
      = help: there is `python`
    "#);
    assert_snapshot!(check_text(&with_stage("matrix:\n  os: [a]\n  exclude: [{ os: a }]")), @r"
    error[E-EMPTY]: stage `a`: the matrix has no cells
     --> p.yml:5:7
      |
    5 |       os: [a]
      |       ^^
    ");
}

#[test]
fn an_axis_value_is_its_own_text() {
    let pipeline = pipeline(&with_stage("matrix: { python: [3.10, 3.11], include: [{ python: 3.10, extra: yes }] }"));
    assert!(pipeline.stages.get("a").expect("there").matrix.is_some());
}

#[test]
fn names_of_environments_and_steps_are_checked() {
    let file = "
name: x
environments: { production: {} }
stages:
  a:
    environment: prodution
    steps:
      - { id: one, run: x }
      - { id: one, run: x }
  b:
    steps: [{ run: x }]
    rollback: [{ run: y }]
";
    assert_snapshot!(check_text(file), @r"
    error[E-ENVIRONMENT-UNKNOWN]: stage `a` deploys to `prodution`, which is not in `environments`
     --> p.yml:6:18
      |
    6 |     environment: prodution
      |                  ^^^^^^^^^ no environment has this name
      |
      = help: there is `production`

    error[E-DUPLICATE]: two steps of stage `a` have the id `one`
     --> p.yml:9:15
      |
    8 |       - { id: one, run: x }
      |               --- the first one
    9 |       - { id: one, run: x }
      |               ^^^ the second one

    error[E-KEY-CONFLICT]: stage `b` has `rollback` and no `environment`
      --> p.yml:12:16
       |
    12 |     rollback: [{ run: y }]
       |                ^
       |
       = help: these steps run when a deployment is rolled back: name its `environment`, or remove them
    ");
}
