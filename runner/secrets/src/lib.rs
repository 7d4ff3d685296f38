//! Secret providers, the vault of a run, and the streaming redactor in front of every sink.
//!
//! A [`Provider`] finds the bytes of a secret by name. A [`Vault`] holds what one run may use, puts
//! a [`SecretText`] together, and knows every form in which a secret may turn up in output. A
//! [`Redactor`] is a cheap handle on those forms; each stream of bytes gets its own
//! [`RedactingStream`] from it.
//!
//! # Invariants
//!
//! - Secret bytes live in zeroised memory and have no `Display`, no readable `Debug`, and no
//!   `Serialize`.
//! - What a [`RedactingStream`] gives out does not depend on how its input was split.
//! - Output holds no needle: not in the text as it is, and not in the text without blanks and
//!   escape sequences, not even one that a replacement would have put together.
//! - Nothing here reads the environment: the variables are handed in.
//!
//! # What redaction promises
//!
//! Redaction is a net under the real control, which is that steps hold handles and not bytes. It
//! catches a secret (8 bytes or more) as it is; each line of it; quoted for JSON, JSON in JSON,
//! XML, shells, Go, and Rust; percent-encoded once and twice; in hex; in base64 at every alignment,
//! and base64 of that; and all of these interleaved with blanks, line ends, and escape sequences.
//!
//! # What it does not promise
//!
//! - Reversed, ROT13, UTF-16, encrypted, compressed, or hashed secrets, or any encoding not above.
//! - A secret split over two streams or two steps, or parts of one: a prefix, or a line shorter
//!   than 8 bytes.
//! - More than [`GAP_MAX_BYTES`] of blanks between two neighbouring characters.
//! - The bits of a base64 text that belong to the secret's neighbours as much as to it (at most six
//!   at either end).
//! - That no copy stays in memory: the search automaton and the allocator's old buffers are not
//!   zeroised. The process that holds them must not be dumpable.

mod mask;
mod matcher;
mod needles;
mod provider;
mod redactor;
mod refusal;
mod secret;
mod strip;
mod vault;
mod workflow;

pub use provider::{
    Caution, Environment, Fetched, Fetching, FileEntryError, Files, ListError, Listed, LoadError, PREFIX, Provider,
    ProviderError, load,
};
pub use redactor::{RedactingStream, Redactor};
pub use refusal::{COMMON_WORDS, Refusal, SECRET_MAX_BYTES, SECRET_MIN_BYTES};
pub use sealock_contract::secret::{SecretPart, SecretText};
pub use secret::SecretBytes;
pub use strip::GAP_MAX_BYTES;
pub use vault::{AssembleError, Vault};
