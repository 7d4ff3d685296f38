//! The plan: what will run, in which order, on which condition, with which grants.
//!
//! A frozen value: serialisable, pinned by digest, without places of the file except for the lines that
//! messages name. What depends on outputs of earlier stages is kept as the text that the author wrote,
//! and evaluated by the engine when it is known.

mod environment;
mod stage;
mod step;
mod text;

use std::collections::BTreeMap;

use sealock_contract::{Digest, GrantTable, Manifest};
use serde::{Deserialize, Serialize};

pub use environment::{PlannedEnvironment, PlannedTarget, SshLogin, VerifyWhen};
pub use stage::{
    Concurrency, Conflict, Health, HealthTest, MatrixSource, PlannedContainer, PlannedService, PlannedStage,
    ServicePort,
};
pub use step::{PlannedStep, Retry, RetryKind};
pub use text::{EnvEntry, LateFlag, TextOrSecret, WithValue};

use crate::trust::Trust;

/// The version of the frozen form: a plan of another version is refused, never guessed at.
pub const VERSION: u32 = 1;

/// The checked, ordered, digest-pinned pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`VERSION`].
    pub version: u32,
    /// The pipeline's name.
    pub name: String,
    /// Its file, relative to the repository.
    pub file: String,
    /// The digest of the file's bytes as they were read.
    pub file_digest: Digest,
    /// The `github` context.
    pub github: serde_json::Map<String, serde_json::Value>,
    /// The `inputs` context: every input with its value.
    pub inputs: serde_json::Map<String, serde_json::Value>,
    /// The `vars` context.
    pub vars: serde_json::Map<String, serde_json::Value>,
    /// The pipeline's `env`.
    pub env: Vec<EnvEntry>,
    /// Every secret that the pipeline may name.
    pub secrets: Vec<String>,
    /// What it deploys to, by name; only what a stage uses.
    pub environments: BTreeMap<String, PlannedEnvironment>,
    /// The plugins that its steps call, by the name that steps use.
    pub plugins: BTreeMap<String, PlannedPlugin>,
    /// What must not run at the same time as this pipeline.
    pub concurrency: Option<Concurrency>,
    /// Every stage and matrix cell, each after what it needs.
    pub stages: Vec<PlannedStage>,
    /// How far what happened is trusted; what that takes away is gone from `stages`, `secrets`, and `grants`.
    #[serde(default)]
    pub trust: Trust,
    /// What each step may touch. For a stage whose cells are made at run time, under the stage's id.
    #[serde(with = "grants")]
    pub grants: GrantTable,
}

impl Plan {
    /// The digest of the frozen form: the identity of the plan.
    ///
    /// # Panics
    ///
    /// Never: a plan holds only maps with text keys.
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("a plan holds only maps with text keys"))
    }

    /// The grant of `step`, or of the stage that its cell was made from.
    pub fn grant_of(&self, stage: &PlannedStage, step: &str) -> Option<&sealock_contract::Grant> {
        let named = |stage: &str| sealock_contract::StepName { stage: stage.to_owned(), step: step.to_owned() };
        self.grants.get(&named(&stage.name)).or_else(|| self.grants.get(&named(&stage.id)))
    }
}

/// One plugin of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedPlugin {
    /// Where it comes from.
    pub origin: PluginOrigin,
    /// The digest of its component.
    pub digest: Digest,
    /// What it says of itself; `None` for a plain `wasi:cli` program.
    pub manifest: Option<Manifest>,
}

/// Where a plugin comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginOrigin {
    /// Embedded in the binary.
    Builtin,
    /// A file of the repository.
    Path(String),
    /// A registry, by reference.
    Registry(String),
}

/// JSON has no structured keys: the table is written as a list.
mod grants {
    use sealock_contract::{Grant, GrantTable, StepName};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Row {
        #[serde(flatten)]
        name: StepName,
        grant: Grant,
    }

    pub(super) fn serialize<S: Serializer>(table: &GrantTable, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(table.iter().map(|(name, grant)| Row { name: name.clone(), grant: grant.clone() }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GrantTable, D::Error> {
        let rows = Vec::<Row>::deserialize(deserializer)?;
        Ok(rows.into_iter().map(|row| (row.name, row.grant)).collect())
    }
}

impl Plan {
    /// The secrets that something in the plan names, in order: these must be there before anything starts.
    ///
    /// # Panics
    ///
    /// Never: a plan holds only maps with text keys.
    pub fn used_secrets(&self) -> Vec<String> {
        let mut used = std::collections::BTreeSet::new();
        used.extend(self.grants.values().flat_map(|grant| grant.secrets.iter().cloned()));
        for target in self.environments.values().flat_map(|environment| &environment.targets) {
            if let SshLogin::Key(secret) = &target.login {
                used.insert(secret.clone());
            }
        }
        let whole = serde_json::to_value(self).expect("a plan holds only maps with text keys");
        collect_secrets(&whole, &mut used);
        used.into_iter().filter(|name| self.secrets.contains(name)).collect()
    }
}

/// Texts with `${{ secrets.X }}`, wherever they stand.
pub(crate) fn collect_secrets(value: &serde_json::Value, used: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::String(text) if text.contains("secrets") => {
            let uses =
                sealock_expression::Template::parse(text).map(|template| template.secret_uses()).unwrap_or_default();
            used.extend(uses.into_iter().filter_map(|named| match named.kind {
                sealock_expression::SecretUseKind::Direct { name } => Some(name),
                _ => None,
            }));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_secrets(item, used)),
        serde_json::Value::Object(entries) => entries.values().for_each(|entry| collect_secrets(entry, used)),
        _ => {}
    }
}
