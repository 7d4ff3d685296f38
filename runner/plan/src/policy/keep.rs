//! `[keep]`: how much of past runs a machine keeps.

use serde_json::{Map, Value as Json};

use super::Reader;

/// What it may hold.
const KEYS: [&str; 4] = ["runs", "days", "unfinished-days", "log-mib"];
/// Of anything: larger numbers are typing errors.
const MAX: u64 = 100_000_000;

/// How much of past runs a machine keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Runs that are over.
    pub runs: u64,
    /// Days after which they are forgotten all the same.
    pub days: u64,
    /// Days for which a run that is not over is kept whole, so that it can be resumed.
    pub unfinished_days: u64,
    /// All logs together.
    pub log_mib: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self { runs: 1_000, days: 90, unfinished_days: 30, log_mib: 10_240 }
    }
}

impl Reader {
    pub(super) fn keep(&mut self, value: &Json) -> Keep {
        let Some(map) = value.as_object() else {
            return self.wrong("keep", "a table", value);
        };
        self.keys("`keep` of the policy", map, &KEYS);
        let usual = Keep::default();
        Keep {
            runs: self.number(map, "runs", usual.runs),
            days: self.number(map, "days", usual.days),
            unfinished_days: self.number(map, "unfinished-days", usual.unfinished_days),
            log_mib: self.number(map, "log-mib", usual.log_mib),
        }
    }

    fn number(&mut self, map: &Map<String, Json>, key: &str, usual: u64) -> u64 {
        let Some(value) = map.get(key) else { return usual };
        match value.as_u64().filter(|number| (1..=MAX).contains(number)) {
            Some(number) => number,
            None => self.wrong(&format!("keep.{key}"), "a number from 1", value),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Policy, PolicyError};
    use super::*;

    fn keep(value: &Json) -> Result<Keep, PolicyError> {
        let file = json!({ "keep": value });
        Policy::read(file.as_object().expect("a table")).map(|policy| policy.keep)
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        assert_eq!(keep(&json!({ "runs": 5 })), Ok(Keep { runs: 5, ..Keep::default() }));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        assert_eq!(
            keep(&json!({ "runs": 0, "day": 1, "log-mib": "1G" })).expect_err("it is wrong").problems(),
            [
                "`keep` of the policy has no key `day`: there is `days`",
                "`keep.runs`: expected a number from 1, found 0",
                "`keep.log-mib`: expected a number from 1, found \"1G\"",
            ]
        );
    }
}
