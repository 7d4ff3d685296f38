//! Images and containers that a step may build, run, and push.

use serde::{Deserialize, Serialize};

use super::files::Pattern;
use super::{Capability, denied};
use crate::StepError;

/// A pattern for image references: `ghcr.io/acme/*`, `postgres:15`. `*` matches within one segment, tags
/// included; a pattern without a tag matches every tag and digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImagePattern(pub String);

impl ImagePattern {
    /// Whether `reference` is meant.
    pub fn matches(&self, reference: &str) -> bool {
        let whole = Pattern(self.0.clone());
        if whole.matches(reference) {
            return true;
        }
        has_no_tag(&self.0) && whole.matches(repository(reference))
    }
}

fn has_no_tag(reference: &str) -> bool {
    repository(reference) == reference
}

/// `reference` without its tag and digest.
pub fn repository(reference: &str) -> &str {
    let name = reference.split_once('@').map_or(reference, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    }
}

/// What a step may do with the container engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContainerGrant {
    /// Whether it may build images.
    pub build: bool,
    /// Images that it may run.
    pub run: Vec<ImagePattern>,
    /// References that it may push to.
    pub push: Vec<ImagePattern>,
}

impl ContainerGrant {
    /// Whether an image may be built.
    ///
    /// # Errors
    ///
    /// `E-GRANT-CONTAINERS` with the entry that would grant it.
    pub fn check_build(&self, what: &str) -> Result<(), StepError> {
        if self.build {
            return Ok(());
        }
        Err(denied(Capability::Build, what, "containers: { build: true }"))
    }

    /// Whether a container of `image` may be started.
    ///
    /// # Errors
    ///
    /// `E-GRANT-CONTAINERS` with the entry that would grant it.
    pub fn check_run(&self, image: &str) -> Result<(), StepError> {
        check(&self.run, Capability::Run, image, "run")
    }

    /// Whether `reference` may be pushed to.
    ///
    /// # Errors
    ///
    /// `E-GRANT-CONTAINERS` with the entry that would grant it.
    pub fn check_push(&self, reference: &str) -> Result<(), StepError> {
        check(&self.push, Capability::Push, reference, "push")
    }
}

fn check(granted: &[ImagePattern], capability: Capability, reference: &str, verb: &str) -> Result<(), StepError> {
    if granted.iter().any(|pattern| pattern.matches(reference)) {
        return Ok(());
    }
    Err(denied(capability, reference, &format!("containers: {{ {verb}: [\"{reference}\"] }}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_a_tag_means_every_tag_of_that_repository_only() {
        let acme = ImagePattern("ghcr.io/acme/*".into());
        assert!(acme.matches("ghcr.io/acme/web:1"));
        assert!(!acme.matches("ghcr.io/acme/a/b:1"));
        assert!(!acme.matches("ghcr.io/evil/web:1"));
        let postgres = ImagePattern("postgres:15".into());
        assert!(postgres.matches("postgres:15") && !postgres.matches("postgres:16"));
        assert!(ImagePattern("127.0.0.1:5000/app".into()).matches("127.0.0.1:5000/app@sha256:00"));
    }

    #[test]
    fn a_registry_port_is_not_a_tag() {
        assert_eq!(repository("127.0.0.1:5000/app"), "127.0.0.1:5000/app");
        assert_eq!(repository("127.0.0.1:5000/app:1@sha256:0"), "127.0.0.1:5000/app");
        assert_eq!(repository("postgres:15"), "postgres");
    }
}
