//! Containers and services.

use sealock_diagnostics::Diagnostic;

use super::reader::Reader;
use super::shape::{CONTAINER, COUNT_MAX, HEALTH, SERVICE};
use super::slot::Slot;
use crate::model::{Container, Entries, Health, HealthCommand, Late, Port, Service, Spanned, Text};
use crate::yaml::NodeId;

impl Reader<'_> {
    pub(super) fn container(&mut self, node: NodeId, subject: &str) -> Option<Spanned<Container>> {
        let span = self.tree.span(node);
        if !self.is_map(node) {
            let image = self.image(node, subject)?;
            return Some(Spanned::new(Container { image, env: Entries::default() }, span));
        }
        let keys = self.keys(node, subject, &CONTAINER)?;
        let env = keys.get("env").map(|field| self.env(field.node, &format!("`env` of {subject}"), Slot::ContainerEnv));
        let image = self.image(keys.get("image")?.node, &format!("`image` of {subject}"))?;
        Some(Spanned::new(Container { image, env: env.unwrap_or_default() }, span))
    }

    /// An image reference; its form is the engine's matter, but it is one word.
    fn image(&mut self, node: NodeId, subject: &str) -> Option<Spanned<Text>> {
        let image = self.template(node, subject, Slot::Image)?;
        let is_image_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':' | '@' | '+');
        if image
            .literal()
            .is_some_and(|image| image.is_empty() || image.starts_with('-') || !image.chars().all(is_image_char))
        {
            let message = format!("{subject} is not an image: `{}`", super::shortened(image.raw()));
            let found = Diagnostic::error("E-IMAGE", message, super::first_line(self.file, image.span));
            self.report(found.help("write it as for `docker pull`, such as `postgres:15`"));
        }
        Some(image)
    }

    pub(super) fn services(&mut self, node: NodeId, subject: &str) -> Entries<Service> {
        self.entries(
            node,
            subject,
            |reader, key| {
                reader.check_id(key, "the service");
            },
            |reader, key, node| reader.service(&key.value, node),
        )
    }

    fn service(&mut self, name: &str, node: NodeId) -> Option<Service> {
        let subject = format!("service `{name}`");
        if !self.is_map(node) {
            let image = self.image(node, &subject)?;
            return Some(Service { image, env: Entries::default(), ports: Vec::new(), health: None });
        }
        let keys = self.keys(node, &subject, &SERVICE)?;
        let of = |key: &str| format!("`{key}` of {subject}");
        let env = keys.get("env").map(|field| self.env(field.node, &of("env"), Slot::ContainerEnv));
        let ports = keys.get("ports").map(|field| self.ports(field.node, &of("ports")));
        let health = keys.get("health").and_then(|field| self.health(field.node, &of("health")));
        let image = self.image(keys.get("image")?.node, &of("image"))?;
        Some(Service { image, env: env.unwrap_or_default(), ports: ports.unwrap_or_default(), health })
    }

    fn ports(&mut self, node: NodeId, subject: &str) -> Vec<Spanned<Late<Port>>> {
        let nodes = self.list(node, subject, "a list of ports");
        let help = "write the container's port, `5432`, or with a fixed one of the host, `\"5432:5432\"`";
        let item = |node| self.late(node, &format!("an item of {subject}"), Slot::ServiceOption, "E-CFG-RANGE", help);
        nodes.into_iter().filter_map(item).collect()
    }

    fn health(&mut self, node: NodeId, subject: &str) -> Option<Spanned<Health>> {
        let keys = self.keys(node, subject, &HEALTH)?;
        let of = |key: &str| format!("`{key}` of {subject}");
        let interval =
            keys.get("interval").and_then(|field| self.duration(field.node, &of("interval"), Slot::ServiceOption));
        let timeout =
            keys.get("timeout").and_then(|field| self.duration(field.node, &of("timeout"), Slot::ServiceOption));
        let retries = keys.get("retries").and_then(|field| self.count(field.node, &of("retries"), 1, COUNT_MAX));
        let command = self.health_command(keys.get("command")?.node, &of("command"))?;
        Some(Spanned::new(Health { command, interval, timeout, retries }, keys.span()))
    }

    fn health_command(&mut self, node: NodeId, subject: &str) -> Option<HealthCommand> {
        if !self.is_list(node) {
            return self.template(node, subject, Slot::ServiceOption).map(HealthCommand::Shell);
        }
        let nodes = self.full_list(node, subject, "a program and its arguments");
        let word = |node| self.template(node, &format!("an item of {subject}"), Slot::ServiceOption);
        Some(HealthCommand::Program(nodes.into_iter().filter_map(word).collect()))
    }
}
