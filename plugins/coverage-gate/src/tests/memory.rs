//! Memory does not grow with a report, but with its different lines.

use sealock_report::ReportError;
use sealock_report::fixtures::{Generated, peak_of};

use crate::coverage::Coverage;
use crate::formats;

fn read(mut report: Generated) -> (Result<Coverage, ReportError>, usize) {
    peak_of(|| sealock_report::read(&mut report, "auto", formats::ALL))
}

#[test]
fn records_of_one_file_again_and_again_take_no_more_memory() {
    let record = |number: u64| format!("SF:a.c\nDA:{:03},0\nDA:{:03},1\nend_of_record\n", number % 500, number % 250);
    let (coverage, peak) = read(Generated::new("TN:\n", record, 200_000, ""));
    let share = coverage.unwrap().share();
    assert_eq!((share.covered, share.valid), (250, 500));
    assert!(peak < 500_000, "{peak} bytes");
}

#[test]
fn a_million_lines_take_sixteen_bytes_each() {
    let head = "<coverage><packages><package><classes><class filename=\"a.py\"><lines>\n";
    let tail = "</lines></class></classes></package></packages></coverage>\n";
    let line = |number: u64| format!("<line number=\"{number:07}\" hits=\"{}\"/>\n", number % 2);
    let (coverage, peak) = read(Generated::new(head, line, 1_000_000, tail));
    let share = coverage.unwrap().share();
    assert_eq!((share.covered, share.valid), (500_000, 1_000_000));
    assert!(peak < 26_000_000, "{peak} bytes");
}

#[test]
fn lines_files_and_names_without_an_end_are_refused() {
    let code = |report: Generated| read(report).0.unwrap_err().code();
    let files = |number: u64| format!("SF:{number:06}\nend_of_record\n");
    assert_eq!(code(Generated::new("TN:\n", files, 200_001, "")), "E-REPORT-LIMIT");
    let names = |number: u64| format!("SF:{}{number:06}\nend_of_record\n", "long/".repeat(200));
    assert_eq!(code(Generated::new("TN:\n", names, 20_000, "")), "E-REPORT-LIMIT");
    assert_eq!(code(Generated::new("TN:\nSF:", |_| "x".repeat(1024), 2048, "")), "E-REPORT-LIMIT");
}
