//! Every lint report of the fixtures, by the numbers that its tool printed, and every hostile one.

use std::io::Cursor;

use proptest::prelude::*;
use sealock_report::ReportError;
use sealock_report::fixtures::{Fixture, bad, good};

use crate::findings::{Findings, Severity};
use crate::formats;

fn read(bytes: &[u8], format: &str) -> Result<Findings, ReportError> {
    sealock_report::read(&mut Cursor::new(bytes), format, formats::ALL)
}

fn assert_numbers(fixture: &Fixture, findings: &Findings) {
    let counted = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| findings.count(severity));
    let expected = ["errors", "warnings", "notes"].map(|name| fixture.numbers[name]);
    assert_eq!(counted, expected, "{}: errors, warnings, notes", fixture.file);
    if let Some(suppressed) = fixture.numbers.get("suppressed") {
        assert_eq!(findings.suppressed, *suppressed, "{}: suppressed", fixture.file);
    }
    assert_eq!(findings.is_incomplete, fixture.execution_successful == Some(false), "{}", fixture.file);
}

#[test]
fn every_report_counts_what_its_tool_printed() {
    for fixture in good(&["sarif", "ruff"]) {
        for format in ["auto", fixture.format.as_str()] {
            let findings = read(&fixture.bytes(), format).unwrap_or_else(|error| panic!("{}: {error}", fixture.file));
            assert_numbers(&fixture, &findings);
        }
    }
}

#[test]
fn every_hostile_report_gets_one_clear_error() {
    for fixture in bad(&["sarif", "ruff"]) {
        for format in ["auto", fixture.format.as_str()] {
            match read(&fixture.bytes(), format) {
                Ok(findings) if fixture.expect.as_deref() == Some("refused-or-read") => {
                    assert_numbers(&fixture, &findings);
                }
                Ok(_) => panic!("{} was read as {format}", fixture.file),
                Err(error) => {
                    println!("{}: {}: {error}", fixture.file, error.code());
                    assert!(!matches!(error, ReportError::Read(_)), "{}: {error}", fixture.file);
                    assert!(error.to_string().len() < 400, "{}: {error}", fixture.file);
                }
            }
        }
    }
}

#[test]
fn every_cut_of_a_report_is_refused() {
    let of = |name: &str| good(&["sarif", "ruff"]).into_iter().find(|fixture| fixture.file == name).unwrap();
    for fixture in [of("made-levels.sarif"), of("ruff-findings.json")] {
        let whole = fixture.bytes();
        for cut in 0..whole.trim_ascii_end().len() {
            assert!(read(&whole[..cut], &fixture.format).is_err(), "{} cut at {cut}", fixture.file);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for format in ["auto", "sarif", "ruff"] {
            let _ = read(&bytes, format);
        }
    }

    #[test]
    fn no_text_of_the_formats_words_panics(words in proptest::collection::vec(prop::sample::select(&WORDS), 0..60)) {
        for format in ["sarif", "ruff"] {
            let _ = read(words.concat().as_bytes(), format);
        }
    }
}

const WORDS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "-1",
    "0",
    "\"version\":\"2.1.0\"",
    "\"runs\":[",
    "{\"tool\":{\"driver\":{}},",
    "\"results\":[",
    "{\"message\":{\"text\":\"m\"}}",
    "\"ruleId\"",
    "\"ruleIndex\"",
    "\"level\"",
    "\"error\"",
    "]}",
    "]}]}",
    "\"message\"",
    "\"location\"",
    "\"filename\"",
    "\"\\ud800\"",
];
