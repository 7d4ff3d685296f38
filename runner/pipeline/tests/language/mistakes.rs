//! One file with many mistakes of every kind: each is told, at its place, and nothing else.

use insta::assert_snapshot;

use crate::{check_text, codes};

const MISTAKES: &str = include_str!("../files/mistakes.yml");

#[test]
fn every_mistake_of_a_file_is_told_once_at_its_place() {
    assert_snapshot!(codes(MISTAKES), @r"
    4:20 E-CHOICE
    11:14 E-CFG-RANGE
    14:9 E-YAML-DUPLICATE-KEY
    15:29 E-EXPR-IN-SCRIPT
    20:30 E-EXPR-KEY
    22:13 E-STAGE-UNKNOWN
    22:19 E-STAGE-CYCLE
    25:32 E-SECRET-UNDECLARED
    25:71 E-EXPR-CONTEXT
    26:28 E-ALLOW-NETWORK
    29:12 E-TYPE
    32:5 E-KEY-UNKNOWN
    33:25 E-EXPR-SYNTAX
    ");
}

#[test]
fn each_message_says_what_to_do() {
    assert_snapshot!(check_text(MISTAKES), @r#"
    error[E-CHOICE]: `type` of input `release` is `text`
     --> p.yml:4:20
      |
    4 |   release: { type: text }
      |                    ^^^^ not one of the words that stand here
      |
      = help: there are `string`, `number`, `boolean`, `choice`

    error[E-CFG-RANGE]: `timeout` of stage `test`: `90` has no unit
      --> p.yml:11:14
       |
    11 |     timeout: 90
       |              ^^
       |
       = help: write a number with its unit, such as `10s`, `5m`, `1h30m`

    error[E-YAML-DUPLICATE-KEY]: the key `run` stands twice
      --> p.yml:14:9
       |
    13 |       - run: pytest
       |         --- the first one
    14 |         run: pytest -q
       |         ^^^ the second one
       |
       = help: keep one of the two: which of them would count is not for a parser to guess

    error[E-EXPR-IN-SCRIPT]: an expression stands inside a script
      --> p.yml:15:29
       |
    15 |       - run: echo "Building ${{ github.head_ref }}"
       |                             ^^^^^^^^^^^^^^^^^^^^^^ text from outside would become code
       |
       = help: hand it over as a variable:
               env: { HEAD_REF: "${{ github.head_ref }}" }
               run: echo "Building $HEAD_REF"

    error[E-EXPR-KEY]: `steps.ruff.outputs.file`: no step of stage `lint` has the id `ruff`
      --> p.yml:20:30
       |
    20 |         with: { report: "${{ steps.ruff.outputs.file }}" }
       |                              ^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: give the step that is meant `id: ruff`

    error[E-STAGE-UNKNOWN]: stage `build` needs `tset`, which is not in this pipeline
      --> p.yml:22:13
       |
    22 |     needs: [tset, lint]
       |             ^^^^ no stage has this name
       |
       = help: there is `test`

    error[E-STAGE-CYCLE]: stages wait for each other: lint → package → build → lint
      --> p.yml:22:19
       |
    22 |     needs: [tset, lint]
       |                   ^^^^ closes the circle
       |
       = help: take one of these out of `needs`: an arrow points from a stage to what it needs

    error[E-SECRET-UNDECLARED]: the secret `REGISTRY_TOKN` is not declared
      --> p.yml:25:32
       |
    25 |         with: { password: "${{ secrets.REGISTRY_TOKN }}", image: "${{ githb.sha }}" }
       |                                ^^^^^^^^^^^^^^^^^^^^^ not in `secrets`
       |
       = help: there is `REGISTRY_TOKEN`

    error[E-EXPR-CONTEXT]: there is no context `githb`
      --> p.yml:25:71
       |
    25 |         with: { password: "${{ secrets.REGISTRY_TOKN }}", image: "${{ githb.sha }}" }
       |                                                                       ^^^^^ not a context
       |
       = help: there is `github`

    error[E-ALLOW-NETWORK]: an item of `network` of `allow` of step 1 of stage `build`: the port is missing: write `ghcr.io:443`
      --> p.yml:26:28
       |
    26 |         allow: { network: [ghcr.io] }
       |                            ^^^^^^^
       |
       = help: write `host:port`, such as `example.com:443` or `*.example.com:443`

    error[E-TYPE]: `steps` of stage `package` is a map, expected a list of steps
      --> p.yml:29:12
       |
    29 |     steps: { run: make }
       |            ^^^^^^^^^^^^^ expected a list of steps

    error[E-KEY-UNKNOWN]: stage `deploy` has no key `enviroment`
      --> p.yml:32:5
       |
    32 |     enviroment: production
       |     ^^^^^^^^^^ not a key of a stage
       |
       = help: there is `environment`; it makes this stage a deployment

    error[E-EXPR-SYNTAX]: Unexpected end of expression: 'ref'. Located at position 17 within expression: contains(github.ref
      --> p.yml:33:25
       |
    33 |     if: contains(github.ref
       |                         ^^^
    "#);
}
