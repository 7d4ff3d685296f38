//! What one run may use of secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealock_contract::secret::{SecretPart, SecretText};
use zeroize::Zeroizing;

use crate::matcher::Matcher;
use crate::needles::add_needles;
use crate::redactor::Redactor;
use crate::refusal::{self, Refusal};
use crate::secret::SecretBytes;

/// The secrets of one run. A clone is another handle on the same vault, for any thread.
///
/// What has once been registered is masked for as long as the vault lives, also when its name gets
/// another value.
#[derive(Clone, Default)]
pub struct Vault {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Grows whenever there is a new needle.
    generation: AtomicU64,
    contents: Mutex<Contents>,
}

#[derive(Default)]
struct Contents {
    by_name: BTreeMap<String, SecretBytes>,
    masked: BTreeSet<SecretBytes>,
    needles: BTreeSet<SecretBytes>,
    /// Made of `needles` when a redactor asks for it.
    matcher: Option<Arc<Matcher>>,
}

impl Vault {
    /// An empty vault.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a secret under its name; from now on every form of it is masked.
    ///
    /// # Errors
    ///
    /// Refuses what cannot be masked without masking everything. The vault is then as before.
    pub fn register(&self, name: &str, secret: SecretBytes) -> Result<(), Refusal> {
        refusal::check(name, &secret)?;
        self.mask(&secret);
        self.contents().by_name.insert(name.to_owned(), secret);
        Ok(())
    }

    /// Masks a secret that has no name, such as a token that a registry's login answered. `whose`
    /// is for the message when it is refused.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    pub fn hide(&self, whose: &str, secret: &SecretBytes) -> Result<(), Refusal> {
        refusal::check(whose, secret)?;
        self.mask(secret);
        Ok(())
    }

    /// The secret called `name`.
    pub fn get(&self, name: &str) -> Option<SecretBytes> {
        self.contents().by_name.get(name).cloned()
    }

    /// Whether nothing was ever registered or hidden: then there is nothing to mask.
    pub fn hides_nothing(&self) -> bool {
        self.generation() == 0
    }

    /// The names of all secrets, sorted.
    pub fn names(&self) -> Vec<String> {
        self.contents().by_name.keys().cloned().collect()
    }

    /// Puts `text` together. The whole is a secret of its own and masked as one, beside its parts.
    /// A text that names no secret hides nothing and is not masked.
    ///
    /// # Errors
    ///
    /// When a secret is missing, or the whole is refused.
    pub fn assemble(&self, text: &SecretText) -> Result<SecretBytes, AssembleError> {
        let mut whole = Zeroizing::new(Vec::new());
        for part in &text.parts {
            match part {
                SecretPart::Text(known) => whole.extend_from_slice(known.as_bytes()),
                SecretPart::Secret(name) => whole.extend_from_slice(self.require(name)?.expose()),
            }
        }
        let whole = SecretBytes::new(std::mem::take(&mut *whole));
        if let Some(name) = text.names().next() {
            self.hide(name, &whole)?;
        }
        Ok(whole)
    }

    /// A handle that masks what this vault knows, now and later.
    pub fn redactor(&self) -> Redactor {
        Redactor::new(self.clone())
    }

    pub(crate) fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }

    pub(crate) fn matcher(&self) -> Arc<Matcher> {
        let mut contents = self.contents();
        if let Some(matcher) = &contents.matcher {
            return Arc::clone(matcher);
        }
        let needles = contents.needles.iter().cloned().collect();
        let matcher = Arc::new(Matcher::new(needles));
        contents.matcher = Some(Arc::clone(&matcher));
        matcher
    }

    fn require(&self, name: &str) -> Result<SecretBytes, AssembleError> {
        self.get(name).ok_or_else(|| AssembleError::Missing { name: name.to_owned() })
    }

    fn mask(&self, secret: &SecretBytes) {
        let mut contents = self.contents();
        if contents.masked.insert(secret.clone()) {
            add_needles(secret, &mut contents.needles);
            contents.matcher = None;
            self.shared.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// A panic elsewhere leaves the tables whole: each change is one insertion.
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.shared.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Vault").field("names", &self.names()).finish_non_exhaustive()
    }
}

/// Why a text with secrets in it could not be put together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssembleError {
    /// No provider had it.
    #[error("secret `{name}` is missing")]
    Missing {
        /// The name asked for.
        name: String,
    },

    /// The whole cannot be a secret.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl AssembleError {
    /// The stable code, as `sealock explain` knows it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "E-SECRET-MISSING",
            Self::Refused(refusal) => refusal.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Vault;
    use crate::secret::SecretBytes;
    use sealock_contract::secret::{SecretPart, SecretText};

    fn vault(secrets: &[(&str, &str)]) -> Vault {
        let vault = Vault::new();
        for (name, secret) in secrets {
            vault.register(name, SecretBytes::new(*secret)).unwrap();
        }
        vault
    }

    fn database_address() -> SecretText {
        SecretText {
            parts: vec![
                SecretPart::Text("postgres://app:".into()),
                SecretPart::Secret("DB".into()),
                SecretPart::Text("@db/app".into()),
            ],
        }
    }

    #[test]
    fn a_secret_is_found_by_its_name() {
        let vault = vault(&[("DB", "hunter2-hunter2")]);
        assert_eq!(vault.get("DB").unwrap().expose(), b"hunter2-hunter2");
        assert!(vault.get("db").is_none());
        assert_eq!(format!("{vault:?}"), r#"Vault { names: ["DB"], .. }"#);
    }

    #[test]
    fn text_around_a_secret_makes_a_secret() {
        let vault = vault(&[("DB", "hunter2-hunter2")]);
        let whole = vault.assemble(&database_address()).unwrap();
        assert_eq!(whole.expose(), b"postgres://app:hunter2-hunter2@db/app");

        let redactor = vault.redactor();
        assert_eq!(redactor.redact_text("at postgres://app:hunter2-hunter2@db/app!"), "at ***!");
        assert_eq!(redactor.redact_text("and hunter2-hunter2@other"), "and ***@other");
        assert_eq!(redactor.redact_text("postgres://app:other@db/app"), "postgres://app:other@db/app");
    }

    #[test]
    fn assembling_again_changes_nothing() {
        let vault = vault(&[("DB", "hunter2-hunter2")]);
        vault.assemble(&database_address()).unwrap();
        let generation = vault.generation();
        vault.assemble(&database_address()).unwrap();
        assert_eq!(vault.generation(), generation);
    }

    #[test]
    fn a_missing_secret_has_its_code() {
        let error = vault(&[]).assemble(&database_address()).unwrap_err();
        assert_eq!((error.code(), error.to_string()), ("E-SECRET-MISSING", "secret `DB` is missing".to_owned()));
    }

    #[test]
    fn a_refused_secret_leaves_no_trace() {
        let vault = Vault::new();
        assert_eq!(vault.register("A", SecretBytes::new("abc")).unwrap_err().code(), "E-SECRET-SHORT");
        assert_eq!(vault.register("B", SecretBytes::new("true")).unwrap_err().code(), "E-SECRET-COMMON");
        assert!(vault.names().is_empty());
        assert_eq!(vault.redactor().redact_text("true abc"), "true abc");
    }

    #[test]
    fn an_old_value_stays_masked() {
        let vault = vault(&[("DB", "hunter2-hunter2"), ("DB", "hunter3-hunter3")]);
        assert_eq!(vault.get("DB").unwrap().expose(), b"hunter3-hunter3");
        assert_eq!(vault.redactor().redact_text("hunter2-hunter2"), "***");
    }
}
