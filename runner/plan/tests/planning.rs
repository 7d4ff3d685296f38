//! Planning as an author sees it: what is granted, what is refused, and the line to add.

use insta::assert_snapshot;
use sealock_contract::{Digest, Manifest, StepName};
use sealock_diagnostics::Source;
use sealock_diagnostics::render::{Colour, Report, text};
use sealock_plan::{
    Catalogue, CatalogueError, Facts, Plan, Planned, PlannedPlugin, PluginOrigin, Request, Review, Unset, Wanted,
};
use serde_json::json;

/// Plugins that there are in these tests.
struct Plugins;

impl Catalogue for Plugins {
    fn find(&self, wanted: Wanted<'_>) -> Result<PlannedPlugin, CatalogueError> {
        let Wanted::Builtin(name) = wanted else {
            return Err(CatalogueError {
                code: "E-PLUGIN-UNKNOWN",
                message: "not here".into(),
                help: None,
                is_unseen: false,
            });
        };
        let manifest = manifest(name).ok_or_else(|| CatalogueError {
            code: "E-PLUGIN-UNKNOWN",
            message: format!("there is no plugin `{name}`"),
            help: None,
            is_unseen: false,
        })?;
        Ok(PlannedPlugin {
            origin: PluginOrigin::Builtin,
            digest: Digest::of(name.as_bytes()),
            manifest: Some(manifest),
        })
    }

    fn builtins(&self) -> Vec<String> {
        ["shell", "probe", "gate", "caller", "deployer"].map(str::to_owned).to_vec()
    }
}

fn manifest(name: &str) -> Option<Manifest> {
    let full = "sealock:step/full-step@0.1.0";
    let value = match name {
        "shell" => json!({ "world": full, "inputs": {
            "script": { "type": "script", "required": true }, "shell": { "type": "list", "default": "sh" },
            "working-directory": { "type": "path" }, "env": { "type": "map of secret" },
        }, "requests": [{ "capability": "exec", "to": "{inputs.shell}" }] }),
        "probe" => json!({ "world": full, "verifies": true, "inputs": {
            "url": { "type": "string", "required": true }, "attempts": { "type": "integer", "minimum": 1 },
            "token": { "type": "secret" },
        }, "requests": [{ "capability": "network", "to": "{inputs.url}", "methods": ["GET"] }] }),
        "gate" => {
            json!({ "world": "sealock:step/hermetic-step@0.1.0", "inputs": { "report": { "type": "path", "required": true } } })
        }
        "caller" => json!({ "world": full, "requests": [
            { "capability": "network", "to": "api.example.org:443", "reason": "report the result" },
        ] }),
        "deployer" => json!({ "world": full, "effect": true, "inputs": {
                "env": { "type": "map of secret", "environment": true }, "undo": { "type": "script" },
            },
            "requests": [{ "capability": "targets", "to": "{environment}" }] }),
        _ => return None,
    };
    let mut value = value;
    value["name"] = name.into();
    value["version"] = "0.1.0".into();
    Some(serde_json::from_value(value).expect("a manifest"))
}

fn planned(stages: &str, only: Option<&str>) -> (Source, Planned) {
    let head = "name: test\nsecrets: [TOKEN, DB]\nenvironments:\n  prod:\n    env: { DATABASE: \"pg://x:${{ secrets.DB }}@db\" }\n    targets:\n      \
                web1: { ssh: deploy@web1.example.com, host-key: ssh-ed25519 AAAA, key: TOKEN }\nstages:\n";
    let source = Source::new("main.yml", format!("{head}{stages}"));
    let parsed = sealock_pipeline::parse(&source);
    assert!(parsed.pipeline.is_some(), "{:?}", parsed.diagnostics);
    let pipeline = parsed.pipeline.expect("no errors");
    let facts =
        Facts { github: json!({ "ref": "refs/heads/main" }).as_object().expect("a map").clone(), ..Facts::default() };
    let request = Request { pipeline: &pipeline, source: &source, facts: &facts, catalogue: &Plugins, only };
    let planned = sealock_plan::plan(request);
    (source, planned)
}

fn plan(stages: &str) -> Plan {
    let (source, planned) = planned(stages, None);
    let told = text(Report { source: &source, diagnostics: &planned.diagnostics }, Colour::Plain);
    planned.plan.unwrap_or_else(|| panic!("{told}"))
}

fn told(stages: &str) -> String {
    let (source, planned) = planned(stages, None);
    text(Report { source: &source, diagnostics: &planned.diagnostics }, Colour::Plain)
}

fn grant(plan: &Plan, stage: &str, step: &str) -> sealock_contract::Grant {
    plan.grants[&StepName { stage: stage.into(), step: step.into() }].clone()
}

#[test]
fn typing_an_input_grants_what_the_plugin_asks_for_in_its_terms_and_nothing_else() {
    let plan = plan("  a:\n    steps:\n      - uses: probe\n        with: { url: \"https://example.com/health\" }\n");
    let grant = grant(&plan, "a", "probe");
    assert_eq!(sealock_plan::text::granted(&grant), ["GET example.com:443"]);
    assert!(grant.exec.is_empty() && grant.secrets.is_empty() && grant.targets.is_empty());
}

#[test]
fn what_would_be_granted_without_allow_is_what_was_typed() {
    let typed = "uses: probe\n        with: { url: \"https://example.com/health\" }\n";
    let plan = plan(&format!(
        "  a:\n    steps:\n      - {typed}      - uses: caller\n        allow: {{ network: [\"api.example.org:443\"] }}\n"
    ));
    let stage = &plan.stages[0];
    let typed = |step: usize| sealock_plan::text::granted(&plan.typed_grant(stage, &stage.steps[step]));
    assert_eq!(typed(0), ["GET example.com:443"]);
    assert_eq!(typed(1), Vec::<String>::new());
    assert_eq!(sealock_plan::text::granted(&grant(&plan, "a", "caller")), ["network api.example.org:443"]);
}

#[test]
fn an_input_that_grants_must_be_known_before_the_run_or_stand_in_allow() {
    let late = "  a:\n    outputs: { u: x }\n    steps:\n      - run: x\n  b:\n    needs: a\n    steps:\n      - uses: probe\n        \
                with: { url: \"${{ needs.a.outputs.u }}\" }\n";
    assert_snapshot!(told(late), @r#"
    error[E-GRANT-LATE]: `url` of step `probe` decides what it may touch, and is not known before the run
      --> main.yml:17:22
       |
    17 |         with: { url: "${{ needs.a.outputs.u }}" }
       |                      ^^^^^^^^^^^^^^^^^^^^^^^^^^ network is granted by what stands here
       |
       = help: say what it may reach: allow: { network: ["host.example.com:443"] }
    "#);
    let allowed = format!("{late}        allow: {{ network: [\"example.com:443\"] }}\n");
    assert_eq!(sealock_plan::text::granted(&grant(&plan(&allowed), "b", "probe")), ["GET example.com:443"]);
}

#[test]
fn what_a_plugin_asks_for_by_name_must_be_allowed_and_the_line_is_offered() {
    assert_snapshot!(told("  a:\n    steps:\n      - uses: caller\n"), @r#"
    error[E-GRANT-NETWORK]: step `caller` needs network api.example.org:443, which is not allowed
      --> main.yml:11:9
       |
    11 |       - uses: caller
       |         ^^^^^^^^^^^^ asks for network api.example.org:443 (to report the result)
       |
       = help: add to the step: allow: { network: ["api.example.org:443"] }
    "#);
}

#[test]
fn a_hermetic_step_sees_only_the_paths_that_its_author_typed() {
    let plan = plan("  a:\n    steps:\n      - uses: gate\n        with: { report: out/junit.xml }\n");
    let files = grant(&plan, "a", "gate").files;
    assert!(files.check_read("out/junit.xml").is_ok());
    assert!(files.check_read("out/other.xml").is_err() && files.check_write("out/junit.xml").is_err());
}

#[test]
fn unknown_inputs_and_plugins_offer_the_near_name() {
    let told = told(
        "  a:\n    steps:\n      - uses: prob\n      - uses: probe\n        with: { ulr: x, url: \"https://a.example\" }\n",
    );
    assert!(told.contains("E-PLUGIN-UNKNOWN") && told.contains("there is `probe`"), "{told}");
    assert!(told.contains("E-INPUT-UNKNOWN") && told.contains("there is `url`"), "{told}");
}

#[test]
fn a_secret_in_an_input_that_the_step_sees_is_refused() {
    let told = told(
        "  a:\n    steps:\n      - uses: probe\n        with: { url: \"https://a.example/${{ secrets.TOKEN }}\" }\n",
    );
    assert!(told.contains("E-SECRET-PLACE"), "{told}");
    let plan = plan(
        "  a:\n    steps:\n      - uses: probe\n        with: { url: \"https://a.example\", token: \"${{ secrets.TOKEN }}\" }\n",
    );
    assert_eq!(grant(&plan, "a", "probe").secrets, ["TOKEN"]);
    assert_eq!(plan.used_secrets(), ["TOKEN"]);
}

#[test]
fn a_deployment_gets_its_targets_and_its_environments_secrets() {
    let plan = plan("  a:\n    environment: prod\n    steps:\n      - uses: deployer\n");
    let grant = grant(&plan, "a", "deployer");
    assert_eq!((grant.targets, grant.secrets), (vec!["web1".to_owned()], vec!["DB".to_owned()]));
    assert_eq!(plan.environments["prod"].targets[0].directory, "deploy/test");
    assert_eq!(plan.deployed_to().iter().map(|own| own.name.as_str()).collect::<Vec<_>>(), ["prod"]);
}

#[test]
fn a_script_that_is_allowed_network_is_marked_as_what_no_wall_holds() {
    let plan =
        plan("  a:\n    steps:\n      - run: x\n        allow: { network: [\"example.com:443\"] }\n      - run: y\n");
    assert!(plan.stages[0].steps[0].wants_unconfined_network && !plan.stages[0].steps[1].wants_unconfined_network);
}

#[test]
fn allowing_what_nobody_asks_for_is_a_warning() {
    let told =
        told("  a:\n    steps:\n      - uses: gate\n        with: { report: x }\n        allow: { exec: [npm] }\n");
    assert!(told.contains("warning[E-ALLOW-UNUSED]"), "{told}");
}

#[test]
fn cells_are_stages_of_their_own_and_one_stage_brings_what_it_needs() {
    let stages = "  a:\n    matrix: { v: [\"3.11\", \"3.12\"] }\n    steps:\n      - run: x\n  b:\n    needs: a\n    steps:\n      - run: y\n  c:\n    \
                  steps:\n      - run: z\n";
    let names: Vec<String> = plan(stages).stages.into_iter().map(|stage| stage.name).collect();
    assert_eq!(names, ["a (3.11)", "a (3.12)", "c", "b"]);
    let (_, planned) = planned(stages, Some("b"));
    let names: Vec<String> = planned.plan.expect("sound").stages.into_iter().map(|stage| stage.name).collect();
    assert_eq!(names, ["a (3.11)", "a (3.12)", "b"]);
}

#[test]
fn a_plan_reads_back_as_it_was_frozen() {
    let plan = plan(
        "  a:\n    environment: prod\n    steps:\n      - uses: deployer\n      - run: x\n        env: { A: \"${{ secrets.TOKEN }}\" }\n",
    );
    let json = serde_json::to_string(&plan).expect("plain data");
    let back: Plan = serde_json::from_str(&json).expect("what we wrote");
    assert_eq!(back, plan);
    assert_eq!(back.digest(), plan.digest());
}

fn review(text: &str) -> Vec<(usize, &'static str)> {
    let source = Source::new("main.yml", text);
    let parsed = sealock_pipeline::parse(&source);
    let facts = Facts::default();
    let Some(draft) = parsed.pipeline.as_deref().or(parsed.draft.as_ref()) else { return Vec::new() };
    let review = Review {
        draft,
        told: &parsed.diagnostics,
        source: &source,
        facts: &facts,
        catalogue: &Plugins,
        unset: Unset::Unknown,
    };
    let line = |one: &sealock_diagnostics::Diagnostic| one.span.map_or(0, |span| source.position(span.start).line);
    sealock_plan::review(review).iter().map(|one| (line(one), one.code)).collect()
}

const DRAFT: &str = r#"
name: draft
secrets: [TOKEN]
environments:
  prod: { targets: { web1: { ssh: "a@${{ vars.HOST }}", host-key: ssh-ed25519 AAAA, key: TOKEN } } }
stages:
  a:
    needs: c
    matrix: { v: "${{ fromJSON(vars.LIST) }}" }
    steps:
      - { uses: prob }
      - { uses: caller, allow: { network: ["api.example.org"] } }
      - { uses: caller }
      - { uses: probe, with: { url: "${{ bad( }}" } }
      - { uses: gate, with: { report: "${{ hashFiles('x') }}" } }
  b: { permisions: x, needs: a, steps: [{ uses: caller }, { uses: gate, with: { rpeort: x, report: y } }] }
  c: { needs: b, environment: prod, steps: [{ uses: deployer }, { uses: probe, with: { url: "${{ vars.URL }}" } }] }
"#;

#[test]
fn a_file_with_errors_is_looked_through_and_nothing_that_follows_from_them_is_told() {
    assert_eq!(review(DRAFT), [(11, "E-PLUGIN-UNKNOWN"), (13, "E-GRANT-NETWORK"), (16, "E-INPUT-UNKNOWN")]);
}

#[test]
fn whatever_is_left_of_a_file_can_be_looked_through() {
    for (end, _) in DRAFT.char_indices() {
        review(&DRAFT[..end]);
    }
    let lines: Vec<&str> = DRAFT.lines().collect();
    for out in 0..lines.len() {
        let rest: Vec<&str> =
            lines.iter().enumerate().filter(|(place, _)| *place != out).map(|(_, line)| *line).collect();
        review(&rest.join("\n"));
    }
}

#[test]
fn cells_times_steps_are_bounded_before_they_are_made() {
    let steps = "{ run: x },".repeat(5_000);
    let axis: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let text = format!("name: x\nstages:\n  a: {{ matrix: {{ v: {axis:?} }}, steps: [{steps}] }}\n");
    let start = std::time::Instant::now();
    assert_eq!(review(&text), [(3, "E-MATRIX-SIZE")]);
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn what_services_are_given_reaches_only_plugins_that_ask_for_it() {
    let plan = plan("  a:\n    environment: prod\n    steps:\n      - uses: deployer\n      - { id: s, run: env }\n");
    assert_eq!(grant(&plan, "a", "deployer").secrets, ["DB"]);
    assert_eq!(grant(&plan, "a", "s").secrets, Vec::<String>::new());
}

#[test]
fn an_expression_in_an_input_that_is_a_script_is_told_with_the_line_to_write() {
    let stages = "  a:\n    timeout: 5m\n    steps:\n      - uses: shell\n        with: { script: \"echo ${{ github.ref }}\" }\n      \
                  - uses: deployer\n        with:\n          undo: |\n            set -e\n            echo ${{ github.event.head_commit.message }}\n";
    assert_snapshot!(told(stages), @r#"
    error[E-EXPR-IN-SCRIPT]: an expression stands inside a script
      --> main.yml:13:31
       |
    13 |         with: { script: "echo ${{ github.ref }}" }
       |                               ^^^^^^^^^^^^^^^^^ text from outside would become code
       |
       = help: hand it over as a variable, under `with`:
               env: { REF: "${{ github.ref }}" }
               script: echo $REF

    error[E-EXPR-IN-SCRIPT]: an expression stands inside a script
      --> main.yml:18:18
       |
    18 |             echo ${{ github.event.head_commit.message }}
       |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ text from outside would become code
       |
       = help: hand it over as a variable, under `with`:
               env: { MESSAGE: "${{ github.event.head_commit.message }}" }
               undo: echo $MESSAGE
    "#);
}

#[test]
fn the_words_of_a_shell_stay_apart_and_the_first_one_is_what_is_run() {
    let plan = plan("  a:\n    steps:\n      - { id: s, run: x, shell: [env, \"A=b c\", sh] }\n");
    let words = ["env", "A=b c", "sh"].map(sealock_plan::WithValue::text);
    assert_eq!(plan.stages[0].steps[0].with[1], ("shell".to_owned(), sealock_plan::WithValue::List(words.to_vec())));
    assert_eq!(grant(&plan, "a", "s").exec, ["env", "sh"]);
}

#[test]
fn an_option_that_an_expression_decides_is_settled_in_the_plan() {
    let flag = |of: &str| format!("${{{{ github.ref == '{of}' }}}}");
    let stages = format!(
        "  a:\n    matrix: {{ v: [x, y], fail-fast: \"{}\" }}\n    steps:\n      - {{ run: x, allow-failure: \"{}\" }}\n",
        flag("refs/heads/other"),
        flag("refs/heads/main")
    );
    let plan = plan(&stages);
    assert!(plan.stages.iter().all(|cell| !cell.fail_fast));
    assert_eq!(plan.stages[0].steps[0].allow_failure, sealock_plan::LateFlag::Known(true));
    let wrong = "  a:\n    matrix: { v: [x], fail-fast: \"${{ github.ref }}\" }\n    steps: [{ run: x }]\n";
    assert!(told(wrong).contains("expected `true` or `false`, found `refs/heads/main`"), "{}", told(wrong));
}

#[test]
fn an_environment_counts_as_deployed_to_where_every_condition_is_known_to_hold() {
    let deployed = |before: &str, condition: &str| {
        let stages = format!(
            "  a: {{ {before}steps: [{{ run: x }}] }}\n  b:\n    needs: a\n{condition}    environment: prod\n    \
             steps: [{{ uses: deployer }}]\n"
        );
        plan(&stages).deployed_to().len()
    };
    assert_eq!(deployed("", ""), 1);
    assert_eq!(deployed("", "    if: github.ref == 'refs/heads/main'\n"), 1);
    assert_eq!(deployed("", "    if: github.ref != 'refs/heads/main'\n"), 0);
    assert_eq!(deployed("if: github.ref != 'refs/heads/main', ", ""), 0);
    assert_eq!(deployed("", "    if: needs.a.result == 'success'\n"), 0);
    assert_eq!(deployed("", "    if: failure()\n"), 0);
}

#[test]
fn a_deployment_that_switches_nothing_or_is_not_verified_is_warned_of() {
    let told = |steps: &str| told(&format!("  a:\n    environment: prod\n    steps: [{steps}]\n"));
    let probe = "{ uses: probe, with: { url: \"https://a.example\" } }";
    assert!(told("{ uses: deployer }").contains("warning[E-DEPLOY-UNVERIFIED]: stage `a` deploys without a verifier"));
    assert!(told(probe).contains("warning[E-DEPLOY-NOTHING]"), "{}", told(probe));
    assert_eq!(told(&format!("{{ uses: deployer }}, {probe}")), "");
}

#[test]
fn names_are_what_their_expressions_come_to_in_each_cell() {
    let plan = plan(
        "  a:\n    name: \"Test on ${{ github.ref }}\"\n    matrix: { v: [x, y] }\n    steps:\n      \
         - { name: \"with ${{ matrix.v }}\", run: x }\n  b: { name: \"B ${{ matrix.v }}\", matrix: { v: [z] }, steps: [{ run: x }] }\n",
    );
    let titles: Vec<&str> = plan.stages.iter().filter_map(|stage| stage.title.as_deref()).collect();
    assert_eq!(titles, ["Test on refs/heads/main (x)", "Test on refs/heads/main (y)", "B z"]);
    assert_eq!(plan.stages[1].steps[0].title, "with y");
}

#[test]
fn memory_holds_scripts_on_the_host_and_a_container_is_warned_of() {
    let steps = "steps: [{ id: s, run: x, allow: { memory: 64MiB } }, { id: t, run: x }]";
    let host = plan(&format!("  a: {{ {steps} }}\n"));
    let limits = |step: usize| host.stages[0].steps[step].limits.process_memory_bytes;
    assert_eq!((limits(0), limits(1)), (Some(64 << 20), None));
    assert_eq!(told(&format!("  a: {{ {steps} }}\n")), "");
    assert!(told(&format!("  a: {{ container: alpine, {steps} }}\n")).starts_with("warning[E-ALLOW-MEMORY]"));
}
