//! What a report may hold, and the attack each limit stops.

/// One tag, text, comment, or JSON string: a text that never ends would fill the memory.
pub const MAX_TOKEN_BYTES: u64 = 32 * 1024 * 1024;

/// Elements, lists, and objects inside each other: a tower of them would fill the stack.
pub const MAX_DEPTH: usize = 128;

/// The name of an XML element: those of all open elements are held.
pub const MAX_NAME_BYTES: usize = 1024;

/// Attributes of one XML element: each is compared with the others.
pub const MAX_ATTRIBUTES: usize = 256;

/// How much of a file's start is looked at to recognise its format.
pub const MAX_START_BYTES: usize = 64 * 1024;

/// What is quoted of a file in an error message: a name without an end would fill the log.
pub const MAX_QUOTED_CHARS: usize = 60;

/// What is said to be found, or expected, in an error message.
pub const MAX_TOLD_CHARS: usize = 300;
