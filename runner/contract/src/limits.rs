//! Every limit of a step, with the attack that it stops.

use serde::{Deserialize, Serialize};

/// What a line of the log counts beside its text: each is an event with a time and a name, and a flood of empty ones
/// must not cost a hundred times its quota.
pub const LOG_LINE_COST_BYTES: u64 = 64;

/// Linear memory of a step unless `allow.memory` says otherwise: a growing guest must not take the host's.
pub const MEMORY_BYTES: u64 = 256 << 20;
/// Wall time of a step without `timeout`: a step that hangs must not hold a run for ever.
pub const WALL_MS: u64 = 10 * 60 * 1000;
/// Between two looks at a running guest: an endless loop is stopped at most this late.
pub const EPOCH_TICK_MS: u64 = 10;
/// What one host call may carry, and what one capture holds: a string of 2 GiB must not be lifted.
pub const HOST_CALL_BYTES: usize = 16 << 20;
/// Live handles of a step: ten million resources must not fill a table.
pub const HANDLES: usize = 4_096;
/// A step's log: an endless print must not fill the disk.
pub const LOG_BYTES: u64 = 64 << 20;
/// One log line, then it is split: a line without an end must not be held in memory.
pub const LOG_LINE_BYTES: usize = 64 << 10;
/// Bytes that a step may write into its workspace.
pub const WRITTEN_BYTES: u64 = 1 << 30;
/// Files that a step may write into its workspace.
pub const WRITTEN_FILES: u64 = 100_000;
/// A component's file: 500 MiB of code must not reach the compiler.
pub const COMPONENT_BYTES: u64 = 64 << 20;
/// Compiling one component: a pathological module must not hold the runner.
pub const COMPILE_SECONDS: u64 = 60;
/// Memory for compiling one component.
pub const COMPILE_MEMORY_BYTES: u64 = 2 << 30;
/// One output value.
pub const OUTPUT_BYTES: usize = 1 << 20;
/// Outputs of one step.
pub const OUTPUTS: usize = 1_000;
/// Annotations of one step that are kept; the rest is counted.
pub const ANNOTATIONS: usize = 1_000;
/// Header fields of a request or an answer.
pub const HTTP_HEADERS: usize = 200;
/// Bytes of all header fields together.
pub const HTTP_HEADER_BYTES: usize = 64 << 10;
/// Bytes of an answer's body.
pub const HTTP_BODY_BYTES: u64 = 64 << 20;
/// Between asking a step to stop and ending it with everything it started.
pub const CANCEL_GRACE_MS: u64 = 10_000;

/// The limits of one step, as the plan fixed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepLimits {
    /// Linear memory, in bytes.
    pub memory_bytes: u64,
    /// Memory of each process of a native command, in bytes; without it, as much as the machine has.
    #[serde(default)]
    pub process_memory_bytes: Option<u64>,
    /// Wall time, in milliseconds.
    pub wall_ms: u64,
    /// Log, in bytes.
    pub log_bytes: u64,
    /// Bytes written into the workspace.
    pub written_bytes: u64,
    /// Files written into the workspace.
    pub written_files: u64,
}

impl Default for StepLimits {
    fn default() -> Self {
        Self {
            memory_bytes: MEMORY_BYTES,
            process_memory_bytes: None,
            wall_ms: WALL_MS,
            log_bytes: LOG_BYTES,
            written_bytes: WRITTEN_BYTES,
            written_files: WRITTEN_FILES,
        }
    }
}
