//! What a step of a frozen plan would be granted without any `allow`.
//!
//! For those who look for the smallest `allow` that would do: what the author granted by typing an input, or
//! by giving the stage an environment, needs no entry.

use sealock_contract::{Grant, Manifest};
use sealock_diagnostics::Span;
use serde_json::{Map, Value as Json};

use crate::evaluate::{self, Maps};
use crate::inputs::{self, Input};
use crate::steps::SHELL;
use crate::{EnvEntry, Plan, PlannedStage, PlannedStep, WithValue, grants};

impl Plan {
    /// The grant that `step` of `stage` would have if nothing were allowed.
    pub fn typed_grant(&self, stage: &PlannedStage, step: &PlannedStep) -> Grant {
        let manifest = self.plugins.get(&step.plugin).and_then(|plugin| plugin.manifest.as_ref());
        let known = manifest.map(|manifest| known(&self.known_in(stage, step), manifest, step)).unwrap_or_default();
        let environment = stage.environment.as_ref().and_then(|name| self.environments.get(name));
        let targets: Vec<String> =
            environment.map(|own| own.targets.iter().map(|target| target.name.clone()).collect()).unwrap_or_default();
        let question = grants::Step {
            manifest,
            runs_script: step.plugin == SHELL,
            known: &known,
            late: &[],
            allow: None,
            networks: &|_| Vec::new(),
            targets: &targets,
            secrets: known.iter().flat_map(|(_, input)| grants::secrets_of(input)).collect(),
            at: Span::new(0, 0),
            name: &step.key,
        };
        // The problems are those of a file that allows nothing, and nobody wrote that file.
        grants::fix(&question, &mut Vec::new())
    }

    fn known_in(&self, stage: &PlannedStage, step: &PlannedStep) -> Maps {
        self.known(stage, &[&self.env, &stage.env, &step.env])
    }

    /// What was known before the run in a place of `stage` inside of these `env`s, the outer one first.
    pub(crate) fn known(&self, stage: &PlannedStage, envs: &[&[EnvEntry]]) -> Maps {
        let mut known = Maps::default();
        let contexts = [("github", &self.github), ("vars", &self.vars), ("inputs", &self.inputs)];
        known.0.extend(contexts.into_iter().map(|(name, values)| (name.to_owned(), Json::Object(values.clone()))));
        if stage.late_matrix.is_none() {
            known.0.insert("matrix".to_owned(), stage.matrix.clone().into());
        }
        for entries in envs {
            let env = inner_env(&known, entries);
            known.0.insert("env".to_owned(), env.into());
        }
        known
    }
}

/// The `env` context inside of `entries`. One that is not known hides the outer one of its name, too.
fn inner_env(outer: &Maps, entries: &[EnvEntry]) -> Map<String, Json> {
    let mut env = outer.0.get("env").and_then(Json::as_object).cloned().unwrap_or_default();
    for entry in crate::env::inside(&mut env, entries) {
        if let Ok(Ok(text)) = evaluate::text_or_secret(&entry.value, outer) {
            env.insert(entry.name.clone(), text.into());
        }
    }
    env
}

fn known(contexts: &Maps, manifest: &Manifest, step: &PlannedStep) -> Vec<(String, Input)> {
    let given = step.with.iter().filter(|(_, value)| is_known(contexts, value)).filter_map(|(name, value)| {
        let value = evaluate::value(value, contexts).ok()?;
        Some((name.clone(), inputs::fit(manifest.inputs.get(name)?, &value).ok()?))
    });
    let is_given = |name: &str| step.with.iter().any(|(own, _)| own == name);
    let defaults = manifest.inputs.iter().filter(|(name, _)| !is_given(name));
    let defaults = defaults.filter_map(|(name, spec)| Some((name.clone(), inputs::default(spec).ok()?)));
    given.chain(defaults).collect()
}

/// Whether a value reads nothing but what was known before the run.
fn is_known(contexts: &Maps, value: &WithValue) -> bool {
    evaluate::contexts_read(value).iter().all(|name| name == "secrets" || contexts.0.contains_key(name))
}
