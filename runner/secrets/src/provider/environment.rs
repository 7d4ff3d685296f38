//! Secrets from environment variables.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::ready;
use std::os::unix::ffi::OsStringExt;

use super::{Fetched, Fetching, Provider};
use crate::secret::SecretBytes;

/// What a variable that holds a secret begins with.
pub const PREFIX: &str = "SEALOCK_SECRET_";

/// The variables `SEALOCK_SECRET_<NAME>`.
///
/// Secret `Api_Key` is looked for under that spelling and then in capitals. An empty variable is
/// none: that is what a CI system passes for a secret it does not have.
pub struct Environment {
    secrets: BTreeMap<String, SecretBytes>,
}

impl Environment {
    /// Takes the secrets out of `variables`, which the caller has read.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self { secrets: variables.into_iter().filter_map(secret_of).collect() }
    }

    /// The names of the secrets that are there.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.secrets.keys().map(String::as_str)
    }
}

fn secret_of((variable, value): (OsString, OsString)) -> Option<(String, SecretBytes)> {
    let name = variable.to_str()?.strip_prefix(PREFIX)?.to_owned();
    let secret = SecretBytes::new(value.into_vec());
    (!name.is_empty() && !secret.is_empty()).then_some((name, secret))
}

impl Provider for Environment {
    fn label(&self) -> &'static str {
        "environment"
    }

    fn fetch<'a>(&'a self, name: &'a str) -> Fetching<'a> {
        let found = self.secrets.get(name).or_else(|| self.secrets.get(&name.to_ascii_uppercase()));
        let fetched = found.map(|secret| Fetched { secret: secret.clone(), caution: None });
        Box::pin(ready(Ok(fetched)))
    }
}
