//! Every coverage report of the fixtures, by the numbers that its tool printed, and every hostile one.

use std::io::Cursor;

use proptest::prelude::*;
use sealock_report::ReportError;
use sealock_report::fixtures::{Fixture, bad, good};

use crate::coverage::Coverage;
use crate::formats;

fn read(bytes: &[u8], format: &str) -> Result<Coverage, ReportError> {
    sealock_report::read(&mut Cursor::new(bytes), format, formats::ALL)
}

fn assert_numbers(fixture: &Fixture, coverage: &Coverage) {
    let share = coverage.share();
    let expected = ["covered", "valid"].map(|name| fixture.numbers[name]);
    assert_eq!([share.covered, share.valid], expected, "{}: covered, valid", fixture.file);
}

#[test]
fn every_report_counts_what_its_tool_printed() {
    for fixture in good(&["cobertura", "lcov"]) {
        for format in ["auto", fixture.format.as_str()] {
            let coverage = read(&fixture.bytes(), format).unwrap_or_else(|error| panic!("{}: {error}", fixture.file));
            assert_numbers(&fixture, &coverage);
        }
    }
}

#[test]
fn every_hostile_report_gets_one_clear_error() {
    for fixture in bad(&["cobertura", "lcov"]) {
        for format in ["auto", fixture.format.as_str()] {
            match read(&fixture.bytes(), format) {
                Ok(coverage) if fixture.expect.as_deref() == Some("refused-or-read") => {
                    assert_numbers(&fixture, &coverage);
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
    let of = |name: &str| good(&["cobertura", "lcov"]).into_iter().find(|fixture| fixture.file == name).unwrap();
    for fixture in [of("c8-cobertura.xml"), of("coverage-py.info")] {
        let whole = fixture.bytes();
        for cut in 0..whole.trim_ascii_end().len() {
            assert!(read(&whole[..cut], &fixture.format).is_err(), "{} cut at {cut}", fixture.file);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for format in ["auto", "cobertura", "lcov"] {
            let _ = read(&bytes, format);
        }
    }

    #[test]
    fn no_text_of_the_formats_words_panics(words in proptest::collection::vec(prop::sample::select(&WORDS), 0..60)) {
        for format in ["cobertura", "lcov"] {
            let _ = read(words.concat().as_bytes(), format);
        }
    }
}

const WORDS: [&str; 14] = [
    "<coverage>",
    "</coverage>",
    "<classes>",
    "<class filename=\"f\">",
    "</class>",
    "<lines>",
    "</lines>",
    "<line number=\"4294967295\" hits=\"1\"/>",
    "SF:f\n",
    "DA:1,1\n",
    "DA:4294967295,0\n",
    "end_of_record\n",
    "LF:9\n",
    "\n",
];
