//! What the step says.

use std::io::Cursor;

use sealock_sdk::{Inputs, Outcome};

use crate::tally::Tally;
use crate::verdict::Verdict;
use crate::{TestReport, formats};

fn tally(xml: &str) -> Tally {
    sealock_report::read(&mut Cursor::new(xml), "junit", formats::ALL).unwrap()
}

fn failure(verdict: Verdict) -> String {
    match verdict.outcome {
        Outcome::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_formats_of_the_input_are_those_of_the_table() {
    let spec: serde_json::Value = serde_json::from_str(TestReport::SPEC).unwrap();
    let mut names = vec![sealock_report::AUTO];
    names.extend(formats::ALL.iter().map(|format| format.name()));
    assert_eq!(spec["format"]["options"], serde_json::json!(names));
}

#[test]
fn a_failure_says_how_many_and_which() {
    let xml = "<testsuite tests='3'><testcase classname='c' name='a'><failure message='no'/></testcase>
               <testcase classname='c' name='b'><error>bang\nat line 1</error></testcase><testcase name='d'/></testsuite>";
    let tally = tally(xml);
    let verdict = Verdict::new(&tally, "r.xml", "fail");
    assert_eq!(verdict.line, "3 tests: 1 passed, 1 failed, 1 ended by an error (0.00 s)");
    assert!(verdict.summary.contains("- **c › b** error\n\n      bang\n      at line 1\n"), "{}", verdict.summary);
    assert_eq!(failure(verdict), "of 3 tests 1 failed and 1 ended by an error: c › a, c › b");
}

#[test]
fn no_test_is_a_failure_a_warning_or_fine() {
    let tally = tally("<testsuites/>");
    let why = failure(Verdict::new(&tally, "r.xml", "fail"));
    assert!(why.starts_with("found no tests in r.xml, expected at least one"), "{why}");
    let warned = Verdict::new(&tally, "r.xml", "warn");
    assert_eq!((warned.outcome, warned.warnings), (Outcome::Success, vec!["found no tests in r.xml".to_owned()]));
    let passed = Verdict::new(&tally, "r.xml", "pass");
    assert_eq!((passed.outcome, passed.warnings), (Outcome::Success, Vec::new()));
}

#[test]
fn attributes_that_disagree_are_a_warning() {
    let tally =
        tally("<testsuite name='s' tests='4' failures='0'><testcase name='a'><failure/></testcase></testsuite>");
    let verdict = Verdict::new(&tally, "r.xml", "fail");
    let expected = "r.xml: attributes disagree with the test cases, which are what counts: \
                    `s` says tests=4, its test cases 1; failures=0, its test cases 1";
    assert_eq!(verdict.warnings, [expected]);
}

#[test]
fn a_suite_that_fails_without_a_test_is_an_error() {
    let tally = tally("<testsuites><testsuite name='s'><error message='no database'/></testsuite></testsuites>");
    assert_eq!(tally.counted().errors, 1);
    assert_eq!(tally.problems.kept()[0].message, "no database");
}

#[test]
fn everything_skipped_is_a_warning() {
    let tally = tally("<testsuite><testcase name='a'><skipped/></testcase></testsuite>");
    let verdict = Verdict::new(&tally, "r.xml", "fail");
    assert_eq!(verdict.outcome, Outcome::Success);
    assert_eq!(verdict.warnings, ["all of r.xml was skipped: 1 test"]);
}

#[test]
fn what_a_report_says_stays_text() {
    let xml =
        "<testsuite><testcase name='&lt;img> `x`'><failure message='m'># big\n```\n</failure></testcase></testsuite>";
    let summary = Verdict::new(&tally(xml), "r.xml", "fail").summary;
    assert!(summary.contains("- **&lt;img> \\`x\\`** failed\n\n      # big\n      ```\n"), "{summary}");
}

#[test]
fn a_place_is_the_test_cases_own_or_its_suites_file() {
    let place = |xml: &str| tally(xml).problems.kept()[0].place.clone().map(|place| (place.file, place.line));
    let of = |suite: &str, case: &str| {
        place(&format!("<testsuite {suite}><testcase name='n' {case}><failure/></testcase></testsuite>"))
    };
    assert_eq!(of("", ""), None);
    assert_eq!(of("", "file='a.js' line='3'"), Some(("a.js".to_owned(), 3)));
    assert_eq!(of("file='b.js'", ""), Some(("b.js".to_owned(), 1)));
    assert_eq!(of("name='pytest'", "file='a.py' line='17'"), Some(("a.py".to_owned(), 18)), "pytest counts from 0");
}
