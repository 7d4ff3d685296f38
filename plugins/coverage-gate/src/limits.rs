//! How much a report may make this step keep: a set of lines has to be kept, since a line may stand in several places.

/// Different lines of all files together, 8 bytes each: a report of endless lines would fill the memory. Twice as many
/// may be held before double ones are sought.
pub const MAX_LINES: usize = 4_000_000;

/// Files: each costs more than its lines.
pub const MAX_FILES: usize = 200_000;

/// The names of all files together.
pub const MAX_NAMES_BYTES: usize = 16 * 1024 * 1024;

/// One line of an LCOV file; function names of C++ templates are long.
pub const MAX_LCOV_LINE_BYTES: usize = 1024 * 1024;

/// Files named in the log and the summary.
pub const MAX_LISTED_FILES: usize = 10;

/// Ranges of uncovered lines named for one file.
pub const MAX_LISTED_RANGES: usize = 8;

/// How a file is named in the log and the summary.
pub const MAX_NAME_CHARS: usize = 200;
