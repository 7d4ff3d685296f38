//! What the step says.

use std::io::Cursor;

use sealock_report::fixtures::good;
use sealock_sdk::{Inputs, Outcome};

use crate::findings::{Findings, Span};
use crate::verdict::Verdict;
use crate::{LintReport, formats};

fn findings(text: &[u8]) -> Findings {
    sealock_report::read(&mut Cursor::new(text), "auto", formats::ALL).unwrap()
}

fn fixture(name: &str) -> Findings {
    let fixture = good(&["sarif", "ruff"]).into_iter().find(|fixture| fixture.file == name).unwrap();
    findings(&fixture.bytes())
}

/// A report of ruff's with one finding of each of `severities`.
fn ruff(severities: &[&str]) -> Findings {
    let entries = severities.iter().map(|severity| {
        format!(
            "{{\"code\":\"E1\",\"filename\":\"a.py\",\"message\":\"{severity}\",\"location\":{{\"row\":3,\"column\":5}},\
             \"end_location\":{{\"row\":4,\"column\":1}},\"severity\":\"{severity}\"}}"
        )
    });
    findings(format!("[{}]", entries.collect::<Vec<_>>().join(",")).as_bytes())
}

fn failure(findings: &Findings, fail_on: &str) -> Option<String> {
    match Verdict::new(findings, "r.json", fail_on).outcome {
        Outcome::Failed(why) => Some(why),
        _ => None,
    }
}

#[test]
fn the_formats_of_the_input_are_those_of_the_table() {
    let spec: serde_json::Value = serde_json::from_str(LintReport::SPEC).unwrap();
    let mut names = vec![sealock_report::AUTO];
    names.extend(formats::ALL.iter().map(|format| format.name()));
    assert_eq!(spec["format"]["options"], serde_json::json!(names));
}

#[test]
fn fail_on_is_the_least_that_fails() {
    let found = ruff(&["warning", "info", "warning"]);
    assert_eq!(failure(&found, "error"), None);
    let expected = "found 2 warnings, expected none (`fail-on: warning`)";
    assert_eq!(failure(&found, "warning").as_deref(), Some(expected));
    let expected = "found 2 warnings, 1 note, expected none (`fail-on: note`)";
    assert_eq!(failure(&found, "note").as_deref(), Some(expected));
    assert_eq!(failure(&ruff(&["error"]), "never"), None);
}

#[test]
fn a_tool_that_did_not_finish_fails_whatever_was_found() {
    let why = failure(&fixture("eslint-findings.sarif"), "never").unwrap();
    assert!(why.contains("the tool did not finish (`executionSuccessful` is false): Parsing error"), "{why}");
    assert!(why.ends_with("found until then: 4 errors, 2 warnings (2 suppressed)"), "{why}");
}

#[test]
fn the_most_severe_come_first_with_their_place() {
    let found = ruff(&["info", "warning", "error"]);
    let order: Vec<&str> = found.worst().map(|finding| finding.message.as_str()).collect();
    assert_eq!(order, ["error", "warning", "info"]);
    let place = found.worst().next().unwrap().place.clone().unwrap();
    let span = Span { line: 3, column: Some(5), end_line: Some(4), end_column: Some(1) };
    assert_eq!((place.file.as_str(), place.span), ("a.py", span));
    let summary = Verdict::new(&found, "r.json", "error").summary;
    assert!(summary.contains("- **error** a.py:3 error (E1)\n- **warning**"), "{summary}");
}

#[test]
fn what_a_baseline_calls_absent_is_not_there() {
    let text = br#"{"version":"2.1.0","runs":[{"tool":{"driver":{}},"results":[
        {"level":"error","message":{"text":"gone"},"baselineState":"absent"},
        {"level":"error","message":{"text":"new"},"baselineState":"new"}]}]}"#;
    assert_eq!(failure(&findings(text), "error").as_deref(), Some("found 1 error, expected none (`fail-on: error`)"));
}
