//! What the process exits with. The numbers are a promise; `runs.md` of the design has the table.

/// Success.
pub(crate) const SUCCESS: u8 = 0;
/// A step failed; nothing was deployed, or the run has no deployment.
pub(crate) const STEP_FAILED: u8 = 1;
/// The request is wrong: arguments, file, plan, something not built yet.
pub(crate) const USAGE: u8 = 2;
/// A bug in Sealock.
pub(crate) const BUG: u8 = 70;
