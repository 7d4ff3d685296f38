//! Memory does not grow with a report.

use sealock_report::ReportError;
use sealock_report::fixtures::{Generated, peak_of};

use crate::formats;
use crate::tally::Tally;

const CASES: u64 = 200_000;
const HEAD: &str = "<?xml version=\"1.0\"?>\n<testsuites><testsuite name=\"all\" tests=\"200000\">\n";
const TAIL: &str = "</testsuite></testsuites>\n";

fn read(mut report: Generated) -> (Result<Tally, ReportError>, usize) {
    peak_of(|| sealock_report::read(&mut report, "auto", formats::ALL))
}

fn passing(number: u64) -> String {
    format!("<testcase classname=\"suite.of.many\" name=\"case {number:06}\" time=\"0.001\"/>\n")
}

fn failing(number: u64) -> String {
    let text = "a line of what it printed\n".repeat(20);
    format!(
        "<testcase classname=\"c\" name=\"case {number:06}\"><failure message=\"no\">{text}</failure>\
         <system-out>{text}</system-out></testcase>\n"
    )
}

#[test]
fn two_hundred_thousand_cases_take_less_than_a_megabyte() {
    let (tally, peak) = read(Generated::new(HEAD, passing, CASES, TAIL));
    let tally = tally.unwrap();
    assert_eq!((tally.counts.passed, tally.duration.as_secs()), (CASES, 200));
    assert!(tally.disagreements.kept().is_empty());
    assert!(peak < 1_000_000, "{peak} bytes");
}

#[test]
fn two_hundred_thousand_failures_take_little_more() {
    let (tally, peak) = read(Generated::new(HEAD, failing, CASES, TAIL));
    assert_eq!(tally.unwrap().counts.failed, CASES);
    assert!(peak < 1_500_000, "{peak} bytes");
}

#[test]
fn a_text_without_an_end_is_refused_before_it_fills_the_memory() {
    let head = format!("{HEAD}<testcase name=\"n\"><failure>");
    let (tally, peak) = read(Generated::new(&head, |_| "x".repeat(1024), 1024 * 1024, ""));
    assert_eq!(tally.unwrap_err().code(), "E-REPORT-LIMIT");
    assert!(peak < 128 * 1024 * 1024, "{peak} bytes");
}

#[test]
fn names_without_an_end_are_refused_and_not_repeated() {
    let (tally, _) = read(Generated::new("<testsuite><", |_| "x".repeat(1024), 1024, "/></testsuite>"));
    let error = tally.unwrap_err();
    assert_eq!(error.to_string(), "1:12: found the name of an element, in bytes, past the limit of 1024");
    let (tally, _) = read(Generated::new("<testsuite></", |_| "x".repeat(1024), 1024, ">"));
    assert!(tally.unwrap_err().to_string().len() < 800);
}

#[test]
fn attributes_without_an_end_are_refused() {
    let head = format!("{HEAD}<testcase ");
    let (tally, _) = read(Generated::new(&head, |number| format!("a{number:08}=\"\" "), 100_000, "/>"));
    assert_eq!(tally.unwrap_err().code(), "E-REPORT-LIMIT");
}
