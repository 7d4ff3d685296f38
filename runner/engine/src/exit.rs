//! What a run exits with, as far as the engine decides it.

/// A step failed; nothing was deployed.
pub(crate) const FAILED: u8 = 1;
/// Nothing was changed: what was asked for cannot be.
pub(crate) const REQUEST: u8 = 2;
/// Refused: a grant or a policy.
pub(crate) const REFUSED: u8 = 3;
/// A limit.
pub(crate) const LIMIT: u8 = 4;
/// Something outside failed.
pub(crate) const REMOTE: u8 = 6;
/// Another run holds the environment.
pub(crate) const FENCED: u8 = 7;
/// The deployment failed and was rolled back, and the old release verified.
pub(crate) const ROLLED_BACK: u8 = 10;
/// The rollback failed, or its verification.
pub(crate) const ROLLBACK_FAILED: u8 = 11;
/// What is recorded is not all that is true: an effect's outcome is unknown, or a record is missing.
pub(crate) const NEEDS_RECOVERY: u8 = 12;
/// A bug in Sealock.
pub(crate) const BUG: u8 = 70;
/// Cancelled.
pub(crate) const CANCELLED: u8 = 130;
