//! Every bound on the text itself, with the attack that it stops.

/// The longest file; stops a 200 MiB scalar before it is looked at.
pub(crate) const FILE_BYTES_MAX: usize = 1024 * 1024;

/// The deepest nesting, aliases expanded; stops ten thousand `[` from exhausting the stack.
pub(crate) const DEPTH_MAX: usize = 64;

/// What all aliases and merge keys may expand to; stops "billion laughs".
pub(crate) const EXPANDED_NODES_MAX: usize = 100_000;

/// How many anchors there may be; stops a table of a hundred thousand that nothing uses.
pub(crate) const ANCHORS_MAX: usize = 10_000;

/// The longest scalar; stops one value from becoming an environment or a log of its own.
pub(crate) const STRING_BYTES_MAX: usize = 64 * 1024;

/// How many places of malformed YAML are told about in one go; each costs one more pass over the file.
pub(crate) const SYNTAX_ERRORS_MAX: usize = 20;

/// How many lines are taken out of a malformed file in search of the rest; each costs one pass.
pub(crate) const RECOVERY_PASSES_MAX: usize = 60;
