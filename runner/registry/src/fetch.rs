//! What the lockfile pins, fetched by digest: no tag decides anything here.

use crate::{Locked, Reference, Registry, RegistryError, Store, Verified};

impl Registry {
    /// The component that `locked` pins for `reference`.
    ///
    /// # Errors
    ///
    /// When the registry does not have it any more, or it is not what was locked.
    pub async fn locked(
        &self,
        reference: &Reference,
        locked: &Locked,
        store: &Store,
    ) -> Result<Verified, RegistryError> {
        let repository = reference.repository();
        let artifact = match self.artifact(&repository.pinned(locked.manifest)).await {
            Err(RegistryError::Missing { .. }) => return Err(self.gone(reference, locked).await),
            artifact => artifact?,
        };
        if artifact.component != locked.component || artifact.size != locked.size {
            let why = "its manifest names another component than the lockfile does".to_owned();
            return Err(RegistryError::Integrity { reference: reference.to_string(), why });
        }
        self.component(repository, &artifact, store).await
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
