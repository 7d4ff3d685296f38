//! For code scanning: SARIF 2.1.0.

use serde_json::{Value, json};

use super::Report;
use crate::{Diagnostic, Source, codes};

/// A log with one run and one result a diagnostic.
pub fn sarif(reports: &[Report<'_>], version: &str) -> Value {
    let results: Vec<Value> =
        reports.iter().flat_map(|report| report.diagnostics.iter().map(|one| result(report.source, one))).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "sealock", "version": version, "rules": rules(reports) } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rules(reports: &[Report<'_>]) -> Vec<Value> {
    let mut names: Vec<&str> = reports.iter().flat_map(|report| report.diagnostics).map(|one| one.code).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(rule).collect()
}

fn rule(name: &str) -> Value {
    let title = codes::find(name).map_or_else(|| name.to_owned(), |code| code.title().to_owned());
    json!({ "id": name, "shortDescription": { "text": title } })
}

fn result(source: &Source, diagnostic: &Diagnostic) -> Value {
    let mut physical = json!({ "artifactLocation": { "uri": source.name() } });
    if let Some(span) = diagnostic.span {
        let (start, end) = (source.position(span.start), source.position(span.end));
        physical["region"] = json!({
            "startLine": start.line, "startColumn": start.column,
            "endLine": end.line, "endColumn": end.column,
        });
    }
    let help = diagnostic.help.as_deref().map(|help| format!("\n{help}")).unwrap_or_default();
    json!({
        "ruleId": diagnostic.code,
        "level": diagnostic.severity.word(),
        "message": { "text": format!("{}{help}", diagnostic.message) },
        "locations": [{ "physicalLocation": physical }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;

    #[test]
    fn each_code_is_one_rule_and_each_problem_one_result() {
        let source = Source::new("a.yml", "abc\n");
        let found = [
            Diagnostic::error("E-KEY-UNKNOWN", "one", Span::new(0, 1)),
            Diagnostic::warning("E-KEY-UNKNOWN", "two", None),
        ];
        let log = sarif(&[Report { source: &source, diagnostics: &found }], "0.1.0");
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"].as_array().map(Vec::len), Some(1));
        assert_eq!(run["results"].as_array().map(Vec::len), Some(2));
        assert_eq!(run["results"][0]["locations"][0]["physicalLocation"]["region"]["endColumn"], 2);
        assert!(run["results"][1]["locations"][0]["physicalLocation"]["region"].is_null());
    }
}
