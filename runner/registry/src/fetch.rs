//! What the lockfile pins, fetched by digest: no tag decides anything here.

use crate::{Artifact, Locked, Reference, Registry, RegistryError, Store, Verified};

impl Registry {
    /// The version and the component that `locked` pins for `reference`: neither is kept yet.
    ///
    /// # Errors
    ///
    /// When the registry does not have it any more, or it is not what was locked.
    pub async fn locked(
        &self,
        reference: &Reference,
        locked: &Locked,
        store: &Store,
    ) -> Result<(Artifact, Verified), RegistryError> {
        let repository = reference.repository();
        let artifact = match self.artifact(&repository.pinned(locked.manifest)).await {
            Err(RegistryError::Missing { .. }) => return Err(self.gone(reference, locked).await),
            artifact => artifact?,
        };
        locked.hold(reference, &artifact)?;
        let component = self.component(repository, &artifact, store).await?;
        Ok((artifact, component))
    }

    /// Why what was locked is not there: it is another matter when its tag names something else now.
    async fn gone(&self, reference: &Reference, locked: &Locked) -> RegistryError {
        let reference_text = reference.to_string();
        let by_tag = reference.tag().map(|tag| reference.repository().tagged(tag));
        let now = match &by_tag {
            Some(by_tag) => self.artifact(by_tag).await.ok().map(|artifact| artifact.manifest),
            None => None,
        };
        match now {
            Some(now) => RegistryError::Integrity {
                reference: reference_text,
                why: format!("{} was locked and is gone; its tag names {now} now", locked.manifest),
            },
            None => RegistryError::Missing { reference: format!("{}@{}", reference.repository(), locked.manifest) },
        }
    }
}

impl Locked {
    /// Holds what is locked to the manifest that it names: the publisher is not to blame where both differ.
    ///
    /// # Errors
    ///
    /// When the lockfile names another component, or another size of it.
    pub fn hold(&self, reference: &Reference, artifact: &Artifact) -> Result<(), RegistryError> {
        let differs = |field, written: &dyn ToString, found: &dyn ToString| RegistryError::Locked {
            reference: reference.to_string(),
            field,
            written: written.to_string(),
            manifest: artifact.manifest,
            found: found.to_string(),
        };
        if artifact.manifest != self.manifest {
            return Err(differs("manifest", &self.manifest, &artifact.manifest));
        }
        if artifact.component != self.component {
            return Err(differs("component", &self.component, &artifact.component));
        }
        if artifact.size != self.size {
            return Err(differs("size", &self.size, &artifact.size));
        }
        Ok(())
    }
}
