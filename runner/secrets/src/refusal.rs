//! Which bytes cannot be a secret, because masking them would mask everything.

use crate::secret::SecretBytes;

/// A shorter secret turns up by chance, so that masking it makes output unreadable.
pub const SECRET_MIN_BYTES: usize = 8;

/// A longer secret is a file in the wrong place; it would cost some seventy times its size in
/// needles, so that one could fill the machine's memory.
pub const SECRET_MAX_BYTES: usize = 48 * 1024;

/// What is refused whatever its length: words that logs are full of, and the passwords that
/// everybody tries first. Compared without regard to case, after trimming blanks.
pub const COMMON_WORDS: &[&str] = &[
    "000000000",
    "1234567",
    "12345678",
    "123456789",
    "1234567890",
    "12345678910",
    "127.0.0.1",
    "127.0.0.1:8080",
    "abcdefgh",
    "abcd1234",
    "access",
    "accesskey",
    "access_key",
    "account",
    "address",
    "admin",
    "administrator",
    "anonymous",
    "api_key",
    "apikey",
    "application",
    "artifact",
    "artifacts",
    "authorization",
    "changeit",
    "changeme",
    "complete",
    "completed",
    "component",
    "connected",
    "connection",
    "container",
    "containers",
    "continue",
    "credential",
    "credentials",
    "database",
    "debug",
    "default",
    "deployment",
    "development",
    "directory",
    "disabled",
    "docker",
    "document",
    "download",
    "dummy",
    "enabled",
    "environment",
    "error",
    "example",
    "examples",
    "execution",
    "expected",
    "failed",
    "false",
    "finished",
    "function",
    "github",
    "guest",
    "http://localhost",
    "https://",
    "iloveyou",
    "info",
    "information",
    "install",
    "installed",
    "internal",
    "latest",
    "letmein",
    "letmein1",
    "linux",
    "localhost",
    "localhost:8080",
    "login",
    "main",
    "master",
    "message",
    "mysecret",
    "network",
    "nil",
    "no",
    "none",
    "null",
    "off",
    "on",
    "p@ssw0rd",
    "p@ssword",
    "package",
    "packages",
    "passed",
    "passphrase",
    "passw0rd",
    "password",
    "password1",
    "password12",
    "password123",
    "pipeline",
    "postgres",
    "postgresql",
    "private",
    "process",
    "production",
    "project",
    "public",
    "python3",
    "qwerty",
    "qwerty12",
    "qwerty123",
    "qwertyui",
    "qwertyuiop",
    "registry",
    "release",
    "repository",
    "request",
    "response",
    "root",
    "running",
    "secret",
    "secret123",
    "secrets",
    "security",
    "sealock",
    "server",
    "service",
    "services",
    "skipped",
    "staging",
    "started",
    "success",
    "successful",
    "superuser",
    "target",
    "test",
    "test1234",
    "testing",
    "testtest",
    "token",
    "true",
    "ubuntu",
    "undefined",
    "unknown",
    "username",
    "version",
    "warning",
    "welcome",
    "welcome1",
    "workspace",
    "yes",
];

/// Why bytes were refused as a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Fewer bytes than [`SECRET_MIN_BYTES`].
    #[error(
        "secret `{name}` has {found} bytes and cannot be masked without masking everything: \
         {SECRET_MIN_BYTES} are the least"
    )]
    Short {
        /// The secret's name.
        name: String,
        /// How many bytes it has.
        found: usize,
    },

    /// One of [`COMMON_WORDS`], one character over and over, or nothing but blanks.
    #[error("secret `{name}` is a common word and cannot be masked without masking everything")]
    Common {
        /// The secret's name.
        name: String,
    },

    /// More bytes than [`SECRET_MAX_BYTES`].
    #[error("secret `{name}` has {found} bytes: {SECRET_MAX_BYTES} are the most")]
    Long {
        /// The secret's name.
        name: String,
        /// How many bytes it has.
        found: usize,
    },
}

impl Refusal {
    /// The stable code, as `sealock explain` knows it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Short { .. } => "E-SECRET-SHORT",
            Self::Common { .. } => "E-SECRET-COMMON",
            Self::Long { .. } => "E-SECRET-LONG",
        }
    }
}

/// Refuses what cannot be masked.
pub(crate) fn check(name: &str, secret: &SecretBytes) -> Result<(), Refusal> {
    let bytes = secret.expose();
    if is_common(bytes) {
        return Err(Refusal::Common { name: name.to_owned() });
    }
    if bytes.len() < SECRET_MIN_BYTES {
        return Err(Refusal::Short { name: name.to_owned(), found: bytes.len() });
    }
    if bytes.len() > SECRET_MAX_BYTES {
        return Err(Refusal::Long { name: name.to_owned(), found: bytes.len() });
    }
    Ok(())
}

/// Whether `bytes` stand in ordinary text anyway. Also asked of each line of a secret.
pub(crate) fn is_common(bytes: &[u8]) -> bool {
    let word = bytes.trim_ascii();
    let is_one_byte_repeated = bytes.len() >= SECRET_MIN_BYTES && bytes.windows(2).all(|two| two[0] == two[1]);
    let is_blank = !bytes.is_empty() && word.is_empty();
    let is_listed = || COMMON_WORDS.iter().any(|common| common.as_bytes().eq_ignore_ascii_case(word));
    is_one_byte_repeated || is_blank || is_listed()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::secret::SecretBytes;

    fn code_of(bytes: &str) -> Option<&'static str> {
        check("X", &SecretBytes::new(bytes)).err().map(|refusal| refusal.code())
    }

    #[test]
    fn what_stands_in_every_log_is_refused() {
        for word in ["true", "False", "PASSWORD", " password\n", "undefined", "postgres"] {
            assert_eq!(code_of(word), Some("E-SECRET-COMMON"), "{word:?}");
        }
        for word in ["********", "--------------", "         ", " \t \r\n  \t \n"] {
            assert_eq!(code_of(word), Some("E-SECRET-COMMON"), "{word:?}");
        }
    }

    #[test]
    fn length_is_bounded_on_both_sides() {
        assert_eq!(code_of(""), Some("E-SECRET-SHORT"));
        assert_eq!(code_of("abc"), Some("E-SECRET-SHORT"));
        assert_eq!(code_of("1x3y5z7"), Some("E-SECRET-SHORT"));
        assert_eq!(code_of("1x3y5z7a"), None);
        assert_eq!(code_of(&"xy".repeat(24 * 1024)), None);
        assert_eq!(code_of(&"xyz".repeat(24 * 1024)), Some("E-SECRET-LONG"));
    }
}
