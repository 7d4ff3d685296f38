//! The chain of hashes that binds a run's records together.

use sha2::{Digest as _, Sha256};

use crate::RunHead;

pub(crate) type Hash = [u8; 32];

/// Where a run's chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record of run `{run}` is not as it was written: {what}")]
pub struct ChainBreak {
    /// The run.
    pub run: String,
    /// The first event that cannot be trusted; 0 for the run's head.
    pub seq: u64,
    /// What is wrong, for people.
    pub what: String,
    /// What stands there.
    pub found: String,
    /// What would stand there, were it as it was written.
    pub expected: String,
}

/// A hash as people compare it.
pub(crate) fn hex(hash: &Hash) -> String {
    use std::fmt::Write as _;
    hash.iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The hash before a run's first record: of everything in its head.
pub(crate) fn of_head(head: &RunHead) -> Hash {
    let started = head.started.unix_ms().to_le_bytes();
    let commit = head.commit.as_deref();
    let mut hash = Sha256::new();
    hash.update(b"sealock run 1");
    for field in [
        head.run.as_bytes(),
        head.pipeline.as_bytes(),
        head.file.as_bytes(),
        &[u8::from(commit.is_some())],
        commit.unwrap_or_default().as_bytes(),
        head.plan_digest.as_bytes(),
        head.plan_json.as_bytes(),
        &started,
    ] {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field);
    }
    hash.finalize().into()
}

/// The hash of a record after `before`.
pub(crate) fn next(before: &Hash, record: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(record);
    hash.finalize().into()
}
