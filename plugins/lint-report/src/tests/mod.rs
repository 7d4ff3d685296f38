//! The plugin on the host: every fixture, memory, and words.

mod fixtures;
