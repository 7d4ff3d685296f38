//! Stages: steps that share a workspace, and what they run with.

use std::str::FromStr;

use sealock_diagnostics::Span;

use super::{Allow, Condition, Duration, Entries, Env, Late, Matrix, Spanned, Step, Text};

/// Steps that share a workspace; the unit of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its name in `needs`.
    pub id: Spanned<String>,
    /// What people see; the id when there is none.
    pub name: Option<Spanned<Text>>,
    /// Stages that must have finished; each of them exists, and the graph has no cycle.
    pub needs: Vec<Spanned<String>>,
    /// `if`
    pub condition: Option<Spanned<Condition>>,
    /// One run of the stage for each cell.
    pub matrix: Option<Spanned<Matrix>>,
    /// For every step.
    pub env: Env,
    /// The image in which native commands run.
    pub container: Option<Spanned<Container>>,
    /// Started before the first step.
    pub services: Entries<Service>,
    /// Makes the stage a deployment.
    pub environment: Option<Spanned<Text>>,
    /// What must not run at the same time.
    pub concurrency: Option<Spanned<Concurrency>>,
    /// For the whole stage.
    pub timeout: Option<Spanned<Late<Duration>>>,
    /// What later stages can read.
    pub outputs: Env,
    /// For steps that have no `allow` of their own.
    pub allow: Option<Spanned<Allow>>,
    /// In order; at least one.
    pub steps: Vec<Step>,
    /// Extra steps when a deployment is rolled back.
    pub rollback: Vec<Step>,
    /// The whole entry.
    pub span: Span,
}

impl Stage {
    /// The step with this `id`.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id.as_ref().is_some_and(|own| own.value == id))
    }
}

/// `container`, written as an image or with `env`.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    /// An image reference.
    pub image: Spanned<Text>,
    /// May hold secrets.
    pub env: Env,
}

/// A container that steps talk to.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// An image reference.
    pub image: Spanned<Text>,
    /// May hold secrets.
    pub env: Env,
    /// Ports that the stage reaches.
    pub ports: Vec<Spanned<Late<Port>>>,
    /// How to tell that it is ready; the image's own check when there is none.
    pub health: Option<Spanned<Health>>,
}

/// `5432`, which gets a free port of the host, or `"5432:5432"`, which fixes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// The fixed port of the host.
    pub host: Option<u16>,
    /// The port inside the container.
    pub container: u16,
}

/// How to tell that a service is ready.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// Program and arguments; text instead of a list is run by the container's shell.
    pub command: HealthCommand,
    /// Between two tries.
    pub interval: Option<Spanned<Late<Duration>>>,
    /// For one try.
    pub timeout: Option<Spanned<Late<Duration>>>,
    /// Failed tries in a row that make it unhealthy.
    pub retries: Option<Spanned<u32>>,
}

/// What is run inside a service to ask whether it is ready.
#[derive(Clone, Debug, PartialEq)]
pub enum HealthCommand {
    /// Run as it is.
    Program(Vec<Spanned<Text>>),
    /// Run by the container's `sh -c`.
    Shell(Spanned<Text>),
}

/// What must not run at the same time.
#[derive(Clone, Debug, PartialEq)]
pub struct Concurrency {
    /// Runs with the same group exclude each other.
    pub group: Spanned<Text>,
    /// What the later one does.
    pub on_conflict: OnConflict,
}

/// What a later run does when its group is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// It waits.
    #[default]
    Queue,
    /// It cancels the earlier one.
    CancelOlder,
    /// It fails.
    Fail,
}

/// Why a text is not a port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a port from 1 to 65535, or two with `:` between them")]
pub struct PortError(String);

impl FromStr for Port {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self, PortError> {
        let read = |text| port(text).ok_or_else(|| PortError(text.to_owned()));
        match text.split_once(':') {
            Some((host, container)) => Ok(Self { host: Some(read(host)?), container: read(container)? }),
            None => Ok(Self { host: None, container: read(text)? }),
        }
    }
}

/// A port, in digits alone.
pub(super) fn port(text: &str) -> Option<u16> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok().filter(|&port| port > 0) } else { None }
}
