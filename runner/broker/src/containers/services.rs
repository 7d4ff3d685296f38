//! A stage's `services`: started before its first step, waited for until each is healthy.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, HealthConfig, HealthStatusEnum, PortBinding, PortMap,
};
use bollard::query_parameters::{InspectContainerOptions, LogsOptionsBuilder};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError};
use tokio::time::Instant;

use super::engine::Engine;
use super::host_config::{Logs, confined, environment};
use super::login::Logins;
use super::run::not_started;
use super::scope::{Container, Scope, StageNetwork};
use super::stage::joined;
use super::{Tell, pull};
use crate::place::EnvValue;

/// Where published ports listen: steps on this machine reach them, other machines do not.
const HOST_ADDRESS: &str = "127.0.0.1";
/// Lines of its log that the error of an unhealthy service shows.
const LOG_LINES: usize = 20;
/// Of such a line.
const LOG_LINE_CHARS: usize = 400;
/// Between two looks at a service that is not healthy yet.
const LOOK_MS: u64 = 100;
/// A check that is given every 30 s is made every second until it passes: the stage waits for it.
const CHECK_INTERVAL_MAX: Duration = Duration::from_secs(1);
/// A service without any check is taken as well once it has run so long.
const SETTLED_MS: u64 = 500;
/// As the engine has them when a check leaves them out.
const ENGINE_INTERVAL: Duration = Duration::from_secs(30);
const ENGINE_RETRIES: u32 = 3;

/// One service of a stage.
pub struct ServiceSpec {
    /// By what it is known on the network.
    pub name: String,
    /// A reference; pulled when the engine does not have it.
    pub image: String,
    /// On top of the image's own.
    pub env: Vec<(String, EnvValue)>,
    /// What is published on this machine.
    pub ports: Vec<Port>,
    /// Instead of the image's own check.
    pub health: Option<Health>,
}

/// A port of a service, published on the loopback interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// In the container, over TCP.
    pub container: u16,
    /// On this machine; a free one when `None`.
    pub host: Option<u16>,
}

/// How a service is asked whether it is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// A program and its arguments, run in the container.
    pub command: Vec<String>,
    /// Between two checks.
    pub interval: Duration,
    /// For one check.
    pub timeout: Duration,
    /// So many failures in a row make it unhealthy.
    pub retries: u32,
}

/// A service that is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// By what it is known on the network.
    pub name: String,
    /// The engine's id of its container.
    pub id: String,
    /// Port in the container → port on this machine.
    pub ports: BTreeMap<u16, u16>,
}

/// The services of one stage. They go with their scope, or when this is dropped.
pub struct Services {
    containers: Vec<Container>,
    services: Vec<Service>,
}

impl Services {
    /// Starts all of `specs` on `network` at once, and waits until each is healthy.
    ///
    /// # Errors
    ///
    /// `E-SERVICE-UNHEALTHY` with the last lines of its log, `E-PORT-TAKEN`, `E-IMAGE-…`, `E-REGISTRY-…`,
    /// `E-CONTAINER-START`, `E-DOCKER-…`. Nothing is left running then.
    pub async fn start(
        scope: &Arc<Scope>,
        network: &StageNetwork,
        specs: Vec<ServiceSpec>,
        tell: Tell<'_>,
    ) -> Result<Self, Refusal> {
        let started = try_join_all(specs.iter().map(|spec| start(scope, network, spec, tell))).await?;
        let (containers, services) = started.into_iter().unzip();
        Ok(Self { containers, services })
    }

    /// In the order of the file.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// Ends and removes them.
    ///
    /// # Errors
    ///
    /// `E-DOCKER-…`.
    pub async fn remove(self) -> Result<(), Refusal> {
        let removing = self.containers.into_iter().map(Container::remove);
        futures_util::future::join_all(removing).await.into_iter().collect()
    }
}

async fn start(
    scope: &Arc<Scope>,
    network: &StageNetwork,
    spec: &ServiceSpec,
    tell: Tell<'_>,
) -> Result<(Container, Service), Refusal> {
    let engine = scope.engine();
    let image = pull::have(engine, &spec.image, &Logins::default(), tell).await?;
    let check = match &spec.health {
        Some(health) => Some(Check::of(health)),
        None => Check::of_image(engine, &image).await?,
    };
    let container = scope.create(None, body(spec, network, image, check.as_ref())?).await?;
    container.start().await.map_err(|error| port_taken(spec, not_started(engine, &error)))?;
    tell(format!("service {}: started from {}", spec.name, spec.image));
    let began = Instant::now();
    let found = wait(&container, spec, check.as_ref()).await?;
    tell(format!("service {}: healthy after {:.1} s", spec.name, began.elapsed().as_secs_f64()));
    let service = Service { name: spec.name.clone(), id: container.id.clone(), ports: ports(spec, &found) };
    Ok((container, service))
}

/// A check as the engine is to make it, and how long it may take to pass.
struct Check {
    config: HealthConfig,
    patience: Duration,
}

impl Check {
    fn of(health: &Health) -> Self {
        let test = std::iter::once("CMD".to_owned()).chain(health.command.iter().cloned()).collect();
        let hurried = Self::hurried(health.interval, health.timeout, health.retries, Duration::ZERO);
        Self { config: HealthConfig { test: Some(test), ..hurried.config }, ..hurried }
    }

    /// `None` for an image without one.
    async fn of_image(engine: &Engine, image: &str) -> Result<Option<Self>, Refusal> {
        let found = engine.docker().await?.inspect_image(image).await;
        let found = found.map_err(|error| engine.refusal("look up a service's image", &error))?;
        let given = found.config.and_then(|config| config.healthcheck);
        let has_test = |given: &HealthConfig| {
            given.test.as_ref().and_then(|test| test.first()).is_some_and(|first| !first.is_empty() && first != "NONE")
        };
        let Some(given) = given.filter(has_test) else { return Ok(None) };
        let or = |nanos: Option<i64>, default| match u64::try_from(nanos.unwrap_or(0)) {
            Ok(nanos) if nanos > 0 => Duration::from_nanos(nanos),
            _ => default,
        };
        let retries = u32::try_from(given.retries.unwrap_or(0)).ok().filter(|&retries| retries > 0);
        let interval = or(given.interval, ENGINE_INTERVAL);
        let timeout = or(given.timeout, ENGINE_INTERVAL);
        let start = or(given.start_period, Duration::ZERO);
        Ok(Some(Self::hurried(interval, timeout, retries.unwrap_or(ENGINE_RETRIES), start)))
    }

    /// Asks more often and allows as many failures more, so that the time to get well stays what it was.
    fn hurried(interval: Duration, timeout: Duration, retries: u32, start: Duration) -> Self {
        let often = interval.min(CHECK_INTERVAL_MAX).max(Duration::from_millis(1));
        let patience = start + (interval + timeout) * retries.max(1);
        let retries = patience.as_millis() / often.as_millis().max(1) + 1;
        let nanos = |duration: Duration| Some(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX));
        let config = HealthConfig {
            interval: nanos(often),
            timeout: nanos(timeout.max(Duration::from_millis(1))),
            retries: Some(i64::try_from(retries).unwrap_or(i64::MAX)),
            ..HealthConfig::default()
        };
        Self { config, patience }
    }
}

fn body(
    spec: &ServiceSpec,
    network: &StageNetwork,
    image: String,
    check: Option<&Check>,
) -> Result<ContainerCreateBody, Refusal> {
    let mut host_config = confined(Some(&network.name), &[], Logs::Kept);
    host_config.init = Some(true);
    host_config.port_bindings = Some(bindings(&spec.ports));
    Ok(ContainerCreateBody {
        image: Some(image),
        env: Some(environment(&spec.env)?),
        exposed_ports: Some(spec.ports.iter().map(|port| exposed(*port)).collect()),
        healthcheck: check.map(|check| check.config.clone()),
        host_config: Some(host_config),
        networking_config: Some(joined(&network.name, vec![spec.name.clone()])),
        ..ContainerCreateBody::default()
    })
}

fn exposed(port: Port) -> String {
    format!("{}/tcp", port.container)
}

fn bindings(ports: &[Port]) -> PortMap {
    let mut map = PortMap::new();
    for port in ports {
        let host_port = port.host.map_or_else(String::new, |port| port.to_string());
        let binding = PortBinding { host_ip: Some(HOST_ADDRESS.to_owned()), host_port: Some(host_port) };
        map.entry(exposed(*port)).or_default().get_or_insert_with(Vec::new).push(binding);
    }
    map
}

fn port_taken(spec: &ServiceSpec, refusal: Refusal) -> Refusal {
    let is_taken =
        refusal.message.contains("port is already allocated") || refusal.message.contains("address already in use");
    if !is_taken {
        return refusal;
    }
    let fixed: Vec<String> = spec.ports.iter().filter_map(|port| port.host).map(|port| port.to_string()).collect();
    let message =
        format!("a port that the service {} fixes ({}) is taken on this machine", spec.name, fixed.join(", "));
    StepError::new(ErrorKind::Remote, "E-PORT-TAKEN", message).help(format!(
        "end what listens there, or write only the container's port and use stage.services.{}.ports",
        spec.name
    ))
}

async fn wait(
    container: &Container,
    spec: &ServiceSpec,
    check: Option<&Check>,
) -> Result<ContainerInspectResponse, Refusal> {
    let began = Instant::now();
    loop {
        let found = look(container).await?;
        let is_late = check.is_some_and(|check| began.elapsed() > check.patience);
        let is_settled = began.elapsed() > Duration::from_millis(SETTLED_MS);
        match condition(&found) {
            Condition::Ended(code) => {
                return Err(unhealthy(container, spec, &format!("it ended with code {code}")).await);
            }
            Condition::Healthy => return Ok(found),
            Condition::Unchecked if is_settled => return Ok(found),
            Condition::Unhealthy(said) => {
                return Err(unhealthy(container, spec, &format!("its check fails: {said}")).await);
            }
            Condition::Starting(said) if is_late => {
                let why = format!("not healthy after {} s: {said}", began.elapsed().as_secs());
                return Err(unhealthy(container, spec, &why).await);
            }
            Condition::Unchecked | Condition::Starting(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
    }
}

enum Condition {
    Ended(i64),
    Healthy,
    /// It has no check.
    Unchecked,
    /// With what the last check said.
    Starting(String),
    Unhealthy(String),
}

fn condition(found: &ContainerInspectResponse) -> Condition {
    let Some(state) = &found.state else { return Condition::Starting(String::new()) };
    if state.running != Some(true) {
        return Condition::Ended(state.exit_code.unwrap_or(-1));
    }
    let Some(health) = &state.health else { return Condition::Unchecked };
    let last = health.log.as_ref().and_then(|log| log.last());
    let said = last.and_then(|check| check.output.clone()).unwrap_or_default().trim().to_owned();
    match health.status {
        Some(HealthStatusEnum::HEALTHY) => Condition::Healthy,
        Some(HealthStatusEnum::UNHEALTHY) => Condition::Unhealthy(said),
        Some(HealthStatusEnum::STARTING) => Condition::Starting(said),
        _ => Condition::Unchecked,
    }
}

async fn look(container: &Container) -> Result<ContainerInspectResponse, Refusal> {
    let docker = container.engine.docker().await?;
    let found = docker.inspect_container(&container.id, None::<InspectContainerOptions>).await;
    found.map_err(|error| container.engine.refusal("look at a service", &error))
}

fn ports(spec: &ServiceSpec, found: &ContainerInspectResponse) -> BTreeMap<u16, u16> {
    let map = found.network_settings.as_ref().and_then(|network| network.ports.as_ref());
    let host = |port: &Port| {
        let bindings = map?.get(&exposed(*port))?.as_ref()?;
        let host: u16 = bindings.first()?.host_port.as_ref()?.parse().ok()?;
        Some((port.container, host))
    };
    spec.ports.iter().filter_map(host).collect()
}

async fn unhealthy(container: &Container, spec: &ServiceSpec, why: &str) -> Refusal {
    let lines = last_lines(container).await;
    let log =
        if lines.is_empty() { "its log is empty".to_owned() } else { format!("its last lines:\n{}", lines.join("\n")) };
    StepError::new(
        ErrorKind::Failed,
        "E-SERVICE-UNHEALTHY",
        format!("the service {} did not get healthy: {why}\n{log}", spec.name),
    )
    .help("check its image, env, and health in the pipeline")
    .detail("service", spec.name.clone())
    .detail("log", lines.join("\n"))
}

async fn last_lines(container: &Container) -> Vec<String> {
    let Ok(docker) = container.engine.docker().await else { return Vec::new() };
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(&LOG_LINES.to_string()).build();
    let outputs: Vec<_> = docker.logs(&container.id, Some(options)).collect().await;
    let bytes: Vec<u8> = outputs.into_iter().flatten().flat_map(|output| output.into_bytes().to_vec()).collect();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> = text.lines().map(|line| line.chars().take(LOG_LINE_CHARS).collect()).collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_made_more_often_and_its_patience_stays() {
        let health = Health {
            command: vec!["pg_isready".into()],
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            retries: 5,
        };
        let check = Check::of(&health);
        assert_eq!(check.patience, Duration::from_secs(75));
        assert_eq!(check.config.interval, Some(1_000_000_000));
        assert_eq!(check.config.retries, Some(76));
        assert_eq!(check.config.test, Some(vec!["CMD".to_owned(), "pg_isready".to_owned()]));
    }

    #[test]
    fn ports_are_published_on_the_loopback_interface_only() {
        let map = bindings(&[Port { container: 5432, host: None }, Port { container: 80, host: Some(8080) }]);
        let binding = |name: &str| map[name].as_ref().expect("bound")[0].clone();
        assert_eq!(binding("5432/tcp").host_port.as_deref(), Some(""));
        assert_eq!(binding("80/tcp").host_port.as_deref(), Some("8080"));
        assert_eq!(binding("80/tcp").host_ip.as_deref(), Some(HOST_ADDRESS));
    }
}
