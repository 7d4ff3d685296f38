//! How much of a report is kept and shown: a report of endless findings must not fill the memory or the log.

/// Findings of one severity whose words are kept.
pub const MAX_KEPT: usize = 50;

/// Findings shown at their place in the code; the most severe first.
pub const MAX_ANNOTATIONS: usize = 50;

/// The name of a rule.
pub const MAX_RULE_CHARS: usize = 200;

/// The message of one finding.
pub const MAX_MESSAGE_CHARS: usize = 1000;

/// The name of a file.
pub const MAX_FILE_CHARS: usize = 500;

/// Rules of a SARIF file, and overrides of their levels: they are kept while its results are read.
pub const MAX_RULES: usize = 100_000;

/// Runs of a SARIF file.
pub const MAX_RUNS: usize = 10_000;

/// What a tool says about itself.
pub const MAX_NOTIFICATIONS: usize = 10;
