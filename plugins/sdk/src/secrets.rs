//! Secrets, as handles: the host uses them, the step does not see them.

use std::collections::BTreeMap;

use crate::Error;
use crate::host::{secrets, secrets_reveal};

/// A handle of one secret.
#[derive(Debug)]
pub struct Secret(pub(crate) secrets::Secret);

impl Secret {
    /// Its name, not its value.
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// A word that the host swaps for the secret where the manifest says it may stand, and nowhere else.
    pub fn placeholder(&self) -> String {
        self.0.placeholder()
    }

    /// The bytes themselves: a capability of its own.
    ///
    /// # Errors
    ///
    /// Denied unless `reveal` is granted.
    pub fn reveal(&self) -> Result<Vec<u8>, Error> {
        Ok(secrets_reveal::reveal(&self.0)?)
    }

    /// The handle itself, for the interfaces of [`crate::bindings`].
    pub fn handle(&self) -> &secrets::Secret {
        &self.0
    }
}

/// A map whose values are handles, such as an environment for a program.
#[derive(Debug, Default)]
pub struct SecretMap(pub(crate) BTreeMap<String, Secret>);

impl SecretMap {
    /// The entries, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(name, secret)| (name.as_str(), secret))
    }

    /// The entry called `name`.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name)
    }
}

/// Masks a value that the step derived itself, from now on.
pub fn mask(value: &str) {
    secrets::mask(value);
}
