//! The keys that a server may show, pinned in the pipeline.

use std::fmt;
use std::str::FromStr;

use russh::keys::{Algorithm, HashAlg, PublicKey};

/// A public key that a server must show, written as `ssh-ed25519 AAAA…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKey(PublicKey);

/// Why a text is not a [`HostKey`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostKeyError {
    /// A marker, a host pattern, or several lines stand around the key.
    #[error("expected only the type and the key, such as `ssh-ed25519 AAAA…`")]
    Form,
    /// The type and the key do not belong together, or the key is damaged.
    #[error("the key is damaged or not of the type that stands before it")]
    Damaged,
    /// A type that nobody should use any more.
    #[error("keys of type `{found}` are too weak to be pinned")]
    Weak {
        /// The type.
        found: String,
    },
}

impl HostKey {
    pub(super) fn of(key: &PublicKey) -> Self {
        let mut key = key.clone();
        key.set_comment("");
        Self(key)
    }

    /// Whether the server showed this key.
    pub(super) fn is(&self, shown: &PublicKey) -> bool {
        self.0.key_data() == shown.key_data()
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }

    /// Such as `SHA256:…`, as `ssh-keygen -lf` prints it.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }
}

impl FromStr for HostKey {
    type Err = HostKeyError;

    fn from_str(text: &str) -> Result<Self, HostKeyError> {
        let text = text.trim();
        let mut words = text.split(' ');
        let (Some(kind), Some(_)) = (words.next(), words.next()) else {
            return Err(HostKeyError::Form);
        };
        let known_kind = ["ssh-", "ecdsa-", "sk-"].iter().any(|start| kind.starts_with(start));
        if !known_kind || text.contains(['\n', '\r']) {
            return Err(HostKeyError::Form);
        }
        let key = PublicKey::from_openssh(text).map_err(|_| HostKeyError::Damaged)?;
        match key.algorithm() {
            Algorithm::Dsa => Err(HostKeyError::Weak { found: kind.to_owned() }),
            _ => Ok(Self::of(&key)),
        }
    }
}

/// As it is written in a pipeline.
impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_openssh().map_err(|_| fmt::Error)?.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT";

    #[test]
    fn a_key_reads_back_without_its_comment() {
        let key: HostKey = format!("{KEY} root@web1").parse().expect("a key");
        assert_eq!(key.to_string(), KEY);
        assert!(key.fingerprint().starts_with("SHA256:"));
    }

    #[test]
    fn lines_of_known_hosts_are_not_keys() {
        let lines = [
            "",
            "ssh-ed25519",
            &format!("web1 {KEY}"),
            &format!("@revoked * {KEY}"),
            &format!("|1|abc=|def= {KEY}"),
            &format!("{KEY}\n{KEY}"),
            "ssh-ed25519 AAAA",
            &KEY.replace("ssh-ed25519", "ssh-rsa"),
        ];
        for line in lines {
            assert!(line.parse::<HostKey>().is_err(), "{line:?} was taken");
        }
    }
}
