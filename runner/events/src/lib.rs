//! What happened in a run, once, in order: the only way out of the engine.
//!
//! An [`Event`] has a number, a time, and an [`EventKind`]. Readers implement [`Sink`]; [`FanOut`] hands
//! each event to all of them. The same types, as JSON, are the wire format of `--format jsonl`, of the
//! journal, and of `sealock show`; [`schema`] describes it.
//!
//! # Invariants
//!
//! - Every `…-started` has exactly one `…-finished`, also after a trap, a kill, or a cancel. What a killed process could
//!   not write down, the one that resumes the run does, as an interruption; `run-resumed` then starts the run once more.
//! - An event is handed to sinks only after it is durable: in the journal, or, for what is
//!   [transient](EventKind::is_transient), in the run's log file.
//! - A sink that fails is retired and reported once; the run goes on.
//! - No secret is in an event: what steps print passes the redactor first.

mod fan_out;
mod kind;
mod sink;
mod time;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use fan_out::FanOut;
pub use kind::{
    Cause, Conclusion, DeploymentResult, EventKind, Goal, INTERRUPTED, LogLevel, NEEDS_RECOVERY, Place, PlannedStage,
    PlannedStep, ProbeState, RunResult, ServiceState, Waiting, Wall,
};
pub use sink::{Retired, Sink, SinkError};
pub use time::Timestamp;

/// The version of the wire format.
pub const VERSION: u32 = 1;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The version of the wire format, [`VERSION`].
    pub v: u32,
    /// From 1 in each run, without gaps, for what the journal holds; for what is transient, the number
    /// of the last such event before it.
    pub seq: u64,
    /// From 1 after each journaled event, for what is transient; left out otherwise.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sub: u64,
    /// When, UTC.
    pub time: Timestamp,
    /// Which run.
    pub run: String,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The JSON schema of one line of `--format jsonl`.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Event).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_flat_object_and_reads_back() {
        let event = Event {
            v: VERSION,
            seq: 3,
            sub: 1,
            time: Timestamp::from_unix_ms(1_700_000_000_123),
            run: "01J".into(),
            kind: EventKind::Log { stage: "test".into(), step: "1".into(), level: LogLevel::Info, text: "hi\n".into() },
        };
        let json = serde_json::to_string(&event).expect("plain data");
        assert_eq!(
            json,
            r#"{"v":1,"seq":3,"sub":1,"time":"2023-11-14T22:13:20.123Z","run":"01J","kind":"log","stage":"test","step":"1","level":"info","text":"hi\n"}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&json).expect("what we wrote"), event);
    }

    #[test]
    fn the_schema_names_every_kind() {
        let schema = schema().to_string();
        for kind in ["run-started", "step-finished", "effect-intent", "rollback-finished", "run-finished", "denied"] {
            assert!(schema.contains(kind), "{kind}");
        }
    }
}
