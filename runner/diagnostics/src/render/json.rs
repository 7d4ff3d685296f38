//! For scripts: `{"diagnostics":[…]}`, as `sealock check --format json` promises.

use serde_json::{Value, json};

use super::Report;
use crate::{Diagnostic, Source};

/// One object with every diagnostic of every report. A place that is not known is `null`.
pub fn json(reports: &[Report<'_>]) -> Value {
    let all = reports.iter().flat_map(|report| report.diagnostics.iter().map(|one| json_of(report.source, one)));
    json!({ "diagnostics": all.collect::<Vec<_>>() })
}

/// One diagnostic.
pub fn json_of(source: &Source, diagnostic: &Diagnostic) -> Value {
    let start = diagnostic.span.map(|span| source.position(span.start));
    let end = diagnostic.span.map(|span| source.position(span.end));
    json!({
        "code": diagnostic.code,
        "severity": diagnostic.severity.word(),
        "message": diagnostic.message,
        "file": source.name(),
        "line": start.map(|place| place.line),
        "column": start.map(|place| place.column),
        "end_line": end.map(|place| place.line),
        "end_column": end.map(|place| place.column),
        "help": diagnostic.help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;

    #[test]
    fn a_diagnostic_without_a_place_has_nulls_and_every_key() {
        let source = Source::new("gone.yml", "");
        let found = Diagnostic::error("E-FILE-READ", "could not be read", None);
        let value = json(&[Report { source: &source, diagnostics: &[found] }]);
        let one = &value["diagnostics"][0];
        assert_eq!(one.as_object().map(serde_json::Map::len), Some(9));
        assert!(one["line"].is_null() && one["end_column"].is_null() && one["help"].is_null());
    }

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let source = Source::new("a.yml", "ö: ü\n");
        let found = Diagnostic::warning("E-KEY-UNKNOWN", "x", Span::new(4, 6));
        let one = json_of(&source, &found);
        assert_eq!((&one["line"], &one["column"], &one["end_column"]), (&json!(1), &json!(4), &json!(5)));
    }
}
