//! Recorded runs, as `--format jsonl` writes them.
#![allow(dead_code, reason = "each test uses its part")]

use std::fs;
use std::path::Path;

use sealock_events::Event;

/// Every recorded run.
pub(crate) const NAMES: [&str; 14] = [
    "deployed",
    "rolled-back",
    "rolled-back-unverified",
    "rollback-failed",
    "tests-failed",
    "skipped",
    "denied",
    "cancelled",
    "matrix",
    "needs-recovery",
    "first-rolled-back",
    "fenced",
    "refused",
    "hostile",
];

/// The events of one of them.
pub(crate) fn events(name: &str) -> Vec<Event> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(format!("{name}.jsonl"));
    let text = fs::read_to_string(&path).expect("the recorded run is there");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is an event")).collect()
}
