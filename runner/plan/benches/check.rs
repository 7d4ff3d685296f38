//! How long a file is checked and planned, and whether large files cost more than their size.
//!
//! One JSON line: milliseconds (medians) for parse, review, and plan of 1,000 stages, and the whole for shapes that a
//! quadratic step anywhere would show: 10,000 steps, 1,000 stages that each need the ten before, 300 environments, one
//! event of a megabyte behind every expression. The bench fails when 1,000 stages take more than [`STAGES_MS_MAX`], or
//! when twice the steps take more than three times as long.

use std::fmt::Write as _;
use std::time::Instant;

use sealock_contract::Digest;
use sealock_diagnostics::Source;
use sealock_plan::{Catalogue, CatalogueError, Facts, PlannedPlugin, PluginOrigin, Request, Review, Unset, Wanted};
use serde_json::json;

const ROUNDS: usize = 9;
/// For `check` and `plan` of 1,000 stages together.
const STAGES_MS_MAX: f64 = 50.0;
/// Twice the size may take three times as long on a machine that others use.
const GROWTH_MAX: f64 = 3.0;

struct Builtins;

impl Catalogue for Builtins {
    fn find(&self, _: Wanted<'_>) -> Result<PlannedPlugin, CatalogueError> {
        let manifest = json!({ "name": "shell", "version": "0.1.0", "world": "sealock:step/full-step@0.1.0", "inputs": {
            "script": { "type": "string", "required": true }, "shell": { "type": "string" }, "working-directory": { "type": "path" },
        } });
        Ok(PlannedPlugin {
            origin: PluginOrigin::Builtin,
            digest: Digest::of(b"shell"),
            manifest: Some(serde_json::from_value(manifest).expect("a manifest")),
        })
    }

    fn builtins(&self) -> Vec<String> {
        vec!["shell".to_owned()]
    }
}

fn main() {
    let tree = Figures::of(&stages(1_000, |number| format!("s{}", number / 2)));
    let (all, half) = (Figures::of(&steps(10_000)).whole(), Figures::of(&steps(5_000)).whole());
    let line = json!({
        "bench": "check",
        "stages_1000_parse_ms": tree.parse, "stages_1000_review_ms": tree.review, "stages_1000_plan_ms": tree.plan,
        "stages_1000_needing_ten_ms": Figures::of(&stages_needing(1_000, 10)).whole(),
        "stages_2000_in_a_row_ms": Figures::of(&stages_needing(2_000, 1)).whole(),
        "steps_5000_ms": half, "steps_10000_ms": all,
        "environments_300_ms": Figures::of(&environments(300)).whole(),
        "event_of_1_mib_with_1000_expressions_ms": Figures::with_event(&expressions(1_000)).whole(),
        "mistakes_10000_ms": Figures::of(&mistakes(10_000)).whole(),
    });
    #[expect(clippy::print_stdout, reason = "this is the bench's answer")]
    {
        println!("{line}");
    }
    assert!(tree.whole() <= STAGES_MS_MAX, "1,000 stages took {} ms; {STAGES_MS_MAX} are the most", tree.whole());
    assert!(all <= half * GROWTH_MAX, "10,000 steps took {all} ms, and 5,000 took {half} ms");
}

/// Milliseconds.
struct Figures {
    parse: f64,
    review: f64,
    plan: f64,
}

impl Figures {
    fn of(text: &str) -> Self {
        Self::measured(text, &Facts::default())
    }

    fn with_event(text: &str) -> Self {
        let commits: Vec<_> = (0..10_000).map(|number| json!({ "id": number, "message": "m".repeat(80) })).collect();
        let github =
            json!({ "event": { "commits": commits, "ref": "refs/heads/main" }, "sha": "0", "ref": "refs/heads/main" });
        Self::measured(text, &Facts { github: github.as_object().expect("a map").clone(), ..Facts::default() })
    }

    fn measured(text: &str, facts: &Facts) -> Self {
        let source = &Source::new("main.yml", text);
        let parsed = sealock_pipeline::parse(source);
        let draft = parsed.pipeline.as_deref().or(parsed.draft.as_ref()).expect("it can be read");
        let told = &parsed.diagnostics;
        let review = Review { draft, told, source, facts, catalogue: &Builtins, unset: Unset::Unknown };
        let plan = parsed.pipeline.as_ref().map_or(0.0, |pipeline| {
            let request = Request { pipeline, source, facts, catalogue: &Builtins, only: None };
            median(|| assert!(sealock_plan::plan(request).plan.is_some()))
        });
        Self {
            parse: median(|| drop(sealock_pipeline::parse(source))),
            review: median(|| drop(sealock_plan::review(review))),
            plan,
        }
    }

    fn whole(&self) -> f64 {
        ((self.parse + self.review + self.plan) * 100.0).round() / 100.0
    }
}

fn median(act: impl Fn()) -> f64 {
    let mut all: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            act();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    all.sort_by(f64::total_cmp);
    (all[all.len() / 2] * 100.0).round() / 100.0
}

fn stages(count: usize, need: impl Fn(usize) -> String) -> String {
    let mut text = "name: many\nstages:\n  s0: { steps: [{ run: \"true\" }] }\n".to_owned();
    for number in 1..count {
        let need = need(number);
        writeln!(text, "  s{number}: {{ needs: [{need}], steps: [{{ run: \"true\" }}] }}").expect("a text takes text");
    }
    text
}

fn stages_needing(count: usize, most: usize) -> String {
    let needs = |number: usize| {
        let names: Vec<String> = (number.saturating_sub(most)..number).map(|one| format!("s{one}")).collect();
        names.join(", ")
    };
    stages(count, needs)
}

fn steps(count: usize) -> String {
    format!("name: long\nstages:\n  only:\n    steps:\n{}", "      - { run: \"true\", env: { A: b } }\n".repeat(count))
}

fn environments(count: usize) -> String {
    let mut text = "name: wide\nsecrets: [KEY]\nstages:\n".to_owned();
    for number in 0..count {
        writeln!(text, "  s{number}: {{ environment: e{number}, steps: [{{ run: \"true\" }}] }}")
            .expect("a text takes text");
    }
    text.push_str("environments:\n");
    for number in 0..count {
        let targets = format!("t: {{ ssh: a@h{number}.example, host-key: ssh-ed25519 AAAA, key: KEY }}");
        writeln!(text, "  e{number}: {{ targets: {{ {targets} }} }}").expect("a text takes text");
    }
    text
}

fn expressions(count: usize) -> String {
    let step = "      - { run: \"true\", env: { A: \"${{ github.event.ref }} ${{ github.sha }}\" } }\n";
    format!("name: expressions\nstages:\n  only:\n    steps:\n{}", step.repeat(count))
}

fn mistakes(count: usize) -> String {
    format!("name: wrong\nstages:\n  only:\n    steps:\n{}", "      - { rnu: \"true\", if: x.y }\n".repeat(count))
}
