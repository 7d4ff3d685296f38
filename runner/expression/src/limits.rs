//! Every bound of the language, with the attack that it stops.

/// The longest expression, in UTF-16 units as GitHub counts; stops a parser from being fed megabytes.
pub const EXPRESSION_UNITS: usize = 21_000;

/// The deepest tree of an expression; stops recursion from reaching the end of the stack.
pub const EXPRESSION_DEPTH: usize = 50;

/// What an expression may hold at once in strings and lists that it made, counted as GitHub counts:
/// two bytes a UTF-16 unit; stops `format('{0}{0}{0}…', format(…))`.
pub const EVALUATION_MEMORY_BYTES: usize = 1024 * 1024;

/// The longest text that `fromJSON` reads, which is the longest output value; stops a 50 MiB document.
pub const JSON_TEXT_BYTES: usize = 1024 * 1024;

/// How deep a document may nest that `fromJSON` reads, as at GitHub; stops ten thousand `[`.
pub const JSON_DEPTH: usize = 100;

/// What all values made by `fromJSON` in one evaluation may take; stops a small text of a million values.
pub const JSON_VALUE_BYTES: usize = 10 * 1024 * 1024;

/// What one evaluation may do, in bytes compared, copied, or walked over; stops a short expression
/// that goes over a large context a thousand times.
pub const EVALUATION_WORK_BYTES: usize = 64 * 1024 * 1024;

/// The longest text that a template becomes; stops many large values from being put side by side.
pub const TEMPLATE_TEXT_BYTES: usize = 10 * 1024 * 1024;

/// The most arguments that a function takes, as at GitHub.
pub const FUNCTION_ARGUMENTS: usize = 255;
