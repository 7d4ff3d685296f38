//! The container that steps of a stage run in, and the services beside them.

use sealock_pipeline::{Late, Spanned};

use crate::frozen::{Health, HealthTest, PlannedContainer, PlannedService, ServicePort};
use crate::planner::Planner;

impl Planner<'_> {
    pub(crate) fn container(&mut self, container: &sealock_pipeline::Container) -> PlannedContainer {
        PlannedContainer { image: self.written(&container.image), env: self.env(&container.env) }
    }

    pub(crate) fn service(&mut self, name: &str, service: &sealock_pipeline::Service) -> PlannedService {
        let ports = service.ports.iter().filter_map(|port| self.late(port, "a port such as `5432` or `5432:5432`"));
        let ports = ports
            .map(|port: sealock_pipeline::Port| ServicePort { host: port.host, container: port.container })
            .collect();
        PlannedService {
            name: name.to_owned(),
            image: self.written(&service.image),
            env: self.env(&service.env),
            ports,
            health: service.health.as_ref().map(|health| self.health(&health.value)),
        }
    }

    fn health(&mut self, health: &sealock_pipeline::Health) -> Health {
        /// As Docker's own health checks have them.
        const INTERVAL_MS: u64 = 10_000;
        const TIMEOUT_MS: u64 = 5_000;
        const RETRIES: u32 = 5;
        let mut ms = |own: &Option<Spanned<Late<sealock_pipeline::Duration>>>, default: u64| {
            own.as_ref()
                .and_then(|own| self.late(own, "a duration such as `10s`"))
                .map_or(default, sealock_pipeline::Duration::as_millis)
        };
        let (interval_ms, timeout_ms) = (ms(&health.interval, INTERVAL_MS), ms(&health.timeout, TIMEOUT_MS));
        let test = match &health.command {
            sealock_pipeline::HealthCommand::Program(words) => {
                HealthTest::Program(words.iter().map(|word| self.written(word)).collect())
            }
            sealock_pipeline::HealthCommand::Shell(line) => HealthTest::Shell(self.written(line)),
        };
        Health { test, interval_ms, timeout_ms, retries: health.retries.as_ref().map_or(RETRIES, |own| own.value) }
    }
}
