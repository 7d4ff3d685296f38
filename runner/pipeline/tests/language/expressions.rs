//! Expressions: where they may stand, what they may read. The numbers are those of the abuse suite.

use insta::assert_snapshot;

use crate::{check_text, codes, with_stage, with_steps, with_top};

/// B16
#[test]
fn an_expression_inside_a_script_is_refused_with_the_line_to_write() {
    assert_snapshot!(check_text(&with_steps("- run: echo \"Building ${{ github.head_ref }}\"")), @r#"
    error[E-EXPR-IN-SCRIPT]: an expression stands inside a script
     --> p.yml:5:29
      |
    5 |       - run: echo "Building ${{ github.head_ref }}"
      |                             ^^^^^^^^^^^^^^^^^^^^^^ text from outside would become code
      |
      = help: hand it over as a variable:
              env: { HEAD_REF: "${{ github.head_ref }}" }
              run: echo "Building $HEAD_REF"
    "#);
}

#[test]
fn each_expression_of_a_long_script_is_shown_at_its_line() {
    let file = with_steps(
        "- run: |\n    set -x\n    echo ${{ github.event.pull_request.title }}\n    echo ${{ secrets.X }} ${{ matrix.python-version }}",
    );
    assert_snapshot!(check_text(&file), @r#"
    error[E-EXPR-IN-SCRIPT]: an expression stands inside a script
     --> p.yml:7:16
      |
    7 |           echo ${{ github.event.pull_request.title }}
      |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ text from outside would become code
      |
      = help: hand it over as a variable:
              env: { TITLE: "${{ github.event.pull_request.title }}" }
              run: echo $TITLE

    error[E-EXPR-IN-SCRIPT]: an expression stands inside a script
     --> p.yml:8:16
      |
    8 |           echo ${{ secrets.X }} ${{ matrix.python-version }}
      |                ^^^^^^^^^^^^^^^^ text from outside would become code
      |
      = help: hand it over as a variable:
              env: { X: "${{ secrets.X }}" }
              run: echo $X ${{ matrix.python-version }}

    error[E-EXPR-IN-SCRIPT]: an expression stands inside a script
     --> p.yml:8:33
      |
    8 |           echo ${{ secrets.X }} ${{ matrix.python-version }}
      |                                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ text from outside would become code
      |
      = help: hand it over as a variable:
              env: { PYTHON_VERSION: "${{ matrix.python-version }}" }
              run: echo ${{ secrets.X }} $PYTHON_VERSION
    "#);
}

/// B17, B18
#[test]
fn outside_text_may_be_a_value_and_never_a_name() {
    let fields = [
        "github.head_ref",
        "github.event.issue.title",
        "github.event.issue.body",
        "github.event.pull_request.title",
        "github.event.pull_request.body",
        "github.event.comment.body",
        "github.event.review.body",
        "github.event.review_comment.body",
        "github.event.pages[0].page_name",
        "github.event.commits[0].message",
        "github.event.commits[0].author.email",
        "github.event.commits[0].author.name",
        "github.event.head_commit.message",
        "github.event.head_commit.author.email",
        "github.event.head_commit.author.name",
        "github.event.head_commit.committer.email",
        "github.event.workflow_run.head_branch",
        "github.event.workflow_run.head_commit.message",
        "github.event.workflow_run.head_commit.author.email",
        "github.event.workflow_run.head_commit.author.name",
        "github.event.pull_request.head.ref",
        "github.event.pull_request.head.label",
        "github.event.pull_request.head.repo.default_branch",
        "github.event.discussion.title",
        "github.event.discussion.body",
    ];
    for field in fields {
        let value = with_steps(&format!(
            "- uses: notify\n  with: {{ text: \"${{{{ {field} }}}}\" }}\n  env: {{ T: \"${{{{ {field} }}}}\" }}"
        ));
        assert_eq!(codes(&value), "", "{field}");
        for keys in [
            "container: \"x:${{ F }}\"",
            "environment: \"${{ F }}\"",
            "allow: { exec: [\"${{ F }}\"] }",
            "services: { a: { image: \"${{ F }}\" } }",
            "allow: { targets: [\"${{ F }}\"] }",
        ] {
            let found = codes(&with_stage(&keys.replace('F', field)));
            assert!(found.ends_with("E-EXPR-TAINTED"), "{field} in {keys}: {found}");
        }
    }
}

#[test]
fn outside_text_is_followed_through_variables_matrices_and_outputs() {
    let file = "
name: x
env: { TITLE: \"${{ github.event.pull_request.title }}\", SAFE: \"${{ github.sha }}\" }
stages:
  a:
    outputs: { branch: \"${{ github.head_ref }}\" }
    steps: [{ run: x }]
  b:
    needs: a
    env: { AGAIN: \"${{ env.TITLE }}\" }
    matrix:
      branch: [\"${{ env.TITLE }}\", y]
      list: \"${{ fromJSON(needs.a.outputs.branch) }}\"
    container: \"x:${{ env.TITLE }}\"
    services:
      one: \"x:${{ env.AGAIN }}\"
      two: \"x:${{ matrix.branch }}\"
      three: \"x:${{ matrix.list }}\"
      four: \"x:${{ env.SAFE }}\"
    steps: [{ run: x }]
";
    assert_snapshot!(codes(file), @r"
    14:23 E-EXPR-TAINTED
    16:19 E-EXPR-TAINTED
    17:19 E-EXPR-TAINTED
    18:21 E-EXPR-TAINTED
    ");
}

/// B19
#[test]
fn secrets_are_named_one_by_one_and_stand_alone() {
    let file = "
name: x
secrets: [TOKEN]
inputs: { x: {} }
stages:
  a:
    steps:
      - uses: notify
        with:
          a: ${{ secrets }}
          b: ${{ toJSON(secrets) }}
          c: ${{ secrets[inputs.x] }}
          d: ${{ format('{0}', secrets.TOKEN) }}
          e: ${{ secrets.TOKEN == 'x' }}
          f: ${{ secrets.* }}
          g: Bearer ${{ secrets['TOKEN'] }}
          h: ${{ secrets.TOKN }}
";
    assert_snapshot!(check_text(file), @r"
    error[E-EXPR-SECRET-DYNAMIC]: secrets are read without saying which one
      --> p.yml:10:18
       |
    10 |           a: ${{ secrets }}
       |                  ^^^^^^^ could be any of them
       |
       = help: name it: `${{ secrets.NAME }}`

    error[E-EXPR-SECRET-DYNAMIC]: secrets are read without saying which one
      --> p.yml:11:25
       |
    11 |           b: ${{ toJSON(secrets) }}
       |                         ^^^^^^^ could be any of them
       |
       = help: name it: `${{ secrets.NAME }}`

    error[E-EXPR-SECRET-DYNAMIC]: secrets are read without saying which one
      --> p.yml:12:18
       |
    12 |           c: ${{ secrets[inputs.x] }}
       |                  ^^^^^^^^^^^^^^^^^ could be any of them
       |
       = help: name it: `${{ secrets.NAME }}`

    error[E-EXPR-SECRET]: the secret `TOKEN` stands inside an expression
      --> p.yml:13:32
       |
    13 |           d: ${{ format('{0}', secrets.TOKEN) }}
       |                                ^^^^^^^^^^^^^ a secret is not text: nothing can be done with it here
       |
       = help: let it stand alone, with text around it where needed: `text ${{ secrets.TOKEN }} text`

    error[E-EXPR-SECRET]: the secret `TOKEN` stands inside an expression
      --> p.yml:14:18
       |
    14 |           e: ${{ secrets.TOKEN == 'x' }}
       |                  ^^^^^^^^^^^^^ a secret is not text: nothing can be done with it here
       |
       = help: let it stand alone, with text around it where needed: `text ${{ secrets.TOKEN }} text`

    error[E-EXPR-SECRET-DYNAMIC]: secrets are read without saying which one
      --> p.yml:15:18
       |
    15 |           f: ${{ secrets.* }}
       |                  ^^^^^^^^^ could be any of them
       |
       = help: name it: `${{ secrets.NAME }}`

    error[E-SECRET-UNDECLARED]: the secret `TOKN` is not declared
      --> p.yml:17:18
       |
    17 |           h: ${{ secrets.TOKN }}
       |                  ^^^^^^^^^^^^ not in `secrets`
       |
       = help: there is `TOKEN`
    ");
}

#[test]
fn secrets_stand_only_where_they_may_go() {
    let file = "
name: x ${{ secrets.TOKEN }}
secrets: [TOKEN]
env: { T: \"a${{ secrets.TOKEN }}\" }
stages:
  a:
    name: ${{ secrets.TOKEN }}
    if: secrets.TOKEN != ''
    outputs: { t: \"${{ secrets.TOKEN }}\" }
    container: { image: \"x:${{ secrets.TOKEN }}\", env: { T: \"${{ secrets.TOKEN }}\" } }
    steps:
      - run: x
        working-directory: ${{ secrets.TOKEN }}
        env: { T: \"${{ secrets.TOKEN }}\" }
      - uses: notify
        with: { a: \"${{ env.T }}\", b: \"${{ toJSON(env) }}\" }
";
    assert_snapshot!(codes(file), @r"
    2:9 E-EXPR-PLACE
    7:15 E-EXPR-SECRET
    8:9 E-EXPR-SECRET
    9:24 E-EXPR-SECRET
    10:32 E-EXPR-SECRET
    13:32 E-EXPR-SECRET
    16:25 E-EXPR-SECRET
    16:51 E-EXPR-SECRET-DYNAMIC
    ");
}

/// B20, B23
#[test]
fn checks_that_do_not_hold_what_they_promise_are_warned_about() {
    let file = with_stage(
        "if: contains('refs/heads/main refs/heads/develop', github.ref) && github.actor == 'dependabot[bot]'",
    );
    assert_snapshot!(check_text(&file), @r"
    warning[E-LINT-CONTAINS]: `contains` looks for `github.ref` inside a text, so every part of that text passes
     --> p.yml:4:9
      |
    4 |     if: contains('refs/heads/main refs/heads/develop', github.ref) && github.actor == 'dependabot[bot]'
      |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: compare the whole: `github.ref == '…'`, or look in a list: `contains(fromJSON('[…]'), github.ref)`

    warning[E-LINT-ACTOR]: `github.actor` is whoever acted last, so it does not tell whose change this is
     --> p.yml:4:71
      |
    4 |     if: contains('refs/heads/main refs/heads/develop', github.ref) && github.actor == 'dependabot[bot]'
      |                                                                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: ask whose change it is: `github.event.pull_request.user.login`
    ");
}

/// B21
#[test]
fn malformed_nested_and_oversized_expressions_are_refused() {
    let deep = format!("{}1", "!".repeat(1_000));
    let nested = format!("{}1{}", "toJSON(".repeat(1_000), ")".repeat(1_000));
    let long = format!("'{}'", "a".repeat(30_000));
    for (expression, code) in [
        ("${{ ${{ 1 }} }}", "E-EXPR-SYNTAX"),
        ("${{ 1", "E-EXPR-SYNTAX"),
        ("${{ }}", "E-EXPR-SYNTAX"),
        ("${{ 1 + 1 }}", "E-EXPR-SYNTAX"),
        ("${{ foo.bar }}", "E-EXPR-CONTEXT"),
        ("${{ foo(1) }}", "E-EXPR-FUNCTION"),
        (&format!("${{{{ {deep} }}}}"), "E-EXPR-LIMIT"),
        (&format!("${{{{ {nested} }}}}"), "E-EXPR-LIMIT"),
        (&format!("${{{{ {long} }}}}"), "E-EXPR-LIMIT"),
    ] {
        let file = with_top(&format!("env: {{ A: \"{expression}\" }}"));
        let found = codes(&file);
        assert!(
            found.starts_with("2:") && found.ends_with(code) && found.lines().count() == 1,
            "{expression:.40}: {found}"
        );
    }
}

#[test]
fn an_expression_that_is_wrong_is_marked_where_it_is() {
    assert_snapshot!(check_text(&with_top("env:\n  A: x ${{ githb.sha }}\n  B: >\n    folded\n    text ${{ startWith('a', 'b') }}\n  C: \"\\t${{ 'a' = 'b' }}\"")), @r#"
    error[E-EXPR-CONTEXT]: there is no context `githb`
     --> p.yml:3:12
      |
    3 |   A: x ${{ githb.sha }}
      |            ^^^^^ not a context
      |
      = help: there is `github`

    error[E-EXPR-FUNCTION]: there is no function `startWith`
     --> p.yml:6:14
      |
    6 |     text ${{ startWith('a', 'b') }}
      |              ^^^^^^^^^ not a function
      |
      = help: there is `startsWith`

    error[E-EXPR-SYNTAX]: Unexpected symbol: '='. Located at position 5 within expression: 'a' = 'b'
     --> p.yml:7:17
      |
    7 |   C: "\t${{ 'a' = 'b' }}"
      |                 ^
    "#);
}

#[test]
fn every_context_has_its_places() {
    let file = "
name: x
env: { A: \"${{ env.B }}\" }
stages:
  a:
    name: ${{ needs.a.result }}
    env: { A: \"${{ steps.x.outputs.y }}\" }
    if: steps.x.outcome == 'success' && runner.os == 'Linux'
    timeout: ${{ success() }}
    matrix: { a: [\"${{ matrix.b }}\"], b: \"${{ needs.x.outputs.y }}\" }
    container: x:${{ hashFiles('a') }}
    steps:
      - name: ${{ steps.x.outputs.y }}
        run: x
";
    assert_snapshot!(codes(file), @r"
    3:16 E-EXPR-PLACE
    6:15 E-EXPR-PLACE
    7:20 E-EXPR-PLACE
    8:9 E-EXPR-PLACE
    8:41 E-EXPR-PLACE
    9:18 E-EXPR-PLACE
    10:24 E-EXPR-PLACE
    10:47 E-EXPR-PLACE
    11:22 E-EXPR-PLACE
    13:19 E-EXPR-PLACE
    ");
}

#[test]
fn keys_are_checked_where_they_are_known() {
    let file = "
name: x
inputs: { release: {} }
stages:
  a:
    outputs: { image: \"${{ steps.push.outputs.reference }}\" }
    steps: [{ id: push, uses: image-push }]
  other: { steps: [{ run: x }] }
  b:
    needs: [a]
    matrix: { python: [a, b], include: [{ python: a, extra: 1 }] }
    name: ${{ matrix.pyton }} ${{ matrix.extra }} ${{ env.NOWHERE }}
    steps:
      - uses: notify
        with:
          a: ${{ inputs.relase }}
          b: ${{ needs.a.outputs.imag }}
          c: ${{ needs.other.result }}
          d: ${{ needs.a.status }}
          e: ${{ github.event.anything.at.all }}
          f: ${{ env.SET_BY_A_SCRIPT }}
";
    assert_snapshot!(check_text(file), @r"
    error[E-EXPR-KEY]: `matrix.pyton`: the matrix has no `pyton`
      --> p.yml:12:15
       |
    12 |     name: ${{ matrix.pyton }} ${{ matrix.extra }} ${{ env.NOWHERE }}
       |               ^^^^^^^^^^^^
       |
       = help: there is `python`

    error[E-EXPR-KEY]: `env.NOWHERE`: `NOWHERE` is not in the `env` around it
      --> p.yml:12:55
       |
    12 |     name: ${{ matrix.pyton }} ${{ matrix.extra }} ${{ env.NOWHERE }}
       |                                                       ^^^^^^^^^^^

    error[E-EXPR-KEY]: `inputs.relase`: there is no input `relase`
      --> p.yml:16:18
       |
    16 |           a: ${{ inputs.relase }}
       |                  ^^^^^^^^^^^^^
       |
       = help: there is `release`

    error[E-EXPR-KEY]: `needs.a.outputs.imag`: stage `a` has no output `imag`
      --> p.yml:17:18
       |
    17 |           b: ${{ needs.a.outputs.imag }}
       |                  ^^^^^^^^^^^^^^^^^^^^
       |
       = help: there is `image`

    error[E-EXPR-KEY]: `needs.other.result`: `other` is not in `needs` of stage `b`
      --> p.yml:18:18
       |
    18 |           c: ${{ needs.other.result }}
       |                  ^^^^^^^^^^^^^^^^^^
       |
       = help: add `other` to `needs` of this stage

    error[E-EXPR-KEY]: `needs.a.status`: there is no `status` in it
      --> p.yml:19:18
       |
    19 |           d: ${{ needs.a.status }}
       |                  ^^^^^^^^^^^^^^
       |
       = help: there are `result`, `outputs`, `cells`
    ");
}

#[test]
fn steps_and_services_are_known_by_name() {
    let file = "
name: x
stages:
  a:
    services: { db: postgres:15 }
    steps:
      - id: one
        uses: notify
        with:
          a: ${{ steps.two.outcome }}
          b: ${{ steps.three.outcome }}
          c: ${{ stage.services.dv.ports['5432'] }}
          d: ${{ steps.one.outputs.x }}
      - id: two
        uses: notify
        with: { a: \"${{ steps.one.output }}\", b: \"${{ stage.services.db.ports['5432'] }}\" }
    rollback:
      - uses: notify
        with: { a: \"${{ steps.two.outcome }}\" }
";
    assert_snapshot!(check_text(file), @r#"
    error[E-EXPR-KEY]: `steps.two.outcome`: step `two` has not run yet
      --> p.yml:10:18
       |
    10 |           a: ${{ steps.two.outcome }}
       |                  ^^^^^^^^^^^^^^^^^
       |
       = help: a step reads what ran before it: move this step behind that one

    error[E-EXPR-KEY]: `steps.three.outcome`: no step of stage `a` has the id `three`
      --> p.yml:11:18
       |
    11 |           b: ${{ steps.three.outcome }}
       |                  ^^^^^^^^^^^^^^^^^^^
       |
       = help: give the step that is meant `id: three`

    error[E-EXPR-KEY]: `stage.services.dv.ports.5432`: stage `a` has no service `dv`
      --> p.yml:12:18
       |
    12 |           c: ${{ stage.services.dv.ports['5432'] }}
       |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: there is `db`

    error[E-EXPR-KEY]: `steps.one.outputs.x`: step `one` has not run yet
      --> p.yml:13:18
       |
    13 |           d: ${{ steps.one.outputs.x }}
       |                  ^^^^^^^^^^^^^^^^^^^
       |
       = help: a step reads what ran before it: move this step behind that one

    error[E-EXPR-KEY]: `steps.one.output`: there is no `output` in it
      --> p.yml:16:25
       |
    16 |         with: { a: "${{ steps.one.output }}", b: "${{ stage.services.db.ports['5432'] }}" }
       |                         ^^^^^^^^^^^^^^^^
       |
       = help: there is `outputs`

    error[E-KEY-CONFLICT]: stage `a` has `rollback` and no `environment`
      --> p.yml:18:9
       |
    18 |       - uses: notify
       |         ^
       |
       = help: these steps run when a deployment is rolled back: name its `environment`, or remove them
    "#);
}

#[test]
fn nothing_may_be_computed_where_a_reader_must_see_it() {
    let file = "
name: x
secrets: [\"${{ inputs.x }}\"]
plugins: { t: \"${{ inputs.x }}\" }
stages:
  a:
    needs: [\"${{ inputs.x }}\"]
    steps:
      - { id: \"${{ inputs.x }}\", uses: \"${{ inputs.x }}\" }
";
    assert_snapshot!(codes(file), @r"
    3:12 E-EXPR-PLACE
    4:16 E-EXPR-PLACE
    7:14 E-EXPR-PLACE
    9:16 E-EXPR-PLACE
    9:41 E-EXPR-PLACE
    ");
}

#[test]
fn a_matrix_may_be_made_when_its_stage_is_known() {
    let file = "
name: x
stages:
  a:
    outputs: { list: \"${{ steps.l.outputs.list }}\", all: \"${{ steps.l.outputs.all }}\" }
    steps: [{ id: l, run: x }]
  b: { needs: a, matrix: { x: \"${{ fromJSON(needs.a.outputs.list) }}\" }, steps: [{ run: x, name: \"${{ matrix.x }}\" }] }
  c: { needs: a, matrix: \"${{ fromJSON(needs.a.outputs.all) }}\", steps: [{ run: x, name: \"${{ matrix.anything }}\" }] }
";
    assert_eq!(check_text(file), "");
}

#[test]
fn a_condition_stands_with_or_without_delimiters_and_never_half() {
    assert_eq!(codes(&with_stage("if: ${{ github.ref == 'x' }}")), "");
    assert_snapshot!(check_text(&with_stage("if: ${{ github.ref }} == 'x'")), @r"
    error[E-EXPR-SYNTAX]: A condition is one expression: `${{` and `}}` stand around all of it or nowhere
     --> p.yml:4:9
      |
    4 |     if: ${{ github.ref }} == 'x'
      |         ^^^
    ");
}
