//! Everything of a SARIF file but its results: is it one, did the tools finish, and which rules have they.

use std::fmt;

use sealock_report::{Fault, Report, shorten, visible};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::rules::{Invocation, Rules, Tool};
use super::{Level, Message};
use crate::findings::Findings;
use crate::json::{self, AnyList, AtMost};
use crate::limits::{MAX_MESSAGE_CHARS, MAX_RULES, MAX_RUNS};

const VERSION: &str = "2.1.0";

/// Reads the outline, and leaves in `findings` what the tools said of themselves.
pub(super) fn read(report: &mut Report<'_>, findings: &mut Findings) -> Result<Vec<Rules>, Fault> {
    json::read(report, Outline { findings })
}

/// One run. `results` has to be there: without it, nothing was scanned.
#[derive(Deserialize)]
#[serde(expecting = "a run")]
struct Run {
    tool: Tool,
    #[serde(default)]
    invocations: Option<AtMost<Invocation, MAX_RUNS>>,
    #[serde(rename = "results")]
    _results: AnyList,
}

struct Outline<'a> {
    findings: &'a mut Findings,
}

impl<'de> DeserializeSeed<'de> for Outline<'_> {
    type Value = Vec<Rules>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Rules>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Outline<'_> {
    type Value = Vec<Rules>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `version` and `runs`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Rules>, A::Error> {
        let (mut has_version, mut runs) = (false, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "version" => has_version = check_version::<A::Error>(&map.next_value::<String>()?)?,
                "runs" if runs.is_some() => return Err(A::Error::duplicate_field("runs")),
                "runs" => runs = Some(map.next_value_seed(RunList { findings: self.findings })?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if !has_version {
            return Err(A::Error::missing_field("version"));
        }
        runs.ok_or_else(|| A::Error::missing_field("runs"))
    }
}

fn check_version<E: serde::de::Error>(version: &str) -> Result<bool, E> {
    let found = shorten(&visible(version), 40);
    if version == VERSION { Ok(true) } else { Err(E::custom(format_args!("version `{found}`, expected `{VERSION}`"))) }
}

struct RunList<'a> {
    findings: &'a mut Findings,
}

impl<'de> DeserializeSeed<'de> for RunList<'_> {
    type Value = Vec<Rules>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Rules>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RunList<'_> {
    type Value = Vec<Rules>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of runs")
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Rules>, A::Error> {
        let mut runs: Vec<Rules> = Vec::new();
        let mut kept = 0;
        while let Some(run) = list.next_element::<Run>()? {
            let invocations = run.invocations.unwrap_or_default().0;
            for invocation in &invocations {
                notice(self.findings, invocation);
            }
            let rules = Rules::new(run.tool, invocations);
            kept += rules.count();
            if runs.len() >= MAX_RUNS || kept > MAX_RULES {
                let limits = format_args!("more than {MAX_RUNS} runs or {MAX_RULES} rules, expected fewer");
                return Err(A::Error::custom(limits));
            }
            runs.push(rules);
        }
        Ok(runs)
    }
}

fn notice(findings: &mut Findings, invocation: &Invocation) {
    findings.is_incomplete |= invocation.execution_successful == Some(false);
    for notification in invocation.notifications() {
        if notification.level == Level::Error {
            findings.notifications.push_with(|| told(&notification.message));
        }
    }
}

fn told(message: &Message) -> String {
    shorten(&visible(message.shown()), MAX_MESSAGE_CHARS)
}
