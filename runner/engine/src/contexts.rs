//! The contexts of expressions during a run.

use sealock_plan::evaluate::{self, Maps};
use sealock_plan::{EnvEntry, Plan};
use serde_json::{Map, Value as Json, json};

use crate::machine::Stage;

/// A context that the plan and the stage's cell decide.
pub(crate) fn of_plan(plan: &Plan, stage: &Stage, name: &str) -> Option<Json> {
    match name {
        "github" => Some(plan.github.clone().into()),
        "inputs" => Some(plan.inputs.clone().into()),
        "vars" => Some(plan.vars.clone().into()),
        "matrix" => Some(stage.plan.matrix.clone().into()),
        "strategy" => Some(strategy(stage)),
        "env" => Some(plain_env(plan, stage).into()),
        _ => None,
    }
}

/// What the pipeline's own text may read, where there is no stage.
pub(crate) fn of_run(plan: &Plan) -> Maps {
    let mut known = Maps::default();
    for (name, values) in [("github", &plan.github), ("inputs", &plan.inputs), ("vars", &plan.vars)] {
        known.0.insert(name.into(), values.clone().into());
    }
    extend_plain(&mut Map::new(), &mut known, &plan.env);
    known
}

fn strategy(stage: &Stage) -> Json {
    let own = &stage.plan;
    let most = own.max_parallel.map_or(own.cells, |most| most as usize);
    json!({ "job-index": own.cell, "job-total": own.cells, "fail-fast": own.fail_fast, "max-parallel": most })
}

/// The `env` context: the pipeline's and the stage's entries, without those that hold secrets.
fn plain_env(plan: &Plan, stage: &Stage) -> Map<String, Json> {
    let mut known = Maps::default();
    for name in ["github", "inputs", "vars", "matrix", "strategy"] {
        if let Some(value) = of_plan(plan, stage, name) {
            known.0.insert(name.into(), value);
        }
    }
    let mut values = Map::new();
    extend_plain(&mut values, &mut known, &plan.env);
    extend_plain(&mut values, &mut known, &stage.plan.env);
    values
}

fn extend_plain(values: &mut Map<String, Json>, known: &mut Maps, entries: &[EnvEntry]) {
    for entry in entries {
        if let Ok(Ok(text)) = evaluate::text_or_secret(&entry.value, known) {
            values.insert(entry.name.clone(), text.into());
        }
    }
    known.0.insert("env".into(), values.clone().into());
}
