//! One SARIF result, and what it counts as.

use serde::Deserialize;

use super::rules::{Reference, Rules};
use super::{Level, Message};
use crate::findings::{Finding, Findings, Span};
use crate::json::{AtMost, Firsts};

/// Suppressions of one result: all of them decide.
const MAX_SUPPRESSIONS: usize = 1000;

/// §3.27.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a result")]
pub(super) struct Entry {
    rule_id: Option<String>,
    rule_index: Option<i64>,
    rule: Option<Reference>,
    #[serde(default)]
    kind: Kind,
    level: Option<Level>,
    message: Message,
    #[serde(default)]
    locations: Option<Firsts<Location, 1>>,
    #[serde(default)]
    suppressions: Option<AtMost<Suppression, MAX_SUPPRESSIONS>>,
    provenance: Option<Provenance>,
    baseline_state: Option<BaselineState>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
enum Kind {
    NotApplicable,
    Pass,
    #[default]
    Fail,
    Review,
    Open,
    Informational,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum BaselineState {
    New,
    Unchanged,
    Updated,
    Absent,
}

#[derive(Deserialize)]
#[serde(expecting = "a suppression")]
struct Suppression {
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
enum Status {
    #[default]
    Accepted,
    UnderReview,
    Rejected,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a provenance")]
struct Provenance {
    invocation_index: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a location")]
struct Location {
    physical_location: Option<PhysicalLocation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a place in a file")]
struct PhysicalLocation {
    artifact_location: Option<ArtifactLocation>,
    region: Option<Region>,
}

#[derive(Deserialize)]
#[serde(expecting = "a file")]
struct ArtifactLocation {
    uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a region")]
struct Region {
    start_line: Option<u32>,
    start_column: Option<u32>,
    end_line: Option<u32>,
    end_column: Option<u32>,
}

impl Entry {
    /// Counts it as what it is.
    pub(super) fn count(&self, rules: &Rules, findings: &mut Findings) {
        let is_a_failure = self.kind == Kind::Fail && self.baseline_state != Some(BaselineState::Absent);
        if !is_a_failure {
            return;
        }
        if self.is_suppressed() {
            findings.suppressed += 1;
            return;
        }
        if let Some(severity) = self.level(rules).severity() {
            findings.add_with(severity, || {
                let (file, span) = self.place();
                Finding::new(severity, self.rule_id(), self.message.shown(), &file, span)
            });
        }
    }

    /// §3.27.23: all of them accepted, and there is one.
    fn is_suppressed(&self) -> bool {
        let all = self.suppressions.as_ref().map(|suppressions| suppressions.0.as_slice()).unwrap_or_default();
        !all.is_empty() && all.iter().all(|suppression| suppression.status == Status::Accepted)
    }

    fn rule_id(&self) -> &str {
        let referred = self.rule.as_ref().and_then(|rule| rule.id.as_deref());
        self.rule_id.as_deref().or(referred).unwrap_or_default()
    }

    fn level(&self, rules: &Rules) -> Level {
        if let Some(level) = self.level {
            return level;
        }
        let mut reference = self.rule.clone().unwrap_or_default();
        reference.id = reference.id.or_else(|| self.rule_id.clone());
        reference.index = reference.index.or(self.rule_index);
        let invocation = self.provenance.as_ref().and_then(|provenance| provenance.invocation_index);
        rules.level(&reference, invocation.and_then(|index| usize::try_from(index).ok()))
    }

    fn place(&self) -> (String, Span) {
        let location = self.locations.as_ref().and_then(|locations| locations.0.first()?.physical_location.as_ref());
        let uri = location.and_then(|location| location.artifact_location.as_ref()?.uri.as_deref());
        let region = location.and_then(|location| location.region.as_ref());
        let span = region.map(|region| Span {
            line: region.start_line.unwrap_or(1),
            column: region.start_column,
            end_line: region.end_line,
            end_column: region.end_column,
        });
        (path(uri.unwrap_or_default()), span.unwrap_or_default())
    }
}

/// The path of a URI, with its escapes resolved.
fn path(uri: &str) -> String {
    let path = uri.strip_prefix("file://").unwrap_or(uri);
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, after) = escaped(rest).map_or((byte, after), |byte| (byte, &rest[3..]));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| path.to_owned())
}

/// The byte of `%41` at the start of `text`.
fn escaped(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"%")?.get(..2)?;
    let value = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(value(digits[0])? * 16 + value(digits[1])?).ok()
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_uri_becomes_a_path() {
        assert_eq!(path("src/a%20b.py"), "src/a b.py");
        assert_eq!(path("file:///src/%C3%A4.py"), "/src/ä.py");
        assert_eq!(path("100%.txt"), "100%.txt");
        assert_eq!(path("%zz%4"), "%zz%4");
        assert_eq!(path("%ff"), "%ff");
    }
}
