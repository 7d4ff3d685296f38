//! The attempts on one target, and what they add up to.

use std::fmt::Write;
use std::time::Duration;

use sealock_sdk::{Error, ErrorKind};

use crate::text::{seconds, shown};

/// One question and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// `None` when there was no answer.
    pub(crate) status: Option<u16>,
    /// What was found instead of what was expected; `None` when it passed.
    pub(crate) problem: Option<String>,
    pub(crate) body: String,
    pub(crate) took: Duration,
}

/// When a target has passed, and when it is given up.
#[derive(Debug)]
pub(crate) struct Rules {
    attempts: u32,
    passes: u32,
}

impl Rules {
    pub(crate) fn new(attempts: u32, passes: u32) -> Result<Self, Error> {
        if passes > attempts {
            let message = format!("`passes` wants {passes} in a row, and `attempts` allows {attempts} in all");
            return Err(Error::of_kind(ErrorKind::Invalid, "E-SMOKE-PASSES", message));
        }
        Ok(Self { attempts, passes })
    }

    pub(crate) fn is_passed(&self, tally: &Tally) -> bool {
        tally.in_a_row >= self.passes
    }

    /// Whether another attempt could still decide something.
    pub(crate) fn wants_more(&self, tally: &Tally) -> bool {
        let left = self.attempts.saturating_sub(tally.attempts());
        !self.is_passed(tally) && tally.in_a_row + left >= self.passes
    }
}

/// The attempts on one target so far.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    target: Option<String>,
    attempts: Vec<Attempt>,
    in_a_row: u32,
}

impl Tally {
    pub(crate) fn new(target: Option<String>) -> Self {
        Self { target, attempts: Vec::new(), in_a_row: 0 }
    }

    pub(crate) fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    pub(crate) fn attempts(&self) -> u32 {
        u32::try_from(self.attempts.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    pub(crate) fn add(&mut self, attempt: Attempt) {
        self.in_a_row = if attempt.problem.is_none() { self.in_a_row + 1 } else { 0 };
        self.attempts.push(attempt);
    }

    /// The log line of an attempt that is about to be added.
    pub(crate) fn line(&self, attempt: &Attempt, rules: &Rules) -> String {
        let found = match (&attempt.problem, attempt.status) {
            (None, Some(status)) => format!("{status}, as expected,"),
            (problem, _) => problem.clone().unwrap_or_default(),
        };
        let number = self.attempts() + 1;
        format!("{}attempt {number} of {}: {found} after {}", self.prefix(), rules.attempts, seconds(attempt.took))
    }

    fn prefix(&self) -> String {
        self.target().map(|target| format!("{target} ")).unwrap_or_default()
    }

    /// Why this target did not pass.
    pub(crate) fn failure(&self, rules: &Rules, elapsed: Duration) -> String {
        let on = self.target().map(|target| format!(" on {target}")).unwrap_or_default();
        let Some(last) = self.attempts.iter().rfind(|attempt| attempt.problem.is_some()) else {
            return format!("found{on} only {} of {} passes", self.in_a_row, rules.passes);
        };
        let problem = last.problem.as_deref().unwrap_or_default();
        let same = self.attempts.iter().filter(|attempt| attempt.problem.as_deref() == Some(problem)).count();
        let count = self.attempts();
        let mut text = format!("found{on} {problem} in {same} of {count} attempts over {}", seconds(elapsed));
        let passed = self.attempts.iter().filter(|attempt| attempt.problem.is_none()).count();
        if passed > 0 {
            let _ = write!(text, ", {passed} passed, not {} in a row", rules.passes);
        }
        if !last.body.trim().is_empty() {
            let _ = write!(text, ", last body: {}", shown(&last.body));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `.` is a pass, anything else a status.
    fn tally(target: Option<&str>, attempts: &[&str]) -> Tally {
        let mut tally = Tally::new(target.map(str::to_owned));
        for text in attempts {
            let problem = (*text != ".").then(|| (*text).to_owned());
            let body = if problem.is_some() { "{\"status\":\"starting\"}".to_owned() } else { String::new() };
            tally.add(Attempt { status: Some(200), problem, body, took: Duration::from_millis(120) });
        }
        tally
    }

    fn rules(attempts: u32, passes: u32) -> Rules {
        Rules::new(attempts, passes).expect("good rules")
    }

    #[test]
    fn one_pass_is_enough_unless_more_are_wanted_in_a_row() {
        assert!(rules(10, 1).is_passed(&tally(None, &["503", "."])));
        assert!(!rules(10, 2).is_passed(&tally(None, &["503", "."])));
        assert!(rules(10, 2).is_passed(&tally(None, &["503", ".", "."])));
    }

    #[test]
    fn a_target_that_flaps_never_passes_and_is_given_up_when_it_cannot() {
        let rules = rules(5, 2);
        let flapping = tally(None, &[".", "500", ".", "500"]);
        assert!(!rules.is_passed(&flapping));
        assert!(!rules.wants_more(&flapping), "one attempt is left, two passes are wanted");
        assert!(rules.wants_more(&tally(None, &[".", "500", "500"])));
    }

    #[test]
    fn a_failure_says_what_was_found_how_often_and_for_how_long() {
        let failure = tally(None, &["503"; 10]).failure(&rules(10, 1), Duration::from_secs(30));
        assert_eq!(failure, "found 503 in 10 of 10 attempts over 30 s, last body: {\"status\":\"starting\"}");
        let failure = tally(Some("web2"), &["503", ".", "500", "."]).failure(&rules(4, 2), Duration::from_secs(12));
        assert_eq!(
            failure,
            "found on web2 500 in 1 of 4 attempts over 12 s, 2 passed, not 2 in a row, \
             last body: {\"status\":\"starting\"}"
        );
    }

    #[test]
    fn an_attempt_is_logged_with_its_time() {
        let attempt = |problem: Option<&str>| Attempt {
            status: Some(200),
            problem: problem.map(str::to_owned),
            body: String::new(),
            took: Duration::from_millis(120),
        };
        let tally = tally(Some("web1"), &["503"]);
        assert_eq!(tally.line(&attempt(None), &rules(10, 1)), "web1 attempt 2 of 10: 200, as expected, after 0.12 s");
        assert_eq!(tally.line(&attempt(Some("503")), &rules(10, 1)), "web1 attempt 2 of 10: 503 after 0.12 s");
    }

    #[test]
    fn more_passes_than_attempts_are_refused() {
        assert_eq!(Rules::new(2, 3).expect_err("impossible").code(), "E-SMOKE-PASSES");
    }
}
