//! Stages of a plan.

use serde::{Deserialize, Serialize};

use super::{EnvEntry, PlannedStep, TextOrSecret};

/// One stage, or one cell of a matrix stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStage {
    /// The stage's id, shared by the cells of a matrix.
    pub id: String,
    /// As it is shown and journaled: the id, with the cell in parentheses.
    pub name: String,
    /// The author's `name`, when there is one and it is known.
    pub title: Option<String>,
    /// Ids of the stages that must have finished.
    pub needs: Vec<String>,
    /// The expression of `if`, without its braces.
    pub condition: Option<String>,
    /// Why it never runs, and has nothing but its name: what happened is not trusted far enough.
    #[serde(default)]
    pub withheld: Option<String>,
    /// The cell's values; empty without a matrix.
    pub matrix: serde_json::Map<String, serde_json::Value>,
    /// The matrix, when its cells are made at run time.
    pub late_matrix: Option<MatrixSource>,
    /// The cell's place in its matrix, from 0.
    pub cell: usize,
    /// How many cells the matrix has.
    pub cells: usize,
    /// How many cells run at once.
    pub max_parallel: Option<u32>,
    /// Whether the first failed cell stops the others.
    pub fail_fast: bool,
    /// The stage's `env`.
    pub env: Vec<EnvEntry>,
    /// The image that native commands run in.
    pub container: Option<PlannedContainer>,
    /// Started before the first step.
    pub services: Vec<PlannedService>,
    /// The environment that it deploys to.
    pub environment: Option<String>,
    /// What must not run at the same time.
    pub concurrency: Option<Concurrency>,
    /// For the whole stage, in milliseconds.
    pub timeout_ms: u64,
    /// What later stages can read.
    pub outputs: Vec<EnvEntry>,
    /// In order.
    pub steps: Vec<PlannedStep>,
    /// Extra steps when a deployment is rolled back.
    pub rollback: Vec<PlannedStep>,
    /// The line of the file.
    pub line: u64,
}

/// A matrix whose cells are made at run time: the parts as written, by axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatrixSource {
    /// The axes, or one expression for all of them.
    pub axes: super::WithValue,
    /// `include`.
    pub include: super::WithValue,
    /// `exclude`.
    pub exclude: super::WithValue,
}

/// The image that a stage's native commands run in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedContainer {
    /// A reference.
    pub image: TextOrSecret,
    /// Its environment.
    pub env: Vec<EnvEntry>,
}

/// A container that steps talk to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedService {
    /// Its name, by which it is reached.
    pub name: String,
    /// A reference.
    pub image: TextOrSecret,
    /// Its environment.
    pub env: Vec<EnvEntry>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// How to tell that it is ready; the image's own check without it.
    pub health: Option<Health>,
}

/// A port of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePort {
    /// The port of the host; a free one without it.
    pub host: Option<u16>,
    /// The port in the container.
    pub container: u16,
}

/// How to tell that a service is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// What is run in the container.
    pub test: HealthTest,
    /// Between two tries, in milliseconds.
    pub interval_ms: u64,
    /// For one try, in milliseconds.
    pub timeout_ms: u64,
    /// Failed tries in a row.
    pub retries: u32,
}

/// What asks a service whether it is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthTest {
    /// A program and its arguments.
    Program(Vec<TextOrSecret>),
    /// For the container's shell.
    Shell(TextOrSecret),
}

/// What must not run at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency {
    /// The group.
    pub group: TextOrSecret,
    /// What the later one does.
    pub on_conflict: Conflict,
}

/// What happens when a concurrency group is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// The later one waits.
    #[default]
    Queue,
    /// The later one cancels the earlier.
    CancelOlder,
    /// The later one fails.
    Fail,
}
