//! From a reference as a pipeline writes it to one version, by digest.
//!
//! - A digest, a whole version (`1.4.2`), and a tag that is no version (`latest`) name exactly one thing.
//! - A part of a version (`1.4`, `1`) stands for the newest whole version of its line that is older than the cooldown. Where
//!   the registry has no whole version of that line, it is a tag like any other.
//!
//! A version's age is what its publisher says (`created` of the configuration and of the manifest, the later of both). That
//! holds back haste and stolen pipelines that publish as usual; it does not hold back a publisher who lies about it.

use crate::version::{Age, Line};
use crate::{Artifact, Reference, Registry, RegistryError};

/// One version that was chosen.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What it is called: the tag, where there is one.
    pub version: Option<String>,
    /// By digest.
    pub artifact: Artifact,
    /// How old it is.
    pub age: Age,
    /// Newer versions of the line that are too young, the newest first.
    pub passed_over: Vec<(String, Age)>,
}

impl Registry {
    /// The version that `reference` stands for at `now`.
    ///
    /// # Errors
    ///
    /// When the registry does not give it, or what it gives is no plugin.
    pub async fn resolve(&self, reference: &Reference, now: jiff::Timestamp) -> Result<Resolved, RegistryError> {
        self.in_search_time(reference.repository(), self.resolve_patiently(reference, now)).await
    }

    async fn resolve_patiently(&self, reference: &Reference, now: jiff::Timestamp) -> Result<Resolved, RegistryError> {
        let line = reference.tag().filter(|_| reference.digest().is_none()).and_then(Line::read);
        if let Some(line) = line
            && let Some(resolved) = self.newest_of(reference, line, now).await?
        {
            return Ok(resolved);
        }
        let artifact = self.artifact(reference).await?;
        let age = self.age(reference, &artifact, now).await?;
        let version = reference.tag().map(str::to_owned);
        Ok(Resolved { version, artifact, age, passed_over: Vec::new() })
    }

    /// The newest version of the line that is old enough; nothing where the line has no whole version.
    async fn newest_of(
        &self,
        reference: &Reference,
        line: Line,
        now: jiff::Timestamp,
    ) -> Result<Option<Resolved>, RegistryError> {
        let repository = reference.repository();
        let tags = self.tags(repository).await?;
        let mut passed_over = Vec::new();
        for tag in line.newest_first(&tags) {
            let artifact = self.artifact(&repository.tagged(tag)).await?;
            let age = self.age(reference, &artifact, now).await?;
            if !age.is_young() {
                return Ok(Some(Resolved { version: Some(tag.to_owned()), artifact, age, passed_over }));
            }
            passed_over.push((tag.to_owned(), age));
        }
        match passed_over.into_iter().next() {
            Some((newest, age)) => Err(RegistryError::Young { reference: reference.to_string(), newest, age }),
            None => Ok(None),
        }
    }

    async fn age(
        &self,
        reference: &Reference,
        artifact: &Artifact,
        now: jiff::Timestamp,
    ) -> Result<Age, RegistryError> {
        Ok(Age::at(now, self.created(reference.repository(), artifact).await?))
    }
}
