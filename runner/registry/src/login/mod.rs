//! Who this machine is to a registry: what a person gave, Docker's own files and credential programs, or nobody.
//!
//! A login is looked up by the registry's host, and sent to it and to its own token server alone.

mod docker;
mod program;

use std::path::PathBuf;

use http::header::HeaderValue;
use zeroize::Zeroizing;

use crate::{RegistryError, host};

/// A name and what proves it.
#[derive(Clone)]
pub enum Login {
    /// A user and a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Zeroizing<String>,
    },
    /// A token that a token server changes into another.
    Identity(Zeroizing<String>),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(…)")
    }
}

/// Where logins are looked for.
#[derive(Clone, Debug, Default)]
pub struct Logins {
    /// What a person gave, and for which host.
    pub given: Option<(String, Login)>,
    /// Docker's `config.json`.
    pub docker: Option<PathBuf>,
}

impl Logins {
    /// Whether a person gave the login for `host`.
    pub(crate) fn is_given(&self, host: &str) -> bool {
        self.given.as_ref().is_some_and(|(own, _)| host::is_same(own, host))
    }

    /// The login for `host`, as a reference writes it.
    ///
    /// # Errors
    ///
    /// When Docker's file, or the program that it names, cannot be read.
    pub(crate) async fn find(&self, host: &str) -> Result<Option<Login>, RegistryError> {
        if let Some((_, login)) = self.given.as_ref().filter(|(own, _)| host::is_same(own, host)) {
            return Ok(Some(login.clone()));
        }
        match &self.docker {
            Some(file) => docker::find(file, host).await,
            None => Ok(None),
        }
    }
}

impl Login {
    /// As `Authorization` says it; an identity token says nothing by itself.
    pub(crate) fn basic(&self) -> Option<HeaderValue> {
        use base64::Engine as _;
        let Self::Password { user, password } = self else {
            return None;
        };
        let pair = Zeroizing::new(format!("{user}:{}", password.as_str()));
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair.as_bytes());
        let mut value = HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Whether what proves it stands in `text`.
    pub(crate) fn stands_in(&self, text: &str) -> bool {
        let (Self::Password { password: secret, .. } | Self::Identity(secret)) = self;
        !secret.is_empty() && text.contains(secret.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_never_printed() {
        let login = Login::Password { user: "ada".into(), password: Zeroizing::new("hunter2".into()) };
        assert_eq!(format!("{login:?}"), "Login(…)");
        assert!(login.basic().expect("a header").is_sensitive());
    }
}
