//! Keys and types: each wrong one is told with what was expected.

use insta::assert_snapshot;

use crate::{check_text, codes, pipeline, with_stage, with_steps, with_top};
use sealock_pipeline::{Call, PluginName, Shell};

#[test]
fn an_unknown_key_offers_the_near_one_and_says_what_it_does() {
    assert_snapshot!(check_text("name: x\nstages:\n  deploy:\n    enviroment: production\n    steps: [{ run: make }]\n"), @r"
    error[E-KEY-UNKNOWN]: stage `deploy` has no key `enviroment`
     --> p.yml:4:5
      |
    4 |     enviroment: production
      |     ^^^^^^^^^^ not a key of a stage
      |
      = help: there is `environment`; it makes this stage a deployment
    ");
}

/// A11
#[test]
fn keys_of_githubs_are_translated() {
    let file = "name: x\npermisions: {}\non: [push, workflow_dispatch, schedule]\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{ run: make }]\n";
    assert_snapshot!(check_text(file), @r#"
    error[E-KEY-UNKNOWN]: the pipeline has no key `permisions`
     --> p.yml:2:1
      |
    2 | permisions: {}
      | ^^^^^^^^^^ not a key of a pipeline
      |
      = help: write `allow`: it lists what steps may touch, and nothing else is allowed

    error[E-CHOICE]: `on` does not know `workflow_dispatch`
     --> p.yml:3:12
      |
    3 | on: [push, workflow_dispatch, schedule]
      |            ^^^^^^^^^^^^^^^^^
      |
      = help: write `manual`

    error[E-CHOICE]: `on` does not know `schedule`
     --> p.yml:3:31
      |
    3 | on: [push, workflow_dispatch, schedule]
      |                               ^^^^^^^^
      |
      = help: write its times: `on: { schedule: [{ cron: "0 2 * * *" }] }`

    error[E-KEY-UNKNOWN]: the pipeline has no key `jobs`
     --> p.yml:4:1
      |
    4 | jobs:
      | ^^^^ not a key of a pipeline
      |
      = help: write `stages`: what GitHub calls a job is a stage here
    "#);
    assert_snapshot!(codes(&with_steps("- run: make\n  continue-on-error: true\n  timeout-minutes: 5")), @r"
    6:9 E-KEY-UNKNOWN
    7:9 E-KEY-UNKNOWN
    ");
}

#[test]
fn a_misspelt_required_key_is_one_mistake_and_not_two() {
    assert_snapshot!(codes("name: x\nstages:\n  a:\n    stpes: [{ run: make }]\n"), @"4:5 E-KEY-UNKNOWN");
    assert_snapshot!(codes(&with_steps("- rnu: make")), @"5:9 E-KEY-UNKNOWN");
}

#[test]
fn a_required_key_that_is_missing_is_named() {
    assert_snapshot!(check_text("on: push\n"), @r"
    error[E-KEY-MISSING]: the pipeline has no `name`
     --> p.yml:1:1
      |
    1 | on: push
      | ^^^^^^^^
      |
      = help: add `name`; it is what the pipeline is called

    error[E-KEY-MISSING]: the pipeline has no `stages`
     --> p.yml:1:1
      |
    1 | on: push
      | ^^^^^^^^
      |
      = help: add `stages`; it holds what is run
    ");
    assert_snapshot!(check_text(&with_steps("- name: nothing")), @r"
    error[E-KEY-MISSING]: step 1 of stage `a` has neither `run` nor `uses`
     --> p.yml:5:9
      |
    5 |       - name: nothing
      |         ^^^^^^^^^^^^^
      |
      = help: add `run: SCRIPT`, or `uses: PLUGIN` with its inputs under `with`
    ");
}

#[test]
fn a_wrong_type_says_what_was_found_and_what_was_expected() {
    assert_snapshot!(check_text(&with_stage("needs: { a: b }\nenv: [A]\nservices: 3\noutputs:\nif: [a]")), @r"
    error[E-TYPE]: `needs` of stage `a` is a map, expected the name of a stage, or a list of them
     --> p.yml:4:12
      |
    4 |     needs: { a: b }
      |            ^^^^^^^^ expected the name of a stage, or a list of them

    error[E-TYPE]: `env` of stage `a` is a list, expected a map
     --> p.yml:5:10
      |
    5 |     env: [A]
      |          ^^^ expected a map

    error[E-TYPE]: `services` of stage `a` is the number `3`, expected a map
     --> p.yml:6:15
      |
    6 |     services: 3
      |               ^ expected a map

    error[E-TYPE]: `outputs` of stage `a` is nothing, expected a map
     --> p.yml:7:5
      |
    7 |     outputs:
      |     ^^^^^^^ expected a map

    error[E-TYPE]: `if` of stage `a` is a list, expected an expression
     --> p.yml:8:9
      |
    8 |     if: [a]
      |         ^^^ expected an expression
    ");
}

#[test]
fn a_step_calls_exactly_one_thing() {
    assert_snapshot!(check_text(&with_steps("- run: make\n  uses: shell\n- run: make\n  with: { a: b }\n- uses: render\n  shell: bash")), @r"
    error[E-KEY-CONFLICT]: step 1 of stage `a` has both `run` and `uses`
     --> p.yml:6:9
      |
    6 |         uses: shell
      |         ^^^^
      |
      = help: make two steps of them

    error[E-KEY-CONFLICT]: step 2 of stage `a` has both `run` and `with`
     --> p.yml:8:9
      |
    8 |         with: { a: b }
      |         ^^^^
      |
      = help: hand values to a script by `env`

    error[E-KEY-CONFLICT]: step 3 of stage `a` has both `uses` and `shell`
      --> p.yml:10:9
       |
    10 |         shell: bash
       |         ^^^^^
       |
       = help: `shell` goes with `run` only
    ");
}

#[test]
fn empty_lists_are_refused_where_nothing_would_happen() {
    assert_snapshot!(codes("name: ''\nstages:\n  a: { steps: [] }\n  b: { matrix: { x: [] }, steps: [{ run: x }] }\n"), @r"
    1:7 E-EMPTY
    3:15 E-EMPTY
    4:21 E-EMPTY
    ");
    assert_snapshot!(codes("name: x\nstages: {}\n"), @"2:1 E-EMPTY");
}

/// A13
#[test]
fn durations_out_of_range_are_refused() {
    for timeout in ["-1", "0", "1e308", "\"∞\"", "10", "0s", "1000000h", ".inf", "-5m", "\"\""] {
        let found = codes(&with_stage(&format!("timeout: {timeout}")));
        assert_eq!(found, "4:14 E-CFG-RANGE", "{timeout}");
    }
    assert_snapshot!(check_text(&with_stage("timeout: 10\nallow: { memory: 512 }")), @r"
    error[E-CFG-RANGE]: `timeout` of stage `a`: `10` has no unit
     --> p.yml:4:14
      |
    4 |     timeout: 10
      |              ^^
      |
      = help: write a number with its unit, such as `10s`, `5m`, `1h30m`

    error[E-CFG-RANGE]: `memory` of `allow` of stage `a`: `512` has no unit
     --> p.yml:5:22
      |
    5 |     allow: { memory: 512 }
      |                      ^^^
      |
      = help: write a number with its unit, such as `64MiB`, `1GB`
    ");
}

#[test]
fn counts_out_of_range_are_refused() {
    assert_snapshot!(check_text(&with_steps("- run: x\n  retry: { attempts: 0 }\n- run: x\n  retry: { attempts: 1e308 }\n- run: x\n  retry: { attempts: many, on: [timeot] }")), @r"
    error[E-CFG-RANGE]: `attempts` of `retry` of step 1 of stage `a` is `0`, expected a whole number from 1 to 100
     --> p.yml:6:28
      |
    6 |         retry: { attempts: 0 }
      |                            ^ expected a whole number from 1 to 100

    error[E-CFG-RANGE]: `attempts` of `retry` of step 2 of stage `a` is `1e308`, expected a whole number from 1 to 100
     --> p.yml:8:28
      |
    8 |         retry: { attempts: 1e308 }
      |                            ^^^^^ expected a whole number from 1 to 100

    error[E-TYPE]: `attempts` of `retry` of step 3 of stage `a` is the text `many`, expected a whole number
      --> p.yml:10:28
       |
    10 |         retry: { attempts: many, on: [timeot] }
       |                            ^^^^ expected a whole number

    error[E-CHOICE]: `on` of `retry` of step 3 of stage `a` is `timeot`
      --> p.yml:10:39
       |
    10 |         retry: { attempts: many, on: [timeot] }
       |                                       ^^^^^^ not one of the words that stand here
       |
       = help: there is `timeout`
    ");
}

#[test]
fn inputs_have_a_type_and_a_default_that_fits() {
    let file = with_top(
        "inputs:\n  a: { type: numbr }\n  b: { type: choice }\n  c: { type: choice, options: [s, l], default: m }\n  d: { type: boolean, default: \"true\" }\n  e: { options: [x] }\n  f: { type: number, default: ten }",
    );
    assert_snapshot!(check_text(&file), @r#"
    error[E-CHOICE]: `type` of input `a` is `numbr`
     --> p.yml:3:14
      |
    3 |   a: { type: numbr }
      |              ^^^^^ not one of the words that stand here
      |
      = help: there is `number`

    error[E-KEY-MISSING]: input `b` is a choice without `options`
     --> p.yml:4:14
      |
    4 |   b: { type: choice }
      |              ^^^^^^
      |
      = help: list what it takes: `options: [small, large]`

    error[E-TYPE]: `default` of input `c`: expected one of `s`, `l`, found `m`
     --> p.yml:5:48
      |
    5 |   c: { type: choice, options: [s, l], default: m }
      |                                                ^

    error[E-TYPE]: `default` of input `d`: expected `true` or `false`, found text in quotes
     --> p.yml:6:32
      |
    6 |   d: { type: boolean, default: "true" }
      |                                ^^^^^^

    error[E-KEY-CONFLICT]: input `e` has `options` and is a string
     --> p.yml:7:8
      |
    7 |   e: { options: [x] }
      |        ^^^^^^^
      |
      = help: write `type: choice`

    error[E-TYPE]: `default` of input `f`: expected a number, found `ten`
     --> p.yml:8:31
      |
    8 |   f: { type: number, default: ten }
      |                               ^^^
    "#);
}

#[test]
fn triggers_take_githubs_short_forms() {
    for on in ["push", "[push, manual]", "{ push: , pull_request: , manual: }"] {
        let pipeline = pipeline(&with_top(&format!("on: {on}")));
        assert!(pipeline.on.push.is_some(), "{on}");
    }
}

#[test]
fn schedules_are_checked() {
    assert_snapshot!(check_text(&with_top("on:\n  schedule:\n    - { cron: \"0 25 * * *\" }\n    - { cron: \"@daily\", timezone: \"+02:00\" }\n  push: { branches: a, branches-ignore: b }")), @r#"
    error[E-CRON]: `cron`: `25` is not an hour (0 to 23)
     --> p.yml:4:15
      |
    4 |     - { cron: "0 25 * * *" }
      |               ^^^^^^^^^^^^
      |
      = help: write five fields, minute, hour, day, month, weekday, such as `0 2 * * *` for two every night

    error[E-CRON]: `cron`: there are 1 fields, expected 5
     --> p.yml:5:15
      |
    5 |     - { cron: "@daily", timezone: "+02:00" }
      |               ^^^^^^^^
      |
      = help: write five fields, minute, hour, day, month, weekday, such as `0 2 * * *` for two every night

    error[E-CRON]: `+02:00` is not the name of a timezone
     --> p.yml:5:35
      |
    5 |     - { cron: "@daily", timezone: "+02:00" }
      |                                   ^^^^^^^^
      |
      = help: write a name of the IANA list, such as `Europe/Oslo` or `UTC`

    error[E-KEY-CONFLICT]: `branches` and `branches-ignore` stand together
     --> p.yml:6:24
      |
    6 |   push: { branches: a, branches-ignore: b }
      |                        ^^^^^^^^^^^^^^^
      |
      = help: keep one of the two; a pattern that starts with `!` takes back what the ones before it match
    "#);
}

#[test]
fn targets_need_an_address_a_host_key_and_a_login() {
    let file = with_top(
        "secrets: [K]\nenvironments:\n  p:\n    verify: each\n    targets:\n      a: { ssh: web1, host-key: abc }\n      b: { ssh: root@b, host-key: [], key: K, agent: true }\n      c: { ssh: root@c, key: L }",
    );
    assert_snapshot!(check_text(&file), @r"
    error[E-CHOICE]: `verify` of environment `p` is `each`
     --> p.yml:5:13
      |
    5 |     verify: each
      |             ^^^^ not one of the words that stand here
      |
      = help: there are `end`, `each-batch`

    error[E-KEY-MISSING]: target `a` has neither `key` nor `agent`
     --> p.yml:7:10
      |
    7 |       a: { ssh: web1, host-key: abc }
      |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: name the secret that holds the private key, `key: DEPLOY_KEY`, or write `agent: true`

    error[E-TARGET-ADDRESS]: `ssh` of target `a`: `web1` names no user
     --> p.yml:7:17
      |
    7 |       a: { ssh: web1, host-key: abc }
      |                 ^^^^
      |
      = help: write `user@host`, or `user@host:port`

    error[E-TARGET-HOST-KEY]: `host-key` of target `a` is not a public key
     --> p.yml:7:33
      |
    7 |       a: { ssh: web1, host-key: abc }
      |                                 ^^^
      |
      = help: write it as `ssh-keyscan HOST` prints it, without the host: `ssh-ed25519 AAAA…`

    error[E-EMPTY]: `host-key` of target `b` is empty
     --> p.yml:8:35
      |
    8 |       b: { ssh: root@b, host-key: [], key: K, agent: true }
      |                                   ^^

    error[E-KEY-CONFLICT]: target `b` has both `key` and `agent`
     --> p.yml:8:47
      |
    8 |       b: { ssh: root@b, host-key: [], key: K, agent: true }
      |                                               ^^^^^
      |
      = help: keep one of the two

    error[E-KEY-MISSING]: target `c` has no `host-key`
     --> p.yml:9:10
      |
    9 |       c: { ssh: root@c, key: L }
      |          ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: add `host-key`; it is what the host must show, as in `known_hosts`

    error[E-SECRET-UNDECLARED]: the secret `L` is not declared
     --> p.yml:9:30
      |
    9 |       c: { ssh: root@c, key: L }
      |                              ^ not in `secrets`
      |
      = help: there is `K`
    ");
}

#[test]
fn shells_are_words() {
    let pipeline = pipeline(&with_steps(
        "- { run: a }\n- { run: b, shell: bash }\n- { run: c, shell: python3 -u }\n- { run: d, shell: [node, -e] }",
    ));
    let words = |shell: &Shell| match shell {
        Shell::Sh => "sh".to_owned(),
        Shell::Bash => "bash".to_owned(),
        Shell::Program(words) => words.iter().map(|word| word.value.as_str()).collect::<Vec<_>>().join("|"),
    };
    let shells: Vec<String> = pipeline
        .stages
        .values()
        .flat_map(|stage| &stage.steps)
        .filter_map(|step| match &step.call {
            Call::Run { shell, .. } => Some(words(shell)),
            Call::Uses { .. } => None,
        })
        .collect();
    assert_eq!(shells, ["sh", "bash", "python3|-u", "node|-e"]);
}

#[test]
fn plugins_are_names_paths_or_references() {
    let file = with_top("plugins: { a: trivy, b: ../x.wasm, c: ghcr.io/acme/step }");
    assert_snapshot!(check_text(&file), @r"
    error[E-PLUGIN-NAME]: plugin `a` stands for `trivy`, which is a name again
     --> p.yml:2:15
      |
    2 | plugins: { a: trivy, b: ../x.wasm, c: ghcr.io/acme/step }
      |               ^^^^^
      |
      = help: write a path such as `./steps/mine.wasm` or a reference such as `ghcr.io/acme/step:1.2`

    error[E-PLUGIN-NAME]: plugin `b` is `../x.wasm`: the path leaves the repository
     --> p.yml:2:25
      |
    2 | plugins: { a: trivy, b: ../x.wasm, c: ghcr.io/acme/step }
      |                         ^^^^^^^^^
      |
      = help: write a builtin's name (`smoke-test`), a short name of `plugins`, a path (`./steps/mine.wasm`), or a reference (`ghcr.io/acme/step:1.2`)

    error[E-PLUGIN-NAME]: plugin `c` is `ghcr.io/acme/step`: the reference has neither a tag nor a digest
     --> p.yml:2:39
      |
    2 | plugins: { a: trivy, b: ../x.wasm, c: ghcr.io/acme/step }
      |                                       ^^^^^^^^^^^^^^^^^
      |
      = help: write a builtin's name (`smoke-test`), a short name of `plugins`, a path (`./steps/mine.wasm`), or a reference (`ghcr.io/acme/step:1.2`)
    ");
    let pipeline = pipeline(&with_steps("- uses: ./steps/x.wasm"));
    let Call::Uses { plugin, .. } = &pipeline.stages.get("a").expect("there").steps[0].call else { panic!("a plugin") };
    assert_eq!(plugin.value, PluginName::Path("./steps/x.wasm".into()));
}

#[test]
fn paths_stay_in_the_workspace() {
    assert_snapshot!(codes(&with_steps("- run: x\n  working-directory: ../up\n- run: x\n  working-directory: /etc\n  allow: { files: { read: [\"../**\"], write: [/tmp] } }")), @r"
    6:28 E-PATH-LEAVES
    8:28 E-PATH-LEAVES
    9:34 E-PATH-LEAVES
    9:52 E-PATH-LEAVES
    ");
}

#[test]
fn services_and_containers_have_short_forms() {
    let pipeline = pipeline(&with_stage(
        "container: python:3.12\nservices:\n  redis: redis:7\n  db: { image: postgres:15, ports: [5432, \"6543:5432\"], health: { command: pg_isready } }",
    ));
    let stage = pipeline.stages.get("a").expect("there");
    assert_eq!(stage.container.as_ref().map(|container| container.image.raw()), Some("python:3.12"));
    assert_eq!(stage.services.get("db").map(|db| db.ports.len()), Some(2));
    assert_snapshot!(check_text(&with_stage("container: \"-v /:/host x\"\nservices:\n  a: { image: x, ports: [99999, \"1:2:3\"] }\n  b: { image: y, ports: [\"80:80\"] }\n  c: { image: y, ports: [\"80:81\"] }")), @r#"
    error[E-IMAGE]: `container` of stage `a` is not an image: `-v /:/host x`
     --> p.yml:4:16
      |
    4 |     container: "-v /:/host x"
      |                ^^^^^^^^^^^^^^
      |
      = help: write it as for `docker pull`, such as `postgres:15`

    error[E-CFG-RANGE]: an item of `ports` of service `a`: `99999` is not a port from 1 to 65535, or two with `:` between them
     --> p.yml:6:30
      |
    6 |       a: { image: x, ports: [99999, "1:2:3"] }
      |                              ^^^^^
      |
      = help: write the container's port, `5432`, or with a fixed one of the host, `"5432:5432"`

    error[E-CFG-RANGE]: an item of `ports` of service `a`: `2:3` is not a port from 1 to 65535, or two with `:` between them
     --> p.yml:6:37
      |
    6 |       a: { image: x, ports: [99999, "1:2:3"] }
      |                                     ^^^^^^^
      |
      = help: write the container's port, `5432`, or with a fixed one of the host, `"5432:5432"`

    error[E-DUPLICATE]: two services of stage `a` take the port 80 of the host
     --> p.yml:8:30
      |
    7 |       b: { image: y, ports: ["80:80"] }
      |                              ------- the first one
    8 |       c: { image: y, ports: ["80:81"] }
      |                              ^^^^^^^ the second one
      |
      = help: write the container's port alone, and read `stage.services.NAME.ports['…']`
    "#);
}
