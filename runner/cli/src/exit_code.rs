//! What the process exits with. The numbers are a promise; `runs.md` of the design has the table.

/// Success.
pub(crate) const SUCCESS: u8 = 0;
/// Something ran and did not do what it should.
pub(crate) const FAILURE: u8 = 1;
/// The request is wrong: arguments, file, plan, something not built yet.
pub(crate) const USAGE: u8 = 2;
/// Something is not what it was pinned to be: a lockfile, a digest.
pub(crate) const INTEGRITY: u8 = 5;
