//! The plugin on the host: every fixture, memory, and words.

mod fixtures;
mod memory;
mod words;

use sealock_report::fixtures::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
