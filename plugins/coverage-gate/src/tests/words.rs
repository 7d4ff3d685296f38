//! What the step says.

use std::io::Cursor;

use sealock_sdk::{Inputs, Outcome};

use crate::coverage::Coverage;
use crate::verdict::Verdict;
use crate::{CoverageGate, formats};

/// A tracefile of one file whose first `covered` of `valid` lines ran.
fn coverage(covered: u32, valid: u32) -> Coverage {
    let lines: Vec<String> = (1..=valid).map(|line| format!("DA:{line},{}", u32::from(line <= covered))).collect();
    let text = format!("SF:src/a.js\n{}\nend_of_record\nSF:src/whole.js\nend_of_record\n", lines.join("\n"));
    sealock_report::read(&mut Cursor::new(text), "auto", formats::ALL).unwrap()
}

fn failure(coverage: &Coverage, minimum: f64) -> Option<String> {
    match Verdict::new(coverage, "lcov.info", minimum).outcome {
        Outcome::Failed(why) => Some(why),
        _ => None,
    }
}

#[test]
fn the_formats_of_the_input_are_those_of_the_table() {
    let spec: serde_json::Value = serde_json::from_str(CoverageGate::SPEC).unwrap();
    let mut names = vec![sealock_report::AUTO];
    names.extend(formats::ALL.iter().map(|format| format.name()));
    assert_eq!(spec["format"]["options"], serde_json::json!(names));
}

#[test]
fn too_little_says_how_much_of_how_much() {
    let expected = "expected at least 80 %, found 79.38 % (312 of 393 lines)";
    assert_eq!(failure(&coverage(312, 393), 80.0).as_deref(), Some(expected));
    assert_eq!(failure(&coverage(312, 393), 79.38), None);
    assert_eq!(failure(&coverage(393, 393), 100.0), None);
}

#[test]
fn almost_is_never_shown_as_enough() {
    let why = failure(&coverage(79_999, 100_000), 80.0);
    assert_eq!(why.as_deref(), Some("expected at least 80 %, found 79.99 % (79999 of 100000 lines)"));
}

#[test]
fn nothing_measured_fails_whatever_is_asked() {
    let expected = "found no measured lines in lcov.info, expected at least one";
    assert_eq!(failure(&coverage(0, 0), 0.0).as_deref(), Some(expected));
    assert_eq!(coverage(0, 0).measured().coverage, None);
}

#[test]
fn the_least_covered_files_are_named_with_their_lines() {
    let verdict = Verdict::new(&coverage(3, 5), "lcov.info", 80.0);
    assert_eq!(verdict.lines, ["covered: 60 % (3 of 5 lines)", "src/a.js: 60 % (3 of 5 lines), not covered: 4-5"]);
    assert!(verdict.summary.contains("| src/a.js | 60 % (3 of 5 lines) | 4-5 |"), "{}", verdict.summary);
    assert!(!verdict.summary.contains("whole.js"), "{}", verdict.summary);
}
