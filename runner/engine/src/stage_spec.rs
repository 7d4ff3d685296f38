//! A stage's own text, evaluated when the stage starts.

use std::sync::Arc;
use std::time::Duration;

use sealock_broker::containers::{Health, Port, ServiceSpec};
use sealock_broker::place::EnvValue;
use sealock_broker::{Broker, EnvText};
use sealock_contract::{SecretPart, SecretText};
use sealock_events::Cause;
use sealock_plan::evaluate::Known;
use sealock_plan::{
    Conflict, EnvEntry, HealthTest, PlannedContainer, PlannedEnvironment, PlannedService, PlannedStage, ServicePort,
};
use serde_json::{Map, Value as Json};

use crate::machine::{Deployment, StageId};
use crate::prepare;
use crate::scripts::Taken;

/// What a stage needs before its first step.
pub(crate) struct StageSpec {
    pub(crate) id: StageId,
    pub(crate) stage: String,
    pub(crate) needs: Map<String, Json>,
    /// The pipeline's and the stage's `env`.
    pub(crate) env: Vec<(String, EnvText)>,
    pub(crate) container: Option<OwnContainer>,
    pub(crate) services: Vec<OwnService>,
    /// Whether containers reach the world.
    pub(crate) outside_network: bool,
    pub(crate) group: Option<(String, Conflict)>,
    pub(crate) environment: Option<PlannedEnvironment>,
    pub(crate) environment_secrets: Vec<(String, SecretText)>,
    pub(crate) plan: Arc<PlannedStage>,
    /// In a stage that was interrupted.
    pub(crate) goes_on: Option<GoesOn>,
    /// How often the stage was started again from its first step.
    pub(crate) generation: u32,
}

/// What an interrupted stage goes on with.
pub(crate) struct GoesOn {
    /// Tries of steps that came to their end, as they are noted beside the workspace.
    pub(crate) finished: Vec<String>,
    /// What finished steps gave to those behind them.
    pub(crate) handed_on: Vec<Taken>,
    /// The deployment that it had begun.
    pub(crate) deployment: Option<Deployment>,
    /// Whether an effect was begun.
    pub(crate) has_effects: bool,
    /// Whether the deployment came to its end: then no target is locked again.
    pub(crate) is_settled: bool,
}

/// The image of native commands.
pub(crate) struct OwnContainer {
    pub(crate) image: String,
    env: Vec<(String, EnvText)>,
}

/// A service.
pub(crate) struct OwnService {
    pub(crate) name: String,
    image: String,
    env: Vec<(String, EnvText)>,
    ports: Vec<ServicePort>,
    health: Option<Health>,
}

impl OwnContainer {
    /// Evaluates the author's text.
    ///
    /// # Errors
    ///
    /// An expression that fails.
    pub(crate) fn evaluate(own: &PlannedContainer, known: &(impl Known + ?Sized)) -> Result<Self, Cause> {
        Ok(Self { image: prepare::text(&own.image, known)?, env: prepare::env(known, &own.env)? })
    }

    /// With secrets put together.
    ///
    /// # Errors
    ///
    /// A secret that is missing.
    pub(crate) fn resolve(&self, broker: &Broker) -> Result<Vec<(String, EnvValue)>, Cause> {
        resolve_env(&self.env, broker)
    }
}

impl OwnService {
    /// Evaluates the author's text.
    ///
    /// # Errors
    ///
    /// An expression that fails.
    pub(crate) fn evaluate(own: &PlannedService, known: &(impl Known + ?Sized)) -> Result<Self, Cause> {
        let health = own.health.as_ref().map(|health| -> Result<_, Cause> {
            let command = match &health.test {
                HealthTest::Program(words) => {
                    words.iter().map(|word| prepare::text(word, known)).collect::<Result<_, _>>()?
                }
                HealthTest::Shell(line) => vec!["sh".to_owned(), "-c".to_owned(), prepare::text(line, known)?],
            };
            let (interval, timeout) =
                (Duration::from_millis(health.interval_ms), Duration::from_millis(health.timeout_ms));
            Ok(Health { command, interval, timeout, retries: health.retries })
        });
        Ok(Self {
            name: own.name.clone(),
            image: prepare::text(&own.image, known)?,
            env: prepare::env(known, &own.env)?,
            ports: own.ports.clone(),
            health: health.transpose()?,
        })
    }

    /// Ports of this machine that it takes whatever happens.
    pub(crate) fn fixed_ports(&self) -> impl Iterator<Item = u16> {
        self.ports.iter().filter_map(|port| port.host)
    }

    /// With secrets put together.
    ///
    /// # Errors
    ///
    /// A secret that is missing.
    pub(crate) fn resolve(&self, broker: &Broker) -> Result<ServiceSpec, Cause> {
        let ports = self.ports.iter().map(|port| Port { host: port.host, container: port.container }).collect();
        Ok(ServiceSpec {
            name: self.name.clone(),
            image: self.image.clone(),
            env: resolve_env(&self.env, broker)?,
            ports,
            health: self.health.clone(),
        })
    }
}

fn resolve_env(env: &[(String, EnvText)], broker: &Broker) -> Result<Vec<(String, EnvValue)>, Cause> {
    let entry = |(name, text): &(String, EnvText)| {
        let value = match text {
            EnvText::Plain(text) => EnvValue::Plain(text.clone()),
            EnvText::Secret(secret) => EnvValue::Secret(broker.vault().assemble(secret).map_err(|error| Cause {
                code: error.code().into(),
                message: error.to_string(),
                help: None,
                exit: sealock_diagnostics::codes::exit(error.code()),
            })?),
        };
        Ok((name.clone(), value))
    };
    env.iter().map(entry).collect()
}

/// The environment's `env` as secrets: what is plain is a text that happens to hold none.
///
/// # Errors
///
/// An expression that fails.
pub(crate) fn environment_secrets(
    env: &[EnvEntry],
    known: &(impl Known + ?Sized),
) -> Result<Vec<(String, SecretText)>, Cause> {
    let entries = prepare::env(known, env)?.into_iter().map(|(name, text)| match text {
        EnvText::Secret(secret) => (name, secret),
        EnvText::Plain(text) => (name, SecretText { parts: vec![SecretPart::Text(text)] }),
    });
    Ok(entries.collect())
}
