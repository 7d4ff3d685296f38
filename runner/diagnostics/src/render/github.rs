//! For GitHub: one workflow command a diagnostic, which becomes an annotation of the line.

use std::fmt::Write as _;

use super::Report;
use crate::{Diagnostic, escape};

/// `::error file=…,line=…::…` for each diagnostic, one a line.
pub fn github(reports: &[Report<'_>]) -> String {
    let mut out = String::new();
    for report in reports {
        for diagnostic in report.diagnostics {
            let _ = writeln!(out, "{}", command(report, diagnostic));
        }
    }
    out
}

fn command(report: &Report<'_>, diagnostic: &Diagnostic) -> String {
    let mut properties = format!("file={}", property(&escape(report.source.name())));
    if let Some(span) = diagnostic.span {
        let (start, end) = (report.source.position(span.start), report.source.position(span.end));
        let _ = write!(properties, ",line={},endLine={}", start.line, end.line);
        // GitHub ignores columns of an annotation that spans lines.
        if start.line == end.line {
            let _ = write!(properties, ",col={},endColumn={}", start.column, end.column);
        }
    }
    let help = diagnostic.help.as_deref().map(|help| format!("\n{help}")).unwrap_or_default();
    let text = format!("{}{help}", escape(&diagnostic.message));
    format!("::{} {properties},title={}::{}", diagnostic.severity.word(), diagnostic.code, message(&text))
}

/// `text` as the message of a workflow command: it stays on its line.
pub fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// `text` as a property of a workflow command: it ends neither the property nor the properties.
pub fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Source, Span};

    #[test]
    fn text_from_the_file_cannot_start_a_second_command() {
        let source = Source::new("a,b:c.yml", "x\n");
        let found = Diagnostic::error("E-KEY-UNKNOWN", "found\n::set-env name=A::1", Span::new(0, 1));
        let shown = github(&[Report { source: &source, diagnostics: &[found] }]);
        assert_eq!(
            shown,
            "::error file=a%2Cb%3Ac.yml,line=1,endLine=1,col=1,endColumn=2,title=E-KEY-UNKNOWN::found\\n::set-env name=A::1\n"
        );
    }

    #[test]
    fn percent_signs_and_line_ends_are_escaped_everywhere_colons_and_commas_in_properties() {
        let source = Source::new("50%.yml", "x\n");
        let found = Diagnostic::warning("E-KEY-UNKNOWN", "100%: a,b", None).help("0%:\n1,0%");
        let shown = github(&[Report { source: &source, diagnostics: &[found] }]);
        assert_eq!(shown, "::warning file=50%25.yml,title=E-KEY-UNKNOWN::100%25: a,b%0A0%25:%0A1,0%25\n");
    }
}
