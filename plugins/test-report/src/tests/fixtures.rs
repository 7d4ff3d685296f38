//! Every test report of the fixtures, by the numbers that its tool printed, and every hostile one.

use std::io::Cursor;

use proptest::prelude::*;
use sealock_report::ReportError;
use sealock_report::fixtures::{Fixture, bad, good};

use crate::formats;
use crate::tally::Tally;

fn read(bytes: &[u8], format: &str) -> Result<Tally, ReportError> {
    sealock_report::read(&mut Cursor::new(bytes), format, formats::ALL)
}

fn assert_numbers(fixture: &Fixture, tally: &Tally) {
    let counts = tally.counts;
    let found = [counts.total(), counts.failed, counts.errors, counts.skipped];
    let expected = ["tests", "failures", "errors", "skipped"].map(|name| fixture.numbers[name]);
    assert_eq!(found, expected, "{}: tests, failures, errors, skipped", fixture.file);
}

#[test]
fn every_report_counts_what_its_tool_printed() {
    for fixture in good(&["junit"]) {
        for format in ["auto", "junit"] {
            let tally = read(&fixture.bytes(), format).unwrap_or_else(|error| panic!("{}: {error}", fixture.file));
            assert_numbers(&fixture, &tally);
        }
    }
}

#[test]
fn every_hostile_report_gets_one_clear_error() {
    for fixture in bad(&["junit"]) {
        for format in ["auto", "junit"] {
            match read(&fixture.bytes(), format) {
                Ok(tally) if fixture.expect.as_deref() == Some("refused-or-read") => assert_numbers(&fixture, &tally),
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
    let whole = good(&["junit"]).into_iter().find(|fixture| fixture.file == "surefire-mixed.xml").unwrap().bytes();
    let end = whole.trim_ascii_end().len();
    for cut in (0..end).step_by(7) {
        assert!(read(&whole[..cut], "junit").is_err(), "cut at {cut}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, "auto");
        let _ = read(&bytes, "junit");
    }

    #[test]
    fn no_text_of_the_formats_words_panics(words in proptest::collection::vec(prop::sample::select(&WORDS), 0..60)) {
        let _ = read(words.concat().as_bytes(), "junit");
    }
}

const WORDS: [&str; 18] = [
    "<testsuites>",
    "</testsuites>",
    "<testsuite tests=\"9\">",
    "</testsuite>",
    "<testcase name=\"n\" time=\"-1e999\">",
    "</testcase>",
    "<failure message=\"&#x1b;[\">",
    "</failure>",
    "<error/>",
    "<skipped/>",
    "text ",
    "&lt;",
    "&#",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "é",
];
