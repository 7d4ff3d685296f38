//! Memory does not grow with a report.

use sealock_report::ReportError;
use sealock_report::fixtures::{Generated, peak_of};

use crate::findings::{Findings, Severity};
use crate::formats;

const FINDINGS: u64 = 200_000;

fn read(mut report: Generated) -> (Result<Findings, ReportError>, usize) {
    peak_of(|| sealock_report::read(&mut report, "auto", formats::ALL))
}

fn result(number: u64) -> String {
    format!(
        "{{\"ruleId\":\"A\",\"message\":{{\"text\":\"number {number:06}\"}},\"locations\":[{{\"physicalLocation\":\
         {{\"artifactLocation\":{{\"uri\":\"a.py\"}},\"region\":{{\"startLine\":1}}}}}}]}},\n"
    )
}

#[test]
fn two_hundred_thousand_results_take_less_than_a_megabyte() {
    let head = "{\"runs\":[{\"results\":[";
    let tail = "{\"message\":{}}],\"tool\":{\"driver\":{\"rules\":[{\"id\":\"A\",\"defaultConfiguration\":\
                {\"level\":\"error\"}}]}}}],\"version\":\"2.1.0\"}";
    let (findings, peak) = read(Generated::new(head, result, FINDINGS, tail));
    let findings = findings.unwrap();
    assert_eq!((findings.count(Severity::Error), findings.count(Severity::Warning)), (FINDINGS, 1));
    assert!(peak < 1_000_000, "{peak} bytes");
}

#[test]
fn so_do_as_many_of_ruffs() {
    let entry = |number: u64| {
        format!(
            "{{\"code\":\"E1\",\"filename\":\"a.py\",\"message\":\"{number:06}\",\"location\":{{\"row\":1,\"column\":1}}}},"
        )
    };
    let tail = "{\"code\":null,\"filename\":\"b\",\"message\":\"m\",\"location\":null,\"severity\":\"warning\"}]";
    let (findings, peak) = read(Generated::new("[", entry, FINDINGS, tail));
    let findings = findings.unwrap();
    assert_eq!((findings.count(Severity::Error), findings.count(Severity::Warning)), (FINDINGS, 1));
    assert!(peak < 1_000_000, "{peak} bytes");
}

#[test]
fn a_string_without_an_end_is_refused_before_it_fills_the_memory() {
    for head in ["[{\"message\":\"", "[{\"ignored\":\""] {
        let (findings, peak) = read(Generated::new(head, |_| "x".repeat(1024), 1024 * 1024, ""));
        assert_eq!(findings.unwrap_err().code(), "E-REPORT-LIMIT");
        assert!(peak < 128 * 1024 * 1024, "{peak} bytes");
    }
}

#[test]
fn rules_without_an_end_are_refused() {
    let head = "{\"version\":\"2.1.0\",\"runs\":[{\"results\":[],\"tool\":{\"driver\":{\"rules\":[{\"id\":\"\"}";
    let (findings, _) = read(Generated::new(head, |number| format!(",{{\"id\":\"{number:06}\"}}"), 200_000, "]}}}]}"));
    let error = findings.unwrap_err().to_string();
    assert!(error.contains("found a list of more than 100000 entries, expected a shorter one"), "{error}");
}
