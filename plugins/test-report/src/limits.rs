//! How much of a report is kept and shown: a report where everything fails must not fill the memory or the log.

/// Failures whose words are kept.
pub const MAX_PROBLEMS: usize = 100;

/// Failures shown at their place in the code.
pub const MAX_ANNOTATIONS: usize = 50;

/// The name of a test or a suite.
pub const MAX_NAME_CHARS: usize = 300;

/// The message of one failure.
pub const MAX_MESSAGE_CHARS: usize = 1000;

/// What a failure tells besides its message.
pub const MAX_DETAIL_CHARS: usize = 2000;

/// Suites whose numbers disagree with their test cases.
pub const MAX_DISAGREEMENTS: usize = 5;
