//! SARIF 2.1.0.
//!
//! A result counts at its level, or at that of its rule, which may stand anywhere in the file: the file is read twice,
//! first for rules and invocations, then for results, of which none is kept. Not counted are results that are no
//! failures (`kind`), that are suppressed, and that a baseline calls `absent`.

mod outline;
mod result;
mod rules;

use sealock_report::{Fault, Format, Report, Start};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

use crate::findings::{Findings, Severity};
use crate::json::{self, Each, Only};

use result::Entry;
use rules::Rules;

pub(super) struct Sarif;

impl Format<Findings> for Sarif {
    fn name(&self) -> &'static str {
        "sarif"
    }

    fn opening(&self) -> &'static str {
        "an object"
    }

    fn recognises(&self, start: &Start) -> bool {
        start.text().starts_with('{')
    }

    fn read(&self, report: &mut Report<'_>) -> Result<Findings, Fault> {
        let mut findings = Findings::default();
        let runs = outline::read(report, &mut findings)?;
        json::read(report, Only::new("runs", Runs { runs: &runs, findings: &mut findings }))?;
        Ok(findings)
    }
}

/// §3.27.10.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Level {
    None,
    Note,
    #[default]
    Warning,
    Error,
}

impl Level {
    fn severity(self) -> Option<Severity> {
        match self {
            Self::None => None,
            Self::Note => Some(Severity::Note),
            Self::Warning => Some(Severity::Warning),
            Self::Error => Some(Severity::Error),
        }
    }
}

/// §3.11: a text, or the name of one.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a message")]
struct Message {
    text: Option<String>,
    markdown: Option<String>,
    id: Option<String>,
}

impl Message {
    fn shown(&self) -> &str {
        self.text.as_deref().or(self.markdown.as_deref()).or(self.id.as_deref()).unwrap_or("no message")
    }
}

/// The list of runs, read for their results.
struct Runs<'a> {
    runs: &'a [Rules],
    findings: &'a mut Findings,
}

impl<'de> DeserializeSeed<'de> for Runs<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Runs<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of runs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        for rules in self.runs {
            let results = Each::new("results", |entry: Entry| entry.count(rules, self.findings));
            list.next_element_seed(Only::new("results", results))?;
        }
        // As many as were found the first time: this asks for the end of the list.
        list.next_element::<serde::de::IgnoredAny>().map(drop)
    }
}
