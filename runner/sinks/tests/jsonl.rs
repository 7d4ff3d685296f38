//! JSON lines: what goes out is what the schema describes, and reads back.

mod recorded;

use std::io;

use sealock_events::{Event, Sink, SinkError, schema};
use sealock_sinks::JsonLines;
use serde_json::Value;

fn emitted(name: &str) -> String {
    let mut out = Vec::new();
    let mut sink = JsonLines::new(&mut out);
    for event in recorded::events(name) {
        sink.receive(&event).expect("memory takes everything");
    }
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// The schema of the kind that `event` says it is.
fn kind_schema<'s>(schema: &'s Value, event: &Value) -> &'s Value {
    let kinds = schema["oneOf"].as_array().expect("one schema a kind");
    let is_it = |one: &&Value| one["properties"]["kind"]["const"] == event["kind"];
    kinds.iter().find(is_it).expect("every kind is in the schema")
}

fn require(schema: &Value, event: &Value) {
    for key in schema["required"].as_array().expect("a list") {
        let key = key.as_str().expect("keys are strings");
        assert!(event.get(key).is_some(), "no `{key}` in {event}");
    }
}

#[test]
fn every_line_is_an_event_of_the_schema() {
    let schema = schema();
    for name in recorded::NAMES {
        for line in emitted(name).lines() {
            let event: Value = serde_json::from_str(line).expect("each line is one JSON value");
            let kind = kind_schema(&schema, &event);
            require(&schema, &event);
            require(kind, &event);
            let known = |key: &String| schema["properties"].get(key).or(kind["properties"].get(key)).is_some();
            let unknown: Vec<&String> =
                event.as_object().expect("an object").keys().filter(|key| !known(key)).collect();
            assert!(unknown.is_empty(), "{unknown:?} in {line}");
        }
    }
}

#[test]
fn what_was_sent_reads_back() {
    for name in recorded::NAMES {
        let read: Vec<Event> = emitted(name).lines().map(|line| serde_json::from_str(line).expect("ours")).collect();
        assert_eq!(read, recorded::events(name), "{name}");
    }
}

#[test]
fn a_line_break_in_a_log_line_does_not_make_two_events() {
    let text = emitted("hostile");
    assert_eq!(text.lines().count(), recorded::events("hostile").len());
    assert!(!text.contains('\x1b'), "control characters are written as JSON escapes");
}

/// Counts flushes; the reader goes away after some lines.
struct Pipe {
    lines_left: usize,
    flushed: usize,
}

impl io::Write for &mut Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines_left = self.lines_left.checked_sub(1).ok_or(io::ErrorKind::BrokenPipe)?;
        assert_eq!(bytes.last(), Some(&b'\n'), "one write a line");
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushed += 1;
        Ok(())
    }
}

#[test]
fn each_event_is_flushed_and_a_closed_pipe_is_an_error_once() {
    let mut pipe = Pipe { lines_left: 3, flushed: 0 };
    let mut sink = JsonLines::new(&mut pipe);
    let results: Vec<_> = recorded::events("deployed").iter().take(4).map(|event| sink.receive(event)).collect();
    assert!(results[..3].iter().all(Result::is_ok));
    let Err(SinkError::Write(error)) = &results[3] else { panic!("{:?}", results[3]) };
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(pipe.flushed, 3);
}
