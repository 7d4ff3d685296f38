//! LCOV tracefiles, as lcov, coverage.py, c8, and node write them.
//!
//! A record begins with `SF:` and ends with `end_of_record`; `DA:` is a line and how often it ran. A file may have
//! several records (one for each test name): their lines are one set. `LF` and `LH` are sums and not read. Nothing says
//! how many records there are: a file that was cut between two of them cannot be told from a whole one.

use std::io::{BufRead, Read};

use sealock_report::{At, Fault, Format, Place, Report, Start};

use crate::coverage::{Coverage, FileId};
use crate::limits::MAX_LCOV_LINE_BYTES;

const END: &str = "end_of_record";

pub(super) struct Lcov;

impl Format<Coverage> for Lcov {
    fn name(&self) -> &'static str {
        "lcov"
    }

    fn opening(&self) -> &'static str {
        "TN: or SF:"
    }

    fn recognises(&self, start: &Start) -> bool {
        let mut lines = start.text().lines().filter(|line| !is_silent(line));
        lines.next().is_some_and(|line| line.starts_with("TN:") || line.starts_with("SF:"))
    }

    fn read(&self, report: &mut Report<'_>) -> Result<Coverage, Fault> {
        let mut reading = Reading::default();
        let mut bytes = Vec::new();
        for line in 1.. {
            let at = At::Place(Place { line, column: 1 });
            let Some(text) = next_line(report, &mut bytes, at)? else {
                reading.finish(at)?;
                break;
            };
            reading.line(text, at)?;
        }
        Ok(reading.coverage)
    }
}

/// Blank lines and comments.
fn is_silent(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#')
}

/// The next line without its end.
fn next_line<'b>(report: &mut Report<'_>, bytes: &'b mut Vec<u8>, at: At) -> Result<Option<&'b str>, Fault> {
    bytes.clear();
    report.next_token();
    let limit = MAX_LCOV_LINE_BYTES as u64;
    let count = report.by_ref().take(limit + 1).read_until(b'\n', bytes).map_err(Fault::from_io)?;
    if bytes.len() > MAX_LCOV_LINE_BYTES {
        return Err(Fault::limit(at, "a line, in bytes,", limit));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::new(at, "bytes that are no UTF-8", "text in UTF-8"))?;
    Ok((count > 0).then(|| text.trim_end_matches(['\n', '\r'])))
}

/// What is known in the middle of a report.
#[derive(Default)]
struct Reading {
    coverage: Coverage,
    file: Option<FileId>,
    has_record: bool,
}

impl Reading {
    fn line(&mut self, line: &str, at: At) -> Result<(), Fault> {
        if is_silent(line) {
            return Ok(());
        }
        if line.trim_end() == END {
            let open = self.file.take();
            return open.map(drop).ok_or_else(|| Fault::quoting(at, line, "SF: before it"));
        }
        let Some((key, value)) = line.split_once(':').filter(|(key, _)| is_key(key)) else {
            return Err(Fault::quoting(at, line, "a line of an LCOV file, such as DA:1,0"));
        };
        match (key, self.file) {
            ("SF", None) => self.begin(value, at),
            ("SF", Some(_)) => Err(Fault::quoting(at, line, format!("{END} before the next SF:"))),
            ("DA", Some(file)) => self.add(file, value, at),
            // Functions, branches, sums; and what versions to come may add.
            ("TN", None) | (_, Some(_)) => Ok(()),
            (_, None) => Err(Fault::quoting(at, line, "SF: before it")),
        }
    }

    fn begin(&mut self, name: &str, at: At) -> Result<(), Fault> {
        if name.trim().is_empty() {
            return Err(Fault::new(at, "SF: without a file", "the name of a file"));
        }
        self.file = Some(self.coverage.file(name.trim(), at)?);
        self.has_record = true;
        Ok(())
    }

    /// `line,count` and perhaps a checksum.
    fn add(&mut self, file: FileId, value: &str, at: At) -> Result<(), Fault> {
        let wrong = || Fault::quoting(at, &format!("DA:{value}"), "DA:LINE,COUNT in whole numbers");
        let mut fields = value.split(',').map(str::trim);
        let line: u32 = fields.next().and_then(|line| line.parse().ok()).ok_or_else(wrong)?;
        let count: u64 = fields.next().and_then(|count| count.parse().ok()).ok_or_else(wrong)?;
        self.coverage.add(file, line, count > 0, at)
    }

    fn finish(&mut self, at: At) -> Result<(), Fault> {
        if self.file.is_some() {
            return Err(Fault::new(at, "the end of the file", END));
        }
        if !self.has_record {
            return Err(Fault::new(at, "the end of the file", "SF: with a file that was measured"));
        }
        self.coverage.compact();
        Ok(())
    }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.len() <= 8 && key.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
