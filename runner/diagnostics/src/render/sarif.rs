//! For code scanning: SARIF 2.1.0.

use std::fmt::Write as _;

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
    let mut physical = json!({ "artifactLocation": { "uri": uri(source.name()) } });
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

/// A path as the URI reference that SARIF wants: bytes that have a meaning there, or none at all, are escaped.
fn uri(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if is_plain(byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
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

    /// What the 2.1.0 schema requires, and what GitHub asks for beside it.
    #[test]
    fn a_log_has_what_the_schema_requires() {
        let source = Source::new("a b/ö:#.yml", "abc\n");
        let found = [Diagnostic::error("E-KEY-UNKNOWN", "one", Span::new(0, 0)).help("help")];
        let log = sarif(&[Report { source: &source, diagnostics: &found }], "0.1.0");
        assert_eq!((&log["version"], log["runs"].as_array().map(Vec::len)), (&json!("2.1.0"), Some(1)));
        let run = &log["runs"][0];
        assert!(run["tool"]["driver"]["name"].is_string() && run["columnKind"] == "unicodeCodePoints");
        let result = &run["results"][0];
        assert_eq!(result["message"]["text"], "one\nhelp");
        assert!(["none", "note", "warning", "error"].iter().any(|level| result["level"] == *level));
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b/%C3%B6%3A%23.yml");
        let number = |name: &str| place["region"][name].as_u64().unwrap_or_default();
        assert!(number("startLine") >= 1 && number("endLine") >= number("startLine"));
        assert!(number("startColumn") >= 1 && number("endColumn") >= number("startColumn"));
        let empty = sarif(&[], "0.1.0");
        assert_eq!(empty["runs"][0]["results"], json!([]), "a run without results says that it looked");
    }
}
