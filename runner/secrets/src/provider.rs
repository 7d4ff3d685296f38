//! Where secrets come from.

mod environment;
mod files;
mod listed;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

pub use environment::{Environment, PREFIX};
pub use files::{FileEntryError, Files};
pub use listed::{ListError, Listed};

use crate::refusal::Refusal;
use crate::secret::SecretBytes;
use crate::vault::Vault;

/// Finds secrets by name: an environment, a folder, a server.
///
/// A provider never keeps a secret that it was not asked for longer than it must, and never writes
/// one anywhere.
pub trait Provider: Send + Sync {
    /// The name used in messages about this provider, such as `environment`.
    fn label(&self) -> &'static str;

    /// Looks for the secret called `name`. `None` when this provider does not have it: the next one
    /// is asked then.
    ///
    /// # Errors
    ///
    /// When the provider has it, or cannot tell, and the bytes cannot be had. The next provider is
    /// *not* asked then: a secret never changes its origin because something broke.
    fn fetch<'a>(&'a self, name: &'a str) -> Fetching<'a>;
}

/// A secret under way.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Option<Fetched>, ProviderError>> + Send + 'a>>;

/// A secret that was found.
#[derive(Debug)]
pub struct Fetched {
    /// Its bytes.
    pub secret: SecretBytes,
    /// What the operator should know about the place it was found in.
    pub caution: Option<Caution>,
}

/// Something about a secret's place that the operator should mend. The run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caution {
    /// Every user of the machine can read the file.
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl fmt::Display for Caution {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadableByOthers { path, mode } => {
                let path = path.display();
                write!(
                    formatter,
                    "`{path}` holds a secret and is readable by others (mode {mode:04o}): `chmod 600 {path}`"
                )
            }
        }
    }
}

/// Why a provider could not hand a secret over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// The place is there and cannot be read.
    #[error("failed to read secret `{name}` from `{}`", path.display())]
    Read {
        /// The secret's name.
        name: String,
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// The place is a directory, a pipe, or a device.
    #[error("secret `{name}` should be in the file `{}`, which is not a regular file", path.display())]
    NotAFile {
        /// The secret's name.
        name: String,
        /// What was found there.
        path: PathBuf,
    },

    /// The file is larger than a secret may be.
    #[error("the file `{}` of secret `{name}` has more than {limit} bytes", path.display())]
    TooLarge {
        /// The secret's name.
        name: String,
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },

    /// Any other provider's failure.
    #[error("{provider} could not give secret `{name}`: {reason}")]
    Failed {
        /// The provider's label.
        provider: &'static str,
        /// The secret's name.
        name: String,
        /// What went wrong. Holds nothing of the secret.
        reason: String,
    },
}

impl ProviderError {
    /// The stable code, as `sealock explain` knows it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "E-SECRET-LONG",
            _ => "E-SECRET-READ",
        }
    }
}

/// Why a secret that a run names is not in its vault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No provider has it.
    #[error("secret `{name}` is missing: {}", asked(providers))]
    Missing {
        /// The name asked for.
        name: String,
        /// The labels of the providers that were asked.
        providers: Vec<&'static str>,
    },

    /// A provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),

    /// What was found cannot be masked.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

fn asked(providers: &[&'static str]) -> String {
    match providers {
        [] => "there is no provider to ask".to_owned(),
        _ => format!("asked {}", providers.join(", ")),
    }
}

impl LoadError {
    /// The stable code, as `sealock explain` knows it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "E-SECRET-MISSING",
            Self::Provider(error) => error.code(),
            Self::Refused(refusal) => refusal.code(),
        }
    }
}

/// Fetches `names` from the first of `providers` that has each, into `vault`.
///
/// # Errors
///
/// Every problem found, so that an operator can mend them in one go. The secrets that were found
/// are in the vault all the same, and masked.
pub async fn load<'a>(
    vault: &Vault,
    providers: &[&dyn Provider],
    names: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Caution>, Vec<LoadError>> {
    let mut cautions = Vec::new();
    let mut problems = Vec::new();

    for name in names {
        match load_one(vault, providers, name).await {
            Ok(caution) => cautions.extend(caution),
            Err(problem) => problems.push(problem),
        }
    }

    if problems.is_empty() { Ok(cautions) } else { Err(problems) }
}

async fn load_one(vault: &Vault, providers: &[&dyn Provider], name: &str) -> Result<Option<Caution>, LoadError> {
    for provider in providers {
        if let Some(found) = provider.fetch(name).await? {
            vault.register(name, found.secret)?;
            return Ok(found.caution);
        }
    }
    let providers = providers.iter().map(|provider| provider.label()).collect();
    Err(LoadError::Missing { name: name.to_owned(), providers })
}
